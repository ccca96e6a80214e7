package fetchrecording_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/workflows"
)

func TestInvalidInputIsRefusedBeforeAnyCall(t *testing.T) {
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
			h := newHarness(t, success("a.wav"))
			h.env.ExecuteWorkflow(workflows.FetchRecordingWorkflowName, json.RawMessage(c.input))

			require.True(t, h.env.IsWorkflowCompleted())
			err := applicationError(t, h.env.GetWorkflowError())
			require.Equal(t, workflows.ErrorTypeInvalidInput, err.Type())
			require.True(t, err.NonRetryable())
			for _, want := range c.want {
				require.Contains(t, err.Message(), want)
			}
			require.NotContains(t, err.Message(), "\n")
			require.Empty(t, h.checkedAt, "no call was spent")
		})
	}
}
