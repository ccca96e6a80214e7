package activities_test

import (
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/internal/account"
	"github.com/callvault/callvault/internal/archive"
	"github.com/callvault/callvault/internal/archive/s3test"
	"github.com/callvault/callvault/internal/failure"
	"github.com/callvault/callvault/internal/simulator"
	"github.com/callvault/callvault/workflows"
	"github.com/callvault/callvault/workflows/fetchrecording"
)

const callKey = folder + archive.CallName

// storeCall writes what the lists say of the call, as the workflow of the day does.
func storeCall(t *testing.T, a *account.Served, length time.Duration, row string) {
	t.Helper()
	require.NoError(t, a.Accounts[0].Store.WriteCall(t.Context(), session, archive.Call{
		Lists: archive.CallLists{GetSessions: json.RawMessage(row)}, StartedAt: finishedAt, EndedAt: finishedAt.Add(length),
	}))
}

// callIn returns the call that the archive has, as a result names it.
func callIn(t *testing.T, server *s3test.Server) workflows.Attachment {
	t.Helper()
	object, found := server.Object(bucket, callKey)
	require.True(t, found)
	return workflows.Attachment{Kind: workflows.AttachmentCall, Bucket: bucket, Key: callKey, Bytes: int64(len(object.Body)), SHA256: sha(string(object.Body)), ContentType: "application/json"}
}

func TestManifestOfAnOnlyFileRefersToTheCall(t *testing.T) {
	a, server, media := openArchive(t)
	a.Accounts[0].CallDetails = true
	storeCall(t, a, time.Minute, `{"queue":"sales"}`)
	server.ForgetRequests()
	got, err := proved(t, a, media, "", false)
	require.NoError(t, err)
	require.Equal(t, []workflows.Attachment{callIn(t, server)}, got.Written.Result.Attachments)
	m, _ := stored(t, a)
	require.Equal(t, callKey, m.Attachments[0].Key)
	operations := map[s3test.Operation]int{}
	for _, request := range server.Requests() {
		if request.Key == callKey {
			operations[request.Operation]++
		}
	}
	require.Equal(t, map[s3test.Operation]int{s3test.GetObject: 1, s3test.HeadObject: 1}, operations, "it costs no activity and two short requests")
}

func TestCallIsNotReadUnlessTheAccountKeepsIt(t *testing.T) {
	a, server, media := openArchive(t)
	storeCall(t, a, time.Minute, `{}`)
	server.ForgetRequests()
	got, err := proved(t, a, media, "", false)
	require.NoError(t, err)
	require.Empty(t, got.Written.Result.Attachments)
	for _, request := range server.Requests() {
		require.NotEqual(t, callKey, request.Key)
	}
}

func TestManifestOfEveryOutcomeRefersToTheCallAndToWhatWasFetched(t *testing.T) {
	transcript := workflows.Attachment{Kind: workflows.AttachmentTranscript, Bucket: bucket, Key: transcriptKey, Bytes: 2, SHA256: sha("{}"), ContentType: "application/json"}
	leftOut := []workflows.LeftOut{{Kind: workflows.AttachmentVoicemail, Reason: "refused"}}
	for _, outcome := range []workflows.Outcome{workflows.OutcomeArchived, workflows.OutcomeUnavailable, workflows.OutcomeGaveUp} {
		a, server := openAccount(t, nil)
		a.Accounts[0].CallDetails = true
		storeCall(t, a, time.Minute, `{}`)
		result := resultOf(outcome)
		if outcome == workflows.OutcomeArchived {
			store(server, aKey, audio)
			result.Recordings = []workflows.Recording{recordingOf("a.wav", audio)}
		}
		result.Attachments, result.LeftOut = []workflows.Attachment{transcript}, leftOut
		written, err := writeManifest(t, a, fetchrecording.WriteManifestInput{Result: result})
		require.NoError(t, err)
		require.Equal(t, []workflows.Attachment{transcript, callIn(t, server)}, written.Attachments)
		require.Equal(t, leftOut, written.LeftOut)

		found, err := findArchived(t, a)
		require.NoError(t, err)
		require.Equal(t, written.Attachments, found.Result.Attachments)
		require.Empty(t, found.Damaged, "the transcript is not there, and the recordings are not fetched again for it")
	}
}

func TestRecordingThatIsFarShorterThanItsCallHasARemark(t *testing.T) {
	for _, row := range []struct {
		length time.Duration
		want   []string
	}{
		{0, []string{"of the header"}},
		{9 * time.Second, []string{"of the header"}},
		{11 * time.Second, []string{"of the header", "the recording lasts less than a tenth of the call, which took 11s"}},
	} {
		a, server := openAccount(t, nil)
		a.Accounts[0].CallDetails = true
		storeCall(t, a, row.length, `{}`)
		store(server, aKey, audio)
		recording := recordingOf("a.wav", audio)
		recording.Remarks = []string{"of the header"}
		recording.Audio = &workflows.AudioFindings{Encoding: "pcm_s16le", Channels: 1, SampleRate: 8000, DurationSeconds: 1}
		for range 2 { // A further manifest does not repeat it.
			written, err := writeManifest(t, a, fetchrecording.WriteManifestInput{Result: resultOf(workflows.OutcomeArchived, recording)})
			require.NoError(t, err)
			require.Equal(t, row.want, written.Recordings[0].Remarks)
			recording.Remarks = written.Recordings[0].Remarks
			server.Remove(bucket, manifestKey)
		}
	}
}

func TestObjectInThePlaceOfACallHoldsNoManifestBack(t *testing.T) {
	a, server := openAccount(t, nil)
	a.Accounts[0].CallDetails = true
	store(server, callKey, "canary")
	written, err := writeManifest(t, a, fetchrecording.WriteManifestInput{Result: resultOf(workflows.OutcomeUnavailable)})
	require.NoError(t, err)
	require.Empty(t, written.Attachments)
	require.Len(t, written.LeftOut, 1)
	require.Equal(t, workflows.AttachmentCall, written.LeftOut[0].Kind)
	requireNoSecret(t, written.LeftOut[0].Reason)
}

func TestManifestWaitsForAStoreThatDoesNotTellOfTheCall(t *testing.T) {
	a, server := openAccount(t, nil)
	a.Accounts[0].CallDetails = true
	server.Add(s3test.Rule{Operation: s3test.GetObject, Key: callKey, Status: http.StatusServiceUnavailable, Code: "SlowDown"})
	_, err := writeManifest(t, a, fetchrecording.WriteManifestInput{Result: resultOf(workflows.OutcomeUnavailable)})
	requireKind(t, err, failure.ArchiveUnavailable, true, false)
	require.Empty(t, server.Keys(bucket))
}

// A later listing replaces the call between the time when it was read and the manifest.
func TestCallThatTheManifestRefersToIsPutBack(t *testing.T) {
	a, server := openAccount(t, nil)
	a.Accounts[0].CallDetails = true
	storeCall(t, a, time.Minute, `{"agent":null}`)
	read := callIn(t, server)
	server.Add(s3test.Rule{Operation: s3test.PutObject, Key: manifestKey, Before: func() { storeCall(t, a, time.Minute, `{"agent":"a"}`) }})
	written, err := writeManifest(t, a, fetchrecording.WriteManifestInput{Result: resultOf(workflows.OutcomeUnavailable)})
	require.NoError(t, err)
	require.Equal(t, []workflows.Attachment{read}, written.Attachments)
	require.Equal(t, read, callIn(t, server))
}

func TestFirstStepSaysWhatIsToBeFetchedForACall(t *testing.T) {
	a, _ := openAccount(t, nil)
	a.Accounts[0].CallDetails = true
	found, err := findArchived(t, a)
	require.NoError(t, err)
	require.Empty(t, found.Place.Attachments, "what the manifest refers to anyway costs no step")
	a.Accounts[0].Voicemail, a.Accounts[0].Transcript = true, true
	found, err = findArchived(t, a)
	require.NoError(t, err)
	require.Equal(t, []workflows.AttachmentKind{workflows.AttachmentTranscript, workflows.AttachmentVoicemail}, found.Place.Attachments)
}

// All that belongs to a call, from the vendor to its manifest, with every token used once.
func TestWhatBelongsToACallIsArchivedWithItsHashes(t *testing.T) {
	h := newAttachmentHarness(t, simulator.Session{Messages: spoken, VoicemailFiles: []simulator.File{{Duration: time.Second}}})
	h.account.Accounts[0].CallDetails = true
	storeCall(t, h.account, time.Minute, `{"queue":"sales"}`)
	file, err := download{account: h.account}.run(t)
	require.NoError(t, err)
	result := resultOf(workflows.OutcomeArchived, *file)
	for _, kind := range []workflows.AttachmentKind{workflows.AttachmentTranscript, workflows.AttachmentVoicemail} {
		result.Attachments = append(result.Attachments, h.requireFetched(kind)...)
	}
	_, err = writeManifest(t, h.account, fetchrecording.WriteManifestInput{Result: result})
	require.NoError(t, err)

	m, _ := stored(t, h.account)
	keys := []string{manifestKey, m.Files[0].Key}
	for _, attachment := range m.Attachments {
		object, found := h.server.Object(bucket, attachment.Key)
		require.True(t, found)
		require.Equal(t, []any{int64(len(object.Body)), sha(string(object.Body))}, []any{attachment.Bytes, attachment.SHA256}, attachment.Kind)
		keys = append(keys, attachment.Key)
	}
	require.Len(t, m.Attachments, 3)
	require.ElementsMatch(t, h.server.Keys(bucket), keys, "nothing is in the session's folder that the manifest does not have")
	used := map[string]bool{}
	for _, call := range h.Calls() {
		require.False(t, call.Token != "" && used[call.Token], "a token is good for one request")
		used[call.Token] = true
	}
}
