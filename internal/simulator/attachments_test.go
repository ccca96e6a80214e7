package simulator

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func (h *harness) getVoicemail(query string) response {
	h.t.Helper()
	return h.send(h.request(http.MethodGet, h.server.URL+"/api/public/bot/"+DefaultBotID+"/voicemail?"+query, "auth", h.token(nil)))
}

func (h *harness) getMessages(body string) response {
	h.t.Helper()
	req := h.request(http.MethodPost, h.server.URL+"/api/public/bot/"+DefaultBotID+"/getMessagesV2", "auth", h.token(nil))
	req.Body, req.ContentLength = io.NopCloser(strings.NewReader(body)), int64(len(body))
	return h.send(req)
}

// messagesOf is a body that asks for a session's messages.
func messagesOf(id, more string) string {
	return fmt.Sprintf(`{"sessionId":[%q],"dateFrom":"2026-03-05","dateTo":"2026-03-06"%s}`, id, more)
}

func TestVoicemailMatchesTheVendorSample(t *testing.T) {
	h := newHarness(t, Config{})
	id := h.addSession(Session{VoicemailFiles: []File{{Name: "voicemail_1.wav", Raw: []byte("RIFF")}}})
	got := h.getVoicemail("sessionId=" + id + "&transcription=false")
	require.Equal(t, http.StatusOK, got.status, got.body)
	var body struct {
		Status    string
		Recording []recordingItem `json:"voicemail recording"`
	}
	require.NoError(t, json.Unmarshal([]byte(got.body), &body))
	require.Equal(t, "success", body.Status)
	require.Len(t, body.Recording, 1)
	require.Equal(t, "voicemail_1.wav", body.Recording[0].FileName)

	media := h.send(h.request(http.MethodGet, body.Recording[0].FileURL))
	require.Equal(t, []any{200, "RIFF"}, []any{media.status, media.body})
	call := h.Calls()[0]
	require.Equal(t, []any{KindVoicemail, id, DefaultBotID}, []any{call.Kind, call.SessionID, call.BotID})
	require.Equal(t, KindCounts{Calls: 1, Accepted: 1, Refused: map[Reason]int{}}, withRefused(h.Counts().Attachments[KindVoicemail]))
	require.Zero(t, h.Counts().API)
}

// withRefused has an empty map for none.
func withRefused(counts KindCounts) KindCounts {
	if counts.Refused == nil {
		counts.Refused = map[Reason]int{}
	}
	return counts
}

func TestSessionWithoutAVoicemailHasAnEmptyList(t *testing.T) {
	h := newHarness(t, Config{})
	for _, id := range []string{h.addSession(Session{}), "unknown"} {
		got := h.getVoicemail("sessionId=" + id + "&transcription=true")
		require.Equal(t, []any{200, `{"status":"success","voicemail recording":[]}`}, []any{got.status, got.body})
	}
}

func TestVoicemailOfARemovedSessionIsGone(t *testing.T) {
	h := newHarness(t, Config{})
	id := h.addSession(Session{VoicemailFiles: []File{{Raw: []byte("RIFF")}}})
	got := h.getVoicemail("sessionId=" + id + "&transcription=false")
	h.RemoveSession(DefaultBotID, id)
	_, rest, _ := strings.Cut(got.body, `"fileUrl":"`)
	address, _, _ := strings.Cut(rest, `"`)
	require.Equal(t, http.StatusNotFound, h.send(h.request(http.MethodGet, address)).status)
}

func TestMessagesMatchTheVendorSample(t *testing.T) {
	h := newHarness(t, Config{})
	id := h.addSession(Session{Messages: []Message{{Text: "hi"}, {Text: "hello", Outgoing: true}, {Text: "bye"}}})
	list := func(more string) (texts []string, total int, moreAvailable bool) {
		got := h.getMessages(messagesOf(id, more))
		require.Equal(t, http.StatusOK, got.status, got.body)
		var body messagesResponse
		require.NoError(t, json.Unmarshal([]byte(got.body), &body))
		for _, message := range body.Messages {
			require.Equal(t, id, message.SessionID)
			texts = append(texts, message.Type+" "+message.Components[0].Data.Text)
		}
		return texts, body.Total, body.MoreAvailable
	}
	texts, total, more := list(`,"forward":"true"`)
	require.Equal(t, []string{"incoming hi", "outgoing hello", "incoming bye"}, texts)
	require.Equal(t, []any{3, false}, []any{total, more})
	texts, _, more = list(`,"limit":2`)
	require.Equal(t, []string{"incoming bye", "outgoing hello"}, texts, "newest first")
	require.True(t, more)
	texts, _, more = list(`,"limit":2,"skip":2`)
	require.Equal(t, []string{"incoming hi"}, texts)
	require.False(t, more)
	texts, _, _ = list(`,"channelType":"rtm"`)
	require.Empty(t, texts)
}

func TestArgumentsOfAttachmentsAreStrict(t *testing.T) {
	h := newHarness(t, Config{})
	id := h.addSession(Session{})
	for _, query := range []string{"", "sessionId=" + id, "transcription=true", "sessionId=" + id + "&transcription=yes", "sessionId=a&sessionId=b&transcription=true"} {
		require.Equal(t, http.StatusPreconditionFailed, h.getVoicemail(query).status, query)
	}
	for _, body := range []string{
		``, `[]`, `{}`, `{"sessionId":["` + id + `"]}`, messagesOf(id, `,"limit":10001`), messagesOf(id, `,"limit":0`), messagesOf(id, `,"skip":-1`),
		messagesOf(id, `,"forward":true`), messagesOf(id, `,"sessionID":"x"`), messagesOf(id, `,"dateTo":"2026-03-12"`), messagesOf(id, `,"dateTo":"2026-03-04"`),
	} {
		require.Equal(t, http.StatusPreconditionFailed, h.getMessages(body).status, body)
	}
	require.Equal(t, 5, h.Counts().Attachments[KindVoicemail].Refused[ReasonArguments])
	require.Equal(t, 11, h.Counts().Attachments[KindMessages].Refused[ReasonArguments])
}

func TestAttachmentsHaveScopesBudgetsAndOutagesOfTheirOwn(t *testing.T) {
	h := newHarness(t, Config{CallsPerMinute: 1})
	id := h.addSession(Session{})
	ask := map[CallKind]func() response{
		KindVoicemail: func() response { return h.getVoicemail("sessionId=" + id + "&transcription=false") },
		KindMessages:  func() response { return h.getMessages(messagesOf(id, "")) },
	}
	for kind, get := range ask {
		h.SetScopeOf(kind, false)
		got := get()
		require.Equal(t, http.StatusUnauthorized, got.status)
		require.Contains(t, got.body, "Scope is incorrect")
		h.SetScopeOf(kind, true)

		require.NoError(t, h.SetOutageOf(kind, &Fault{Kind: Respond, Status: 503}))
		require.Equal(t, 503, get().status)
		require.NoError(t, h.SetOutageOf(kind, nil))
		require.NoError(t, h.SetBudgetOf(kind, 2, Unlimited))
		require.Equal(t, http.StatusOK, get().status)
		require.Equal(t, http.StatusTooManyRequests, get().status)
		h.clock.Advance(time.Minute)
		require.Equal(t, http.StatusOK, get().status)

		require.NoError(t, h.SetOutage(&Fault{Kind: Respond, Status: 502}))
		require.Equal(t, 502, get().status)
		require.NoError(t, h.SetOutage(nil))
		require.Equal(t, KindCounts{Calls: 6, Accepted: 3, Outages: 1, Refused: map[Reason]int{ReasonScope: 1, ReasonMinute: 1}}, h.Counts().Attachments[kind])
		require.Error(t, h.SetBudgetOf(kind, 0, 1))
		require.Error(t, h.SetOutageOf(kind, &Fault{Kind: Short}))
	}
}

func TestTooManyAttachmentsAreRefused(t *testing.T) {
	h := newHarness(t, Config{})
	for _, session := range []Session{{Messages: make([]Message, 100_001)}, {VoicemailFiles: make([]File, 65)}, {VoicemailFiles: []File{{Channels: 7}}}} {
		session.BotID, session.SessionID = DefaultBotID, NewSessionID(noon, 1)
		require.Error(t, h.AddSession(session))
	}
}
