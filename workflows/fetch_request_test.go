package workflows_test

import (
	"encoding/json"
	"fmt"
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
	require.NoError(t, json.Unmarshal([]byte(`{"botId": "st-1", "sessionId": "65e7133a3242653c58d7aaaa", "userId": "u@example.com", "batchId": "b", "refetch": true,
		"policy": {"pollMin": "1m", "pollMax": "30m", "partialRetryAfter": "24h", "partialMaxRetries": 7, "unavailableSettlesAfter": "48h", "giveUpAfter": "720h"}}`), &request))
	require.NoError(t, request.Validate())
	require.Equal(t, workflows.DefaultFetchPolicy(), request.Policy)
	require.True(t, request.Refetch)
}

func TestRequestSurvivesItsJSON(t *testing.T) {
	want := workflows.FetchRequest{Session: session, UserID: "u", BatchID: "b", Refetch: true,
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

// A session of an impossible time could end only with a manifest that says that
// its recording is unavailable.
func TestSessionIDMustCarryTheTimeOfACall(t *testing.T) {
	now := time.Date(2026, 3, 5, 12, 0, 0, 0, time.UTC)
	id := func(at time.Time) string { return fmt.Sprintf("%08x3242653c58d7aaaa", at.Unix()) }
	for name, row := range map[string]struct {
		sessionID string
		wants     []string // none: it is valid
	}{
		"now":                         {id(now), nil},
		"the vendor's clock ahead":    {id(now.Add(10 * time.Minute)), nil},
		"the future":                  {id(now.Add(10*time.Minute + time.Second)), []string{"2026-03-05T12:10:01Z", "in the future", "now is 2026-03-05T12:00:00Z"}},
		"the end of 32 bits":          {"ffffffff3242653c58d7aaaa", []string{"2106-02-07T06:28:15Z", "in the future"}},
		"2015":                        {id(time.Date(2015, 1, 1, 0, 0, 0, 0, time.UTC)), nil},
		"before 2015":                 {id(time.Date(2014, 12, 31, 23, 59, 59, 0, time.UTC)), []string{"2014-12-31T23:59:59Z", "before 2015", "conversation logs"}},
		"the placeholder of the docs": {"000000000000000000000000", []string{"1970-01-01T00:00:00Z", "before 2015"}},
	} {
		t.Run(name, func(t *testing.T) {
			err := workflows.FetchRequest{Session: workflows.Session{BotID: botID, SessionID: row.sessionID}}.ValidateAt(now)
			if row.wants == nil {
				require.NoError(t, err)
				return
			}
			for _, want := range row.wants {
				require.ErrorContains(t, err, want)
			}
		})
	}
	require.ErrorContains(t, workflows.FetchRequest{Session: workflows.Session{BotID: botID, SessionID: "ffffffff3242653c58d7aaaa"}}.Validate(), "in the future")
}
