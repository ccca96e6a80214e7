package workflows_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/workflows"
)

func TestBadInputIsRefusedWithWhatToChangeBeforeAnythingIsAsked(t *testing.T) {
	good := `"botId":"` + botID + `","sessionId":"` + sessionID + `"`
	for name, c := range map[string]struct {
		input string
		want  []string
	}{
		"nothing":                   {`{}`, []string{"botId is empty", "sessionId is empty"}},
		"no object":                 {`"65e7133a3242653c58d7aaaa"`, []string{"one JSON object", "string"}},
		"a list":                    {`[]`, []string{"one JSON object", "array"}},
		"unknown key":               {`{"sesionId":"65e7133a3242653c58d7aaaa"}`, []string{`unknown key "sesionId"`}},
		"a key in capitals":         {`{"BOTID":"` + botID + `","sessionId":"` + sessionID + `"}`, []string{`unknown key "BOTID"`}},
		"unknown key in the policy": {`{` + good + `,"policy":{"pollmax":"1s","pollEvery":"1m"}}`, []string{`unknown key`, "pollEvery", "a policy has pollMin"}},
		"bot without st-":           {`{"botId":"bot-1","sessionId":"` + sessionID + `"}`, []string{`botId "bot-1"`, "st-"}},
		"bot with a path":           {`{"botId":"st-../../x","sessionId":"` + sessionID + `"}`, []string{"botId", "malformed"}},
		"session too short":         {`{"botId":"` + botID + `","sessionId":"65e7"}`, []string{`sessionId "65e7"`, "24"}},
		"session in upper case":     {`{"botId":"` + botID + `","sessionId":"65E7133A3242653C58D7AAAA"}`, []string{"lower-case"}},
		"session of a wrong type":   {`{"botId":"` + botID + `","sessionId":65}`, []string{"sessionId", "number"}},
		"negative policy":           {`{` + good + `,"policy":{"giveUpAfter":"-1h"}}`, []string{"policy.giveUpAfter", `"-1h"`, "not positive"}},
		"zero policy":               {`{` + good + `,"policy":{"pollMin":"0s"}}`, []string{"policy.pollMin", "not positive"}},
		"policy without a unit":     {`{` + good + `,"policy":{"pollMin":"60"}}`, []string{"policy.pollMin", `"90s"`}},
		"policy as a number":        {`{` + good + `,"policy":{"pollMin":60}}`, []string{"policy.pollMin", "string"}},
		"policy for centuries":      {`{` + good + `,"policy":{"giveUpAfter":"720000h"}}`, []string{"policy.giveUpAfter", "7 years"}},
		"negative retries":          {`{` + good + `,"policy":{"partialMaxRetries":-1}}`, []string{"policy.partialMaxRetries is -1"}},
		"retries as text":           {`{` + good + `,"policy":{"partialMaxRetries":"7"}}`, []string{"policy.partialMaxRetries", "whole number"}},
		"min above max":             {`{` + good + `,"policy":{"pollMin":"1h","pollMax":"1m"}}`, []string{"pollMin", "longer than policy.pollMax"}},
		"several faults at once":    {`{"botId":"","sessionId":"x","batchId":"a b"}`, []string{"botId is empty", `sessionId "x"`, `batchId "a b"`}},
		"control characters":        {`{` + good + `,"userId":"a\nb"}`, []string{"userId", "control characters"}},
		"a resume of one's own":     {`{` + good + `,"resume":{"startedAt":"2026-01-01T00:00:00Z","giveUpAt":"2026-01-01T00:00:00Z","statusChecks":1}}`, []string{"resume", "remove it"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t, success("a.wav"))
			s.env.ExecuteWorkflow(workflows.FetchRecordingWorkflowName, json.RawMessage(c.input))

			require.True(t, s.env.IsWorkflowCompleted())
			err := applicationError(t, s.env.GetWorkflowError())
			require.Equal(t, workflows.ErrorTypeInvalidInput, err.Type())
			require.True(t, err.NonRetryable())
			for _, want := range c.want {
				require.Contains(t, err.Message(), want)
			}
			require.NotContains(t, err.Message(), "\n")
			require.Empty(t, s.checkedAt, "no call was spent")
		})
	}
}

func TestTheContractsJSONIsUnderstood(t *testing.T) {
	var request workflows.FetchRequest
	require.NoError(t, json.Unmarshal([]byte(`{"botId": "st-1", "sessionId": "65e7133a3242653c58d7aaaa", "userId": "u@example.com", "batchId": "b",
		"policy": {"pollMin": "1m", "pollMax": "30m", "partialRetryAfter": "24h", "partialMaxRetries": 7, "giveUpAfter": "720h"}}`), &request))
	require.NoError(t, request.Validate())
	require.Equal(t, workflows.DefaultPolicy(), request.Policy)
}

func TestARequestSurvivesItsJSON(t *testing.T) {
	want := workflows.FetchRequest{BotID: botID, SessionID: sessionID, UserID: "u", BatchID: "b",
		Policy: workflows.Policy{PollMin: time.Second, PartialMaxRetries: new(0)}}
	body, err := json.Marshal(want)
	require.NoError(t, err)
	require.Contains(t, string(body), `"pollMin":"1s"`)
	require.Contains(t, string(body), `"partialMaxRetries":0`)

	var got workflows.FetchRequest
	require.NoError(t, json.Unmarshal(body, &got))
	require.Equal(t, want, got)
}

func TestDefaultsAdaptToTheHalfThatIsGiven(t *testing.T) {
	s := newStage(t, status("call_in_progress"), status("call_in_progress"), success("a.wav"))
	s.run(workflows.Policy{PollMax: 10 * time.Second})
	for _, gap := range s.gaps() {
		require.LessOrEqual(t, gap, 11*time.Second, "pollMax alone shortens pollMin's default too")
	}
}

func TestTheCallsTimeIsReadFromTheSessionID(t *testing.T) {
	got, err := workflows.CallTime("65e7133a3242653c58d7aaaa")
	require.NoError(t, err)
	require.Equal(t, "2024-03-05T12:42:34Z", got.Format(time.RFC3339))
}

func FuzzAnInputIsAcceptedOrRefusedInWordsButNeverPanics(f *testing.F) {
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
