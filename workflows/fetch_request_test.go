package workflows_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/workflows"
)

const (
	botID     = "st-fd81a2b1-43af-544d-8082-831bc09c0001"
	sessionID = "65e7133a3242653c58d7aaaa"
)

var session = workflows.Session{BotID: botID, SessionID: sessionID}

func TestContractJSONIsDecoded(t *testing.T) {
	var request workflows.FetchRequest
	require.NoError(t, json.Unmarshal([]byte(`{"botId": "st-1", "sessionId": "65e7133a3242653c58d7aaaa", "userId": "u@example.com", "batchId": "b",
		"policy": {"pollMin": "1m", "pollMax": "30m", "partialRetryAfter": "24h", "partialMaxRetries": 7, "giveUpAfter": "720h"}}`), &request))
	require.NoError(t, request.Validate())
	require.Equal(t, workflows.DefaultFetchPolicy(), request.Policy)
}

func TestRequestSurvivesItsJSON(t *testing.T) {
	want := workflows.FetchRequest{Session: session, UserID: "u", BatchID: "b",
		Policy: workflows.FetchPolicy{PollMin: time.Second, PartialMaxRetries: new(0)}}
	body, err := json.Marshal(want)
	require.NoError(t, err)
	require.Contains(t, string(body), `"pollMin":"1s"`)
	require.Contains(t, string(body), `"partialMaxRetries":0`)

	var got workflows.FetchRequest
	require.NoError(t, json.Unmarshal(body, &got))
	require.Equal(t, want, got)
}

func TestCallTimeIsReadFromTheSessionID(t *testing.T) {
	got, err := workflows.Session{SessionID: "65e7133a3242653c58d7aaaa"}.CallTime()
	require.NoError(t, err)
	require.Equal(t, "2024-03-05T12:42:34Z", got.Format(time.RFC3339))
}

func FuzzRequestIsAcceptedOrRefused(f *testing.F) {
	f.Add(`{"botId":"st-1","sessionId":"65e7133a3242653c58d7aaaa"}`)
	f.Add(`{"policy":{"pollMin":"1m"}}`)
	f.Add(`{"policy":null,"resume":null}`)
	f.Add(`null`)
	f.Fuzz(func(t *testing.T, input string) {
		var request workflows.FetchRequest
		if json.Unmarshal([]byte(input), &request) != nil {
			return
		}
		if err := request.Validate(); err != nil {
			require.False(t, strings.Contains(err.Error(), "\n"))
			return
		}
		body, err := json.Marshal(request)
		require.NoError(t, err)
		var again workflows.FetchRequest
		require.NoError(t, json.Unmarshal(body, &again))
		require.NoError(t, again.Validate(), "what was accepted once is accepted again")
	})
}
