package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/require"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/temporal"

	"github.com/callvault/callvault/workflows"
)

func TestAPolicyFlagThatIsLeftOutLeavesTheDefaultToTheWorkflow(t *testing.T) {
	for _, row := range []struct {
		args []string
		want workflows.Policy
	}{
		{nil, workflows.Policy{}},
		{[]string{"--poll-min", "90s"}, workflows.Policy{PollMin: 90 * time.Second}},
		{[]string{"--partial-max-retries", "0"}, workflows.Policy{PartialMaxRetries: new(int)}},
		{
			[]string{"--poll-min=1s", "--poll-max=2s", "--partial-retry-after=3s", "--partial-max-retries=4", "--give-up-after=5s"},
			workflows.Policy{PollMin: time.Second, PollMax: 2 * time.Second, PartialRetryAfter: 3 * time.Second, PartialMaxRetries: new(4), GiveUpAfter: 5 * time.Second},
		},
	} {
		command := new(cobra.Command)
		policy := addPolicyFlags(command)
		require.NoError(t, command.ParseFlags(row.args))
		got, err := policy()
		require.NoError(t, err)
		require.Equal(t, row.want, got, row.args)
	}
}

func result() *workflows.FetchResult {
	at := time.Date(2024, 3, 5, 13, 0, 0, 0, time.UTC)
	return &workflows.FetchResult{
		BotID: "st-1", SessionID: "65e7133a3242653c58d7aaaa", Outcome: workflows.OutcomeArchived, Status: "success",
		Recordings:   []workflows.Recording{{FileName: "a<b>&c.wav", Bucket: "recordings", Key: "k/a.wav", Bytes: 480044, SHA256: "00ff", Format: "wav"}},
		Manifest:     workflows.ObjectRef{Bucket: "recordings", Key: "k/manifest.json"},
		StatusChecks: 3, StartedAt: at, FinishedAt: at.Add(time.Minute),
	}
}

func TestAResultInTextSaysWhereEverythingLies(t *testing.T) {
	var out bytes.Buffer
	printResult(&out, result())
	require.Equal(t, `archived: session 65e7133a3242653c58d7aaaa of bot st-1
  s3://recordings/k/a.wav  480044 bytes  wav  sha256 00ff
  manifest s3://recordings/k/manifest.json
  3 status check(s), from 2024-03-05T13:00:00Z to 2024-03-05T13:01:00Z
`, out.String())

	out.Reset()
	bad := result()
	bad.Outcome, bad.Reason, bad.Recordings = workflows.OutcomeUnavailable, "it was purged", nil
	printResult(&out, bad)
	require.Contains(t, out.String(), "unavailable: session 65e7133a3242653c58d7aaaa of bot st-1: it was purged\n  manifest")
}

func TestAResultInJSONIsOneObjectAsTheWorkflowAnswersIt(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, printJSON(&out, result()))
	require.Contains(t, out.String(), `"a<b>&c.wav"`, "as it is, for grep")
	decoder := json.NewDecoder(&out)
	var got workflows.FetchResult
	require.NoError(t, decoder.Decode(&got))
	require.Equal(t, result(), &got)
	require.False(t, decoder.More())
}

func TestAFailedFetchIsToldInItsOwnWords(t *testing.T) {
	for name, row := range map[string]struct {
		err   error
		want  string
		usage bool
	}{
		"invalid input":   {temporal.NewNonRetryableApplicationError("botId is empty", workflows.ErrorTypeInvalidInput, nil), "botId is empty", true},
		"bot not served":  {temporal.NewNonRetryableApplicationError("bot st-2 is not served here", workflows.ErrorTypeBotNotServed, nil), "bot st-2 is not served here", true},
		"rejected":        {temporal.NewNonRetryableApplicationError("wrong", workflows.ErrorTypeRejected, nil), "the fetch failed: wrong (Rejected)", false},
		"cancelled":       {temporal.NewCanceledError(), "the fetch was cancelled: it has no outcome; start it again to go on", false},
		"something else":  {errors.New("connection lost"), "connection lost", false},
		"wrapped by Go's": {fmt.Errorf("run: %w", temporal.NewNonRetryableApplicationError("bad", workflows.ErrorTypeInvalidInput, nil)), "bad", true},
	} {
		err := failureText(row.err)
		require.EqualError(t, err, row.want, name)
		var usage *usageError
		require.Equal(t, row.usage, errors.As(err, &usage), name)
	}
}

func TestAStartThatLacksTheSearchAttributesNamesTheCommand(t *testing.T) {
	require.Contains(t, startHint(serviceerror.NewInvalidArgument("Namespace default has no mapping defined for search attribute CallvaultBot")), "starter setup")
	require.Empty(t, startHint(serviceerror.NewInvalidArgument("another argument")))
	require.Empty(t, startHint(errors.New("CallvaultBot")))
}

func TestAWaitingFetchSaysWhatItWaitsFor(t *testing.T) {
	next := time.Date(2024, 3, 5, 13, 0, 0, 0, time.Local)
	for _, row := range []struct {
		progress workflows.Progress
		want     string
	}{
		{workflows.Progress{Phase: workflows.PhaseChecking}, "checking"},
		{workflows.Progress{Phase: workflows.PhaseCallInProgress, LastStatus: "call_in_progress", NextCheckAt: next}, "call_in_progress; next look at 2024-03-05 13:00:00"},
		{workflows.Progress{Phase: workflows.PhasePartialWait, LastStatus: "partial_upload_failed", Reason: "try 2 of 7"}, "partial_wait (last status partial_upload_failed): try 2 of 7"},
	} {
		require.Equal(t, row.want, describe(row.progress))
	}
}

func TestAnAmountIsShownAsFarAsItIsKnown(t *testing.T) {
	require.Equal(t, "12 kB", amount(workflows.DownloadProgress{Bytes: 12_345, Total: -1}))
	require.Equal(t, "0 kB", amount(workflows.DownloadProgress{Total: 0}))
	require.Equal(t, "120 of 480 kB (25 %)", amount(workflows.DownloadProgress{Bytes: 120_011, Total: 480_044}))
	require.Equal(t, "4000000000 of 4000000000 kB (100 %)", amount(workflows.DownloadProgress{Bytes: 4e12, Total: 4e12}))
}
