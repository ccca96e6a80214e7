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
	"go.temporal.io/sdk/temporal"

	"github.com/callvault/callvault/internal/program"
	"github.com/callvault/callvault/workflows"
	"github.com/callvault/callvault/workflows/fetchrecording"
)

func TestPolicyFlagLeftOutKeepsTheWorkflowDefault(t *testing.T) {
	for _, row := range []struct {
		args []string
		want workflows.FetchPolicy
	}{
		{nil, workflows.FetchPolicy{}},
		{[]string{"--poll-min", "90s"}, workflows.FetchPolicy{PollMin: 90 * time.Second}},
		{[]string{"--partial-max-retries", "0"}, workflows.FetchPolicy{PartialMaxRetries: new(int)}},
		{
			[]string{"--poll-min=1s", "--poll-max=2s", "--partial-retry-after=3s", "--partial-max-retries=4", "--unavailable-settles-after=5s", "--give-up-after=6s"},
			workflows.FetchPolicy{PollMin: time.Second, PollMax: 2 * time.Second, PartialRetryAfter: 3 * time.Second, PartialMaxRetries: new(4), UnavailableSettlesAfter: 5 * time.Second, GiveUpAfter: 6 * time.Second},
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
		Session: workflows.Session{BotID: "st-1", SessionID: "65e7133a3242653c58d7aaaa"},
		Outcome: workflows.OutcomeArchived, Source: workflows.SourceFetch, Status: "success",
		Recordings:   []workflows.Recording{{FileName: "a<b>&c.wav", Bucket: "recordings", Key: "k/a.wav", Bytes: 480044, SHA256: "00ff", Format: "wav"}},
		Manifest:     workflows.ObjectRef{Bucket: "recordings", Key: "k/manifest.json"},
		StatusChecks: 3, StartedAt: at, FinishedAt: at.Add(time.Minute),
	}
}

func TestResultTextNamesEveryObject(t *testing.T) {
	require.Equal(t, `archived: session 65e7133a3242653c58d7aaaa of bot st-1
  s3://recordings/k/a.wav  480044 bytes  wav  sha256 00ff
  manifest s3://recordings/k/manifest.json
  3 status check(s), from 2024-03-05T13:00:00Z to 2024-03-05T13:01:00Z
`, resultText(result(), ""))

	bad := result()
	bad.Outcome, bad.Reason, bad.Recordings = workflows.OutcomeUnavailable, "it was purged", nil
	require.Contains(t, resultText(bad, ""), "unavailable: session 65e7133a3242653c58d7aaaa of bot st-1: it was purged\n  manifest")
}

func TestResultFromAManifestSaysSo(t *testing.T) {
	found := result()
	found.Source = workflows.SourceManifest
	require.Contains(t, resultText(found, ""), "\n  found archived on 2024-03-05T13:01:00Z in the manifest of another fetch\n  s3://")
	require.NotContains(t, resultText(found, ""), "--refetch", "an archived session is never fetched again")
}

func TestManifestThatIsNotArchivedNamesTheRefetchCommand(t *testing.T) {
	for _, outcome := range []workflows.Outcome{workflows.OutcomeUnavailable, workflows.OutcomeFailed, workflows.OutcomeGaveUp, workflows.OutcomeDamaged, workflows.OutcomeLostToRetention} {
		found := result()
		found.Source, found.Outcome = workflows.SourceManifest, outcome
		command := program.Command("starter") + " fetch --bot st-1 --session 65e7133a3242653c58d7aaaa --wait"
		require.Contains(t, resultText(found, ""), "\n  to have it fetched again: "+command+" --refetch\n")
		require.Contains(t, resultText(found, "o'hara a@b"), "\n  to have it fetched again: "+command+` --user 'o'\''hara a@b' --refetch`+"\n")

		found.Source = workflows.SourceFetch
		require.NotContains(t, resultText(found, ""), "--refetch", "it has just been fetched")
	}
}

func TestRemarksFollowTheirFile(t *testing.T) {
	remarked := result()
	remarked.Outcome, remarked.Reason = workflows.OutcomeDamaged, "missing or changed in the archive: k/b.wav; the vendor: purged"
	remarked.Recordings[0].Remarks = []string{"declared as audio/mpeg", "plays for 1m0s"}
	remarked.Recordings[0].NoLongerListed = true
	remarked.Recordings = append(remarked.Recordings, workflows.Recording{Bucket: "recordings", Key: "k/c.wav", Format: "wav"})
	require.Contains(t, resultText(remarked, ""), `damaged: session 65e7133a3242653c58d7aaaa of bot st-1: missing or changed in the archive: k/b.wav; the vendor: purged
  s3://recordings/k/a.wav  480044 bytes  wav  sha256 00ff
    declared as audio/mpeg
    plays for 1m0s
    no longer listed by the vendor
  s3://recordings/k/c.wav  `)
}

func TestResultJSONIsTheWorkflowResult(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, printResult(&out, formatJSON, result(), ""))
	require.Contains(t, out.String(), `"a<b>&c.wav"`, "as it is, for grep")
	decoder := json.NewDecoder(&out)
	var got workflows.FetchResult
	require.NoError(t, decoder.Decode(&got))
	require.Equal(t, result(), &got)
	require.False(t, decoder.More())
}

func TestFailedFetchIsReportedWithItsMessage(t *testing.T) {
	for name, row := range map[string]struct {
		err   error
		want  string
		usage bool
	}{
		"invalid input":   {temporal.NewNonRetryableApplicationError("botId is empty", workflows.ErrorTypeInvalidInput, nil), "botId is empty", true},
		"rejected":        {temporal.NewNonRetryableApplicationError("wrong", workflows.ErrorTypeRejected, nil), "the fetch failed: wrong (Rejected)", false},
		"cancelled":       {temporal.NewCanceledError(), "the fetch was cancelled: it has no outcome; start it again to continue", false},
		"something else":  {errors.New("connection lost"), "connection lost", false},
		"wrapped by Go's": {fmt.Errorf("run: %w", temporal.NewNonRetryableApplicationError("bad", workflows.ErrorTypeInvalidInput, nil)), "bad", true},
	} {
		err := failureText(row.err)
		require.EqualError(t, err, row.want, name)
		require.Equal(t, row.usage, program.IsUsage(err), name)
	}
}

func TestWaitingFetchSaysWhatItWaitsFor(t *testing.T) {
	next := time.Date(2024, 3, 5, 13, 0, 0, 0, time.UTC)
	for _, row := range []struct {
		progress workflows.FetchProgress
		want     string
	}{
		{workflows.FetchProgress{Phase: workflows.PhaseChecking}, "checking"},
		{workflows.FetchProgress{Phase: workflows.PhaseCallInProgress, LastStatus: "call_in_progress", NextCheckAt: next}, "call_in_progress; next check at " + next.Local().Format("2006-01-02 15:04:05 MST")},
		{workflows.FetchProgress{Phase: workflows.PhasePartialWait, LastStatus: "partial_upload_failed", Reason: "try 2 of 7"}, "partial_wait (last status partial_upload_failed): try 2 of 7"},
	} {
		require.Equal(t, row.want, describe(row.progress))
	}
}

func TestAmountIsShownAsFarAsItIsKnown(t *testing.T) {
	require.Equal(t, "12 kB", amount(fetchrecording.DownloadProgress{Bytes: 12_345, Total: -1}))
	require.Equal(t, "0 B", amount(fetchrecording.DownloadProgress{Total: 0}))
	require.Equal(t, "120 kB of 480 kB (25 %)", amount(fetchrecording.DownloadProgress{Bytes: 120_011, Total: 480_044}))
	require.Equal(t, "4.0 TB of 4.0 TB (100 %)", amount(fetchrecording.DownloadProgress{Bytes: 4e12, Total: 4e12}))
}
