package fetchrecording_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/workflow"

	"github.com/callvault/callvault/internal/status"
	"github.com/callvault/callvault/workflows"
	"github.com/callvault/callvault/workflows/fetchrecording"
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

func fullInput() fetchrecording.Input {
	at := time.Date(2026, 3, 5, 12, 0, 0, 0, time.UTC)
	return fetchrecording.Input{
		FetchRequest: workflows.FetchRequest{Session: session, UserID: "u", BatchID: "b", Policy: workflows.FetchPolicy{PollMin: time.Second}},
		Resume: &fetchrecording.State{
			StartedAt: at, GiveUpAt: at.Add(time.Hour), StatusChecks: 1, LastStatus: "success", Polls: 2, TransientFailures: 3,
			BlockedWaits: 4, DownloadFailures: 5, PartialRetries: 6, PartialDueAt: at.Add(time.Minute),
			SaidNoneAt: at, AlarmRaised: time.Second, AlarmedOf: at,
			Done: []workflows.Recording{{FileName: "a.wav", Bucket: "recordings", Key: "k", Bytes: 1, SHA256: "00", ContentType: "audio/wav", Format: "wav", CallTime: at, Source: "s"}},
		},
	}
}

// The format is pinned: at an upgrade the next run of a long fetch is decoded by
// a later version.
func TestInputFormatIsStable(t *testing.T) {
	body, err := json.Marshal(fullInput())
	require.NoError(t, err)
	require.JSONEq(t, `{"botId":"st-fd81a2b1-43af-544d-8082-831bc09c0001","sessionId":"65e7133a3242653c58d7aaaa","userId":"u","batchId":"b","policy":{"pollMin":"1s"},
		"resume":{"startedAt":"2026-03-05T12:00:00Z","giveUpAt":"2026-03-05T13:00:00Z","statusChecks":1,"lastStatus":"success","polls":2,"transientFailures":3,
			"blockedWaits":4,"downloadFailures":5,"partialRetries":6,"partialDueAt":"2026-03-05T12:01:00Z",
			"saidNoneAt":"2026-03-05T12:00:00Z","alarmRaised":1000000000,"alarmedOf":"2026-03-05T12:00:00Z",
			"done":[{"fileName":"a.wav","bucket":"recordings","key":"k","bytes":1,"sha256":"00","contentType":"audio/wav","format":"wav","callTime":"2026-03-05T12:00:00Z","source":"s"}]}}`, string(body))

	var got fetchrecording.Input
	require.NoError(t, json.Unmarshal(body, &got))
	require.Equal(t, fullInput(), got)
}

func TestNextRunGetsEverythingTheRunKnows(t *testing.T) {
	h := newHarness(t, answered("call_in_progress"))
	h.env.SetContinuedExecutionRunID("the run before")
	h.env.SetStartTime(time.Date(2026, 3, 5, 12, 0, 0, 0, time.UTC))
	h.env.SetContinueAsNewSuggested(true)
	given := fullInput()
	h.executeInput(given)

	var next *workflow.ContinueAsNewError
	require.ErrorAs(t, h.env.GetWorkflowError(), &next)
	var got fetchrecording.Input
	decodeInput(t, next, &got)
	require.Equal(t, given.FetchRequest, got.FetchRequest)
	want := *given.Resume
	want.StatusChecks, want.LastStatus, want.Polls, want.TransientFailures, want.BlockedWaits = 2, "call_in_progress", 1, 0, 0
	want.SaidNoneAt = time.Time{}
	want.AnsweredAt = h.checkedAt[0].Truncate(time.Second)
	want.Evidence = []status.Evidence{{Status: "call_in_progress", First: want.AnsweredAt, Last: want.AnsweredAt, Count: 1}}
	require.Equal(t, want, *got.Resume)
}

func TestHostileInputIsRefusedInAShortMessage(t *testing.T) {
	good := `"botId":"` + botID + `","sessionId":"` + sessionID + `"`
	for name, c := range map[string]struct{ input, says string }{
		"resume of another type":  {`{` + good + `,"resume":5}`, "remove it"},
		"resume with a huge time": {`{` + good + `,"resume":{"startedAt":"` + strings.Repeat("9", 200_000) + `"}}`, "remove it"},
		"two megabytes":           {`{` + good + `,"userId":"` + strings.Repeat("u", 2<<20) + `"}`, "more than 262144"},
		"an empty key":            {`{` + good + `,"":5}`, `unknown key ""`},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHarness(t, success("a.wav"))
			h.env.ExecuteWorkflow(workflows.FetchRecordingWorkflowName, json.RawMessage(c.input))
			err := applicationError(t, h.env.GetWorkflowError())
			require.Equal(t, workflows.ErrorTypeInvalidInput, err.Type())
			require.Contains(t, err.Message(), c.says)
			require.Less(t, len(err.Message()), 1000)
		})
	}
}

func TestLargeStateIsTakenIntoTheNextRun(t *testing.T) {
	input := fullInput()
	for i := range 100 {
		file := recorded(strings.Repeat("<", 300), strings.Repeat("s", 16))
		file.Key += strings.Repeat("x", i)
		input.Resume.Done = append(input.Resume.Done, file)
		input.Resume.Damaged = append(input.Resume.Damaged, file)
	}
	body, err := json.Marshal(input)
	require.NoError(t, err)
	require.Greater(t, len(body), 256<<10)
	var got fetchrecording.Input
	require.NoError(t, json.Unmarshal(body, &got))
	h := newHarness(t, success("a.wav"))
	h.env.SetContinuedExecutionRunID("the run before")
	h.executeInput(got)
	require.NoError(t, h.env.GetWorkflowError())
}

func TestInputIsBoundedToTheByte(t *testing.T) {
	padded := func(head string, length int) []byte {
		return []byte(head + strings.Repeat(" ", length-len(head)-1) + "}")
	}
	request := `{"botId":"` + botID + `","sessionId":"` + sessionID + `"`
	for length, ok := range map[int]bool{256 << 10: true, 256<<10 + 1: false} {
		var got fetchrecording.Input
		require.NoError(t, json.Unmarshal(padded(request, length), &got))
		require.Equal(t, ok, got.SessionID == sessionID, "%d bytes", length)
	}
	resumed := request + `,"resume":{"statusChecks":1}`
	for length, ok := range map[int]bool{2 << 20: true, 2<<20 + 1: false} {
		var got fetchrecording.Input
		require.NoError(t, json.Unmarshal(padded(resumed, length), &got))
		require.Equal(t, ok, got.SessionID == sessionID, "%d bytes", length)
	}
}
