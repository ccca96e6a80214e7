package activities_test

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/activities"
	"github.com/callvault/callvault/internal/account"
	"github.com/callvault/callvault/internal/archive"
	"github.com/callvault/callvault/internal/archive/s3test"
	"github.com/callvault/callvault/internal/failure"
	"github.com/callvault/callvault/internal/secret"
	"github.com/callvault/callvault/internal/simulator"
	"github.com/callvault/callvault/workflows"
	"github.com/callvault/callvault/workflows/callbudget"
	"github.com/callvault/callvault/workflows/fetchrecording"
)

const transcriptKey = folder + archive.TranscriptName

// attachmentHarness fetches what belongs to the session's call from a simulator.
type attachmentHarness struct {
	*upstream
	t       *testing.T
	account *account.Served
	server  *s3test.Server
	slots   *callSlots
	again   bool
	over    bool // nothing is tried again
	log     strings.Builder
	fetches *activities.FetchAttachments
}

func newAttachmentHarness(t *testing.T, session simulator.Session) *attachmentHarness {
	t.Helper()
	u := newUpstream(t, simulator.Config{EnforceJTI: true})
	u.add(t, session)
	return attachmentsAt(t, u, u.url)
}

func attachmentsAt(t *testing.T, u *upstream, api *url.URL) *attachmentHarness {
	t.Helper()
	a, server := openAccount(t, api)
	h := &attachmentHarness{upstream: u, t: t, account: a, server: server, slots: &callSlots{slot: callbudget.Slot{Within: time.Minute}}}
	h.fetches = &activities.FetchAttachments{Served: a, Slots: h.slots, Buffers: archive.NewBuffers(8<<20, 0), Logger: slog.New(slog.NewTextHandler(&h.log, nil))}
	return h
}

func (h *attachmentHarness) fetch(kind workflows.AttachmentKind) (*fetchrecording.FetchAttachmentsResult, error) {
	h.t.Helper()
	if h.over {
		h.fetches.Patience = 1
	}
	return run[fetchrecording.FetchAttachmentsResult](h.t, h.fetches.Execute, fetchrecording.FetchAttachmentsInput{
		Session: session, Kind: kind, BatchID: "july", Level: 3, Again: h.again,
	})
}

// requireFetched requires the objects that the result names, and returns them.
func (h *attachmentHarness) requireFetched(kind workflows.AttachmentKind) []workflows.Attachment {
	h.t.Helper()
	result, err := h.fetch(kind)
	require.NoError(h.t, err)
	require.Empty(h.t, result.LeftOut)
	for _, one := range result.Attachments {
		object, found := h.server.Object(bucket, one.Key)
		require.True(h.t, found, one.Key)
		require.Equal(h.t, workflows.Attachment{
			Kind: kind, Bucket: bucket, Key: one.Key, Bytes: int64(len(object.Body)), SHA256: sha(string(object.Body)), ContentType: object.ContentType,
		}, one)
	}
	return result.Attachments
}

// requireLeftOut requires that there is nothing but a reason.
func (h *attachmentHarness) requireLeftOut(kind workflows.AttachmentKind, says string) {
	h.t.Helper()
	result, err := h.fetch(kind)
	require.NoError(h.t, err)
	require.Empty(h.t, result.Attachments)
	require.Len(h.t, result.LeftOut, 1)
	require.Equal(h.t, kind, result.LeftOut[0].Kind)
	require.Contains(h.t, result.LeftOut[0].Reason, says)
	requireNoSecret(h.t, result.LeftOut[0].Reason)
	require.Empty(h.t, h.server.Keys(bucket))
}

// spoken are messages of a call.
var spoken = []simulator.Message{{Text: "hello <b>"}, {Text: "hi", Outgoing: true}, {Text: "bye"}}

func TestTranscriptIsStoredAsTheVendorHasIt(t *testing.T) {
	h := newAttachmentHarness(t, simulator.Session{Messages: spoken})
	fetched := h.requireFetched(workflows.AttachmentTranscript)
	require.Len(t, fetched, 1)
	require.Equal(t, []string{transcriptKey}, h.server.Keys(bucket))
	object, _ := h.server.Object(bucket, transcriptKey)
	require.Contains(t, string(object.Body), `{"text":"hello <b>"}`)
	var got struct {
		Version          int
		BotID, SessionID string
		Messages         []struct {
			ID         string `json:"_id"`
			Components []struct{ Data struct{ Text string } }
		}
	}
	require.NoError(t, json.Unmarshal(object.Body, &got))
	require.Equal(t, []any{1, botID, sessionID}, []any{got.Version, got.BotID, got.SessionID})
	var texts []string
	for _, message := range got.Messages {
		texts = append(texts, message.Components[0].Data.Text)
	}
	require.Equal(t, []string{"hello <b>", "hi", "bye"}, texts)
	require.Zero(t, h.Counts().API, "no call of the recordings' budget is spent")
	require.Equal(t, []callbudget.Want{{BotID: botID, Level: 3, Batch: "july"}}, h.slots.wants)
}

func TestLongTranscriptTakesAPageAndASlotAfterTheOther(t *testing.T) {
	h := newAttachmentHarness(t, simulator.Session{Messages: make([]simulator.Message, 20_001)})
	h.requireFetched(workflows.AttachmentTranscript)
	require.Equal(t, 3, h.Counts().Attachments[simulator.KindMessages].Accepted)
	require.Len(t, h.slots.wants, 3)
	object, _ := h.server.Object(bucket, transcriptKey)
	require.Equal(t, 20_001, strings.Count(string(object.Body), `"_id":`))
}

func TestCallWithoutMessagesIsSaidToHaveNone(t *testing.T) {
	newAttachmentHarness(t, simulator.Session{}).requireLeftOut(workflows.AttachmentTranscript, "has no messages of the call")
}

// What such responses mean is not documented; the bounds hold anyway.
func TestMessagesThatCannotBeWhatWasAskedForAreLeftOut(t *testing.T) {
	message := func(id, session string) string { return `{"_id":"` + id + `","sessionId":"` + session + `"}` }
	for body, says := range map[string]string{
		`{"moreAvailable":true,"messages":[` + message("ms-1", sessionID) + `]}`:                      "the same messages on every page",
		`{"messages":[` + message("ms-1", "65e7133a3242653c58d7bbbb") + `]}`:                          "messages of other sessions",
		`{"moreAvailable":true,"messages":[{}]}`:                                                      "more than 10 pages",
		`{"moreAvailable":true,"messages":[{"x":"` + strings.Repeat("x", 6<<20) + `"}]}`:              "more than 16777216 bytes",
		`{"moreAvailable":true,"messages":[` + message("ms-1", "65e7133a3242653c58d7bbbb") + `, {}]}`: "more than 10 pages",
	} {
		h := attachmentsAt(t, nil, serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(body)) })))
		h.requireLeftOut(workflows.AttachmentTranscript, says)
	}
}

func TestVoicemailIsStreamedIntoTheArchive(t *testing.T) {
	h := newAttachmentHarness(t, simulator.Session{VoicemailFiles: []simulator.File{{Name: "voicemail_1.wav", Duration: time.Second}, {Name: "b.FLAC", Format: simulator.FLAC, Duration: time.Second}}})
	fetched := h.requireFetched(workflows.AttachmentVoicemail)
	require.Len(t, fetched, 2)
	require.Regexp(t, `/voicemail-[0-9a-f]{16}\.wav$`, fetched[0].Key)
	require.Regexp(t, `/voicemail-[0-9a-f]{16}\.flac$`, fetched[1].Key)
	require.Equal(t, []string{"audio/wav", "audio/flac"}, []string{fetched[0].ContentType, fetched[1].ContentType})
	require.Zero(t, h.Counts().CredentialsAtMedia)
	require.Zero(t, h.Counts().API)
}

func TestCallWithoutVoicemailHasNothingToSay(t *testing.T) {
	h := newAttachmentHarness(t, simulator.Session{})
	require.Empty(t, h.requireFetched(workflows.AttachmentVoicemail))
	require.Empty(t, h.log.String())
}

// A file without a stated length needs memory for its parts, and one whose end nothing proves
// is downloaded twice.
func TestVoicemailOfUnknownLengthIsStoredInParts(t *testing.T) {
	var media *url.URL
	media = serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/voicemail") {
			_, _ = w.Write([]byte(`{"status":"success","voicemail_recording":"` + media.String() + `/f-1.mp3?e=1&s=canary"}`))
			return
		}
		writeFile(w, recorded, false)
	}))
	h := attachmentsAt(t, nil, media)
	fetched := h.requireFetched(workflows.AttachmentVoicemail)
	require.Len(t, fetched, 1)
	require.Equal(t, sha(recorded), fetched[0].SHA256)
	require.Empty(t, h.server.Uploads())
}

func TestVoicemailThatIsNotUnderstoodIsLeftOut(t *testing.T) {
	h := attachmentsAt(t, nil, serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(`{"status":"success","voicemail recording":{"data":"canary"}}`))
	})))
	h.requireLeftOut(workflows.AttachmentVoicemail, "response is not understood")
}

func TestVoicemailOnAForbiddenHostIsLeftOutWithoutContactingIt(t *testing.T) {
	h := attachmentsAt(t, nil, serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(`{"status":"success","voicemail recording":["https://elsewhere.example.org/f-1.wav?e=1&s=canary"]}`))
	})))
	h.requireLeftOut(workflows.AttachmentVoicemail, "elsewhere.example.org")
}

// What an earlier attempt or another fetch has stored is not fetched again.
func TestAttachmentThatIsThereIsKept(t *testing.T) {
	h := newAttachmentHarness(t, simulator.Session{Messages: spoken, VoicemailFiles: []simulator.File{{Duration: time.Second}}})
	transcript, voicemail := h.requireFetched(workflows.AttachmentTranscript), h.requireFetched(workflows.AttachmentVoicemail)
	before := h.Counts()
	require.Equal(t, voicemail, h.requireFetched(workflows.AttachmentVoicemail), "the store refuses another one")
	h.again = true
	require.Equal(t, transcript, h.requireFetched(workflows.AttachmentTranscript))
	require.Equal(t, voicemail, h.requireFetched(workflows.AttachmentVoicemail))
	after := h.Counts()
	require.Equal(t, before.Attachments[simulator.KindMessages], after.Attachments[simulator.KindMessages], "the transcript is read in the archive")
	require.Equal(t, before.Media+1, after.Media, "a repeated attempt downloads nothing")
}

func TestRefusedScopeLeavesOutAndIsLoggedOnce(t *testing.T) {
	h := newAttachmentHarness(t, simulator.Session{Messages: spoken, VoicemailFiles: []simulator.File{{}}})
	h.SetScopeOf(simulator.KindMessages, false)
	h.SetScopeOf(simulator.KindVoicemail, false)
	h.requireLeftOut(workflows.AttachmentTranscript, `scope "Chat History"`)
	h.requireLeftOut(workflows.AttachmentTranscript, `scope "Chat History"`)
	h.requireLeftOut(workflows.AttachmentVoicemail, `scope "SmartAssist Voicemail"`)
	require.Equal(t, 2, strings.Count(h.log.String(), "level=WARN"))
	require.Contains(t, h.log.String(), "account=acme kind=transcript")
}

func TestWhatPassesIsTriedAgainUntilTimeIsUp(t *testing.T) {
	for _, row := range []struct {
		kind  simulator.CallKind
		of    workflows.AttachmentKind
		fault simulator.Fault
		want  failure.Kind
		says  string
	}{
		{simulator.KindMessages, workflows.AttachmentTranscript, simulator.Fault{Kind: simulator.Respond, Status: 503}, failure.Transient, "unavailable"},
		{simulator.KindVoicemail, workflows.AttachmentVoicemail, simulator.Fault{Kind: simulator.HTML}, failure.Transient, "not the JSON object"},
	} {
		h := newAttachmentHarness(t, simulator.Session{Messages: spoken, VoicemailFiles: []simulator.File{{}}})
		require.NoError(t, h.SetOutageOf(row.kind, &row.fault))
		_, err := h.fetch(row.of)
		requireKind(t, err, row.want, true, true)
		h.over = true
		h.requireLeftOut(row.of, row.says)
		require.NoError(t, h.SetOutageOf(row.kind, nil))
		require.Len(t, h.requireFetched(row.of), 1)
	}
}

// The recordings wait for the same credentials.
func TestWrongCredentialsLeaveNothingOutBeforeTimeIsUp(t *testing.T) {
	h := newAttachmentHarness(t, simulator.Session{Messages: spoken})
	h.SetClientSecret("another-secret-000000000000000000000000000000")
	_, err := h.fetch(workflows.AttachmentTranscript)
	requireKind(t, err, failure.Blocked, true, true)
	h.SetClientSecret("")
	require.Len(t, h.requireFetched(workflows.AttachmentTranscript), 1)

	h.account.Accounts[0].Credentials.Key = secret.File(filepath.Join(t.TempDir(), "missing"))
	_, err = h.fetch(workflows.AttachmentTranscript)
	require.Error(t, err, "a secret that is being replaced")
	h.over = true
	h.server.Remove(bucket, transcriptKey)
	h.requireLeftOut(workflows.AttachmentTranscript, "missing")
}

func TestBrokenVoicemailIsTriedAgainUntilTimeIsUp(t *testing.T) {
	h := newAttachmentHarness(t, simulator.Session{VoicemailFiles: []simulator.File{{Duration: time.Second, Faults: []simulator.Fault{{Kind: simulator.Respond, Status: 403, Times: -1}}}}})
	_, err := h.fetch(workflows.AttachmentVoicemail)
	requireKind(t, err, failure.MediaRefused, true, true)
	h.over = true
	h.requireLeftOut(workflows.AttachmentVoicemail, "403")
}

func TestRefusalByRateIsReportedToItsOwnBudget(t *testing.T) {
	h := newAttachmentHarness(t, simulator.Session{Messages: spoken})
	require.NoError(t, h.SetBudgetOf(simulator.KindMessages, 1, simulator.Unlimited))
	h.requireFetched(workflows.AttachmentTranscript)
	h.server.Remove(bucket, transcriptKey)
	_, err := h.fetch(workflows.AttachmentTranscript)
	failed := requireKind(t, err, failure.RateLimited, true, true)
	require.Equal(t, time.Minute, failed.NextRetryDelay())
	require.Equal(t, []callbudget.CallReport{{BotID: botID, Slot: h.slots.slot, Result: callbudget.Refused, Span: time.Minute}}, h.slots.reports)
}

func TestCallWithoutASlotIsNotMade(t *testing.T) {
	h := newAttachmentHarness(t, simulator.Session{Messages: spoken})
	h.slots.err = failure.New(failure.NoSlotYet, "no slot yet")
	_, err := h.fetch(workflows.AttachmentTranscript)
	requireKind(t, err, failure.NoSlotYet, true, true)
	h.slots.err, h.slots.void = nil, true
	_, err = h.fetch(workflows.AttachmentTranscript)
	requireKind(t, err, failure.TokenStale, true, true)
	require.Zero(t, h.Counts().Attachments[simulator.KindMessages].Calls)
	require.Equal(t, callbudget.Unused, h.slots.reports[0].Result)
}

func TestFailureOfTheStoreIsNotTheAttachments(t *testing.T) {
	for _, row := range []struct {
		status  int
		code    string
		kind    failure.Kind
		retried bool
	}{{http.StatusServiceUnavailable, "SlowDown", failure.ArchiveUnavailable, true}, {http.StatusForbidden, "AccessDenied", failure.ArchiveBlocked, false}} {
		h := newAttachmentHarness(t, simulator.Session{Messages: spoken})
		h.over = true
		h.server.Add(s3test.Rule{Operation: s3test.PutObject, Status: row.status, Code: row.code, Always: true})
		_, err := h.fetch(workflows.AttachmentTranscript)
		requireKind(t, err, row.kind, row.retried, row.kind == failure.ArchiveBlocked)
	}
}

func TestUnknownKindOfAttachmentIsLeftOut(t *testing.T) {
	newAttachmentHarness(t, simulator.Session{}).requireLeftOut("later", "upgrade the workers")
}

func TestAttachmentsOfABotThatIsNotServedWaitForAnotherWorker(t *testing.T) {
	h := newAttachmentHarness(t, simulator.Session{})
	_, err := run[fetchrecording.FetchAttachmentsResult](t, h.fetches.Execute, fetchrecording.FetchAttachmentsInput{
		Session: workflows.Session{BotID: "st-9", SessionID: sessionID}, Kind: workflows.AttachmentTranscript,
	})
	requireKind(t, err, failure.BotNotServed, false, true)
}
