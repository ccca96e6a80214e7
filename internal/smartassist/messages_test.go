package smartassist_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/internal/failure"
	"github.com/callvault/callvault/internal/smartassist"
)

func askMessages(t *testing.T, status int, body string) (*smartassist.MessagePage, error) {
	t.Helper()
	return serve(t, responding(status, body)).Messages(t.Context(), token, session, 0)
}

func TestMessagesRequestMatchesVendorDocumentation(t *testing.T) {
	type received struct {
		request *http.Request
		body    string
	}
	seen := make(chan received, 1)
	client := serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		seen <- received{r, string(body)}
		_, _ = io.WriteString(w, `{"total":0,"moreAvailable":false,"messages":[]}`)
	})
	_, err := client.Messages(t.Context(), "the.raw.token", session, 10_000)
	require.NoError(t, err)
	got := <-seen
	require.Equal(t, http.MethodPost, got.request.Method)
	require.Equal(t, "/api/public/bot/"+botID+"/getMessagesV2", got.request.RequestURI)
	require.Equal(t, []string{"the.raw.token"}, got.request.Header["Auth"])
	require.JSONEq(t, `{"sessionId":["`+sessionID+`"],"skip":10000,"limit":10000,"forward":"true",
		"dateFrom":"2024-03-05T12:42:34.000Z","dateTo":"2024-03-12T12:41:34.000Z"}`, got.body)
}

// Messages of the future are not asked for.
func TestRangeOfMessagesEndsNow(t *testing.T) {
	seen := make(chan string, 1)
	client := serve(t, func(w http.ResponseWriter, r *http.Request) {
		var body struct{ DateTo string }
		_ = json.NewDecoder(r.Body).Decode(&body)
		seen <- body.DateTo
		_, _ = io.WriteString(w, `{"messages":[]}`)
	})
	before := time.Now().Truncate(time.Millisecond)
	recent := session
	recent.SessionID = fmt.Sprintf("%08x0000000000000001", before.Add(-time.Hour).Unix())
	_, err := client.Messages(t.Context(), token, recent, 0)
	require.NoError(t, err)
	until, err := time.Parse(time.RFC3339, <-seen)
	require.NoError(t, err)
	require.WithinRange(t, until, before, time.Now())
}

func TestMessagesAreReturnedAsTheyCame(t *testing.T) {
	page, err := askMessages(t, 200, `{"total": 2, "moreAvailable": true, "messages": [
		{"_id":"ms-1","sessionId":"`+sessionID+`","n": 1.50,"components":[{"data":{"text":"hi <b>"}}]}, {"type":"outgoing"}]}`)
	require.NoError(t, err)
	require.Equal(t, &smartassist.MessagePage{More: true, Messages: []smartassist.Message{
		{ID: "ms-1", Raw: json.RawMessage(`{"_id":"ms-1","sessionId":"` + sessionID + `","n": 1.50,"components":[{"data":{"text":"hi <b>"}}]}`)},
		{Raw: json.RawMessage(`{"type":"outgoing"}`)},
	}}, page)
}

func TestMessagesOfOtherSessionsAreLeftOut(t *testing.T) {
	page, err := askMessages(t, 200, `{"messages":[{"_id":"ms-1","sessionId":"`+otherSessionID+`"},{"_id":"ms-2","sessionId":"`+sessionID+`"}]}`)
	require.NoError(t, err)
	require.Len(t, page.Messages, 1)
	require.Equal(t, "ms-2", page.Messages[0].ID)
	require.Equal(t, 1, page.Foreign)
}

func TestSessionWithoutMessagesIsAnEmptyPage(t *testing.T) {
	for _, row := range []struct {
		status int
		body   string
	}{{200, `{"total":0,"moreAvailable":false,"messages":[]}`}, {404, envelope(404, "Session not found")}, {200, envelope(404, "No messages found for the session")}} {
		page, err := askMessages(t, row.status, row.body)
		require.NoError(t, err, row.body)
		require.Equal(t, &smartassist.MessagePage{}, page)
	}
}

func TestUnusableMessagesAreTransient(t *testing.T) {
	for body, says := range map[string]string{
		``: "not the JSON object", `[]`: "not the JSON object", `{}`: "no list of messages", `{"messages":null}`: "no list of messages",
		`{"messages":["canary"]}`: "not an object", `{"messages":[` + strings.Repeat("{},", 10_000) + `{}]}`: "10001 messages",
		`{"messages":[],"x":"` + strings.Repeat("x", 8<<20) + `"}`: "longer than 8388608 bytes",
	} {
		_, err := askMessages(t, 200, body)
		requireError(t, err, failure.Transient, says)
	}
}

func TestErrorsOfMessagesAreClassifiedAsThoseOfRecordings(t *testing.T) {
	for _, row := range []struct {
		status int
		body   string
		kind   failure.Kind
		says   string
	}{
		{401, envelope(4002, "Permission denied. Scope is incorrect!"), failure.Blocked, `scope "Chat History" and publish the bot`},
		{429, envelope(429, "You've exceeded the hourly rate limit. Please wait for sometime before retrying."), failure.RateLimited, "budget is spent"},
		{412, envelope(412, "Validation errors/ Invalid arguments"), failure.Rejected, "sessionId and the times"},
		{500, `{"messages":["canary"]}`, failure.Transient, "unavailable"},
	} {
		_, err := askMessages(t, row.status, row.body)
		requireError(t, err, row.kind, row.says)
	}
}
