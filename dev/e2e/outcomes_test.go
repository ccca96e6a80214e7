package e2e_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	sdkpb "go.temporal.io/api/sdk/v1"

	"github.com/callvault/callvault/internal/simulator"
	"github.com/callvault/callvault/workflows"
)

// shortWaits are the flags of a fetch whose waits are short enough for a test.
func shortWaits() []string {
	return []string{"--poll-min", "200ms", "--poll-max", "400ms", "--partial-retry-after", "1s", "--partial-max-retries", "2", "--give-up-after", "1m"}
}

// once is a status that the first check sees and no other.
func once(status string) simulator.Step { return simulator.Step{Status: status, Calls: 1} }

func TestEveryStatusEndsAsTheVendorsPageSays(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.startWorker()
	ready := simulator.Step{Status: simulator.StatusSuccess}
	impatient := []string{"--poll-min", "200ms", "--poll-max", "400ms", "--give-up-after", "1s"}

	tests := []struct {
		name    string
		script  []simulator.Step
		flags   []string
		outcome workflows.Outcome
		code    int
		checks  int
		timers  []string
		reason  string
	}{
		{"success", []simulator.Step{ready}, nil, workflows.OutcomeArchived, 0, 1, nil, ""},
		{"failed", []simulator.Step{{Status: simulator.StatusFailed}}, nil, workflows.OutcomeFailed, 1, 1, nil, "permanent failure"},
		{"media_unavailable", []simulator.Step{{Status: simulator.StatusMediaUnavailable}}, nil, workflows.OutcomeUnavailable, 1, 1, nil, "not available on the server"},
		{"call_in_progress", []simulator.Step{once(simulator.StatusCallInProgress), ready}, nil, workflows.OutcomeArchived, 0, 2,
			[]string{"call_in_progress, after check 1"}, ""},
		{"media_in_progress", []simulator.Step{once(simulator.StatusMediaInProgress), ready}, nil, workflows.OutcomeArchived, 0, 2,
			[]string{"media_in_progress, after check 1"}, ""},
		{"partial_download_failed", []simulator.Step{once(simulator.StatusPartialDownloadFailed), ready}, nil, workflows.OutcomeArchived, 0, 2,
			[]string{"partial_download_failed, try 1 of 2"}, ""},
		{"partial_upload_failed", []simulator.Step{{Status: simulator.StatusPartialUploadFailed, Calls: 2}, ready}, nil, workflows.OutcomeArchived, 0, 3,
			[]string{"partial_upload_failed, try 1 of 2", "partial_upload_failed, try 2 of 2"}, ""},
		{"partial_download_failed for good", []simulator.Step{{Status: simulator.StatusPartialDownloadFailed}}, nil, workflows.OutcomeGaveUp, 1, 3,
			[]string{"partial_download_failed, try 1 of 2", "partial_download_failed, try 2 of 2"}, "gave up after 2 retries"},
		{"call_in_progress for good", []simulator.Step{{Status: simulator.StatusCallInProgress}}, impatient, workflows.OutcomeGaveUp, 1, -1,
			nil, "gave up after 1s"},
		{"fetching_in_progress, of the console", []simulator.Step{once(simulator.StatusFetchingInProgress), ready}, nil, workflows.OutcomeArchived, 0, 2,
			[]string{"fetching_in_progress, after check 1"}, ""},
		{"24hr_retry_failed, of the console", []simulator.Step{{Status: simulator.StatusRetryFailedAfter24Hr}}, nil, workflows.OutcomeFailed, 1, 1,
			nil, "the vendor's last retry"},
		{"a status that nobody has heard of", []simulator.Step{once("rewinding_tape"), ready}, nil, workflows.OutcomeArchived, 0, 2,
			[]string{"rewinding_tape, after check 1"}, ""},
	}
	// All at once; each is looked at when it is over.
	sessions := make([]string, len(tests))
	files := make([]simulator.File, len(tests))
	fetches := make([]*process, len(tests))
	for i, test := range tests {
		files[i] = recording(fmt.Sprintf("call-%d.wav", i), 50_000+i*1_000)
		sessions[i] = w.addSession(test.script, files[i])
		fetches[i] = w.startFetch(sessions[i], append(shortWaits(), test.flags...)...)
	}
	for i, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := w.of(t)
			require.Equal(t, test.code, fetches[i].exitCode(w.ctx), fetches[i].stderr)
			var result workflows.FetchResult
			fetches[i].decodeStdout(&result)
			require.Equal(t, test.outcome, result.Outcome)
			require.Contains(t, result.Reason, test.reason)
			require.Equal(t, sessions[i], result.SessionID)
			require.Equal(t, w.folder(sessions[i])+"manifest.json", result.Manifest.Key)
			last := test.script[len(test.script)-1].Status
			require.Equal(t, last, result.Status)
			if test.checks > 0 {
				require.Equal(t, test.checks, result.StatusChecks)
			}
			require.Equal(t, result.StatusChecks, w.upstream.SessionCounts(bot, sessions[i]).StatusCalls, "each check is one call and no call is lost")

			if test.outcome == workflows.OutcomeArchived {
				w.requireArchived(result, files[i])
			} else {
				require.NotNil(t, result.Recordings, "never null")
				require.Empty(t, result.Recordings)
			}
			w.requireManifest(result)
			w.requireShown(result)
			if test.timers != nil {
				require.Equal(t, test.timers, w.summaries(workflows.FetchWorkflowID(bot, sessions[i]), enumspb.EVENT_TYPE_TIMER_STARTED))
			}
		})
	}
}

// calledThen is a condition of visibility on the time of the call. A second's
// span, because the server's SQLite store compares times as texts.
const calledThen = "CallvaultCallTime BETWEEN '2026-03-05T12:42:34Z' AND '2026-03-05T12:42:35Z'"

// requireManifest requires that the manifest says what the result says.
func (w *world) requireManifest(result workflows.FetchResult) {
	w.t.Helper()
	manifest := w.manifest(result.SessionID)
	require.Equal(w.t, 1, manifest.Version)
	require.Equal(w.t, bot, manifest.BotID)
	require.Equal(w.t, result.SessionID, manifest.SessionID)
	require.Equal(w.t, string(result.Outcome), manifest.Outcome)
	require.Equal(w.t, result.Status, manifest.Status)
	require.Equal(w.t, result.Reason, manifest.Reason)
	require.Equal(w.t, result.StatusChecks, manifest.StatusChecks)
	require.Equal(w.t, began, manifest.CallTime)
	require.Equal(w.t, workflows.FetchWorkflowID(bot, result.SessionID), manifest.WorkflowID)
	require.NotEmpty(w.t, manifest.RunID)
	require.NotNil(w.t, manifest.Files, "never null")
	require.Len(w.t, manifest.Files, len(result.Recordings))
}

// requireShown requires what a person sees of an ended fetch in the Web UI.
func (w *world) requireShown(result workflows.FetchResult) {
	w.t.Helper()
	id := workflows.FetchWorkflowID(bot, result.SessionID)
	info := w.awaitListed(fmt.Sprintf("CallvaultBot = '%s' AND CallvaultPhase = '%s' AND CallvaultOutcome = '%s' AND %s AND WorkflowId = '%s'",
		bot, result.Outcome, result.Outcome, calledThen, id))
	require.Equal(w.t, workflows.FetchRecordingWorkflowName, info.GetType().GetName())

	described, err := w.client.DescribeWorkflowExecution(w.ctx, id, "")
	require.NoError(w.t, err)
	require.Equal(w.t, "Recording of session "+result.SessionID+" (bot "+bot+")", w.text(described.GetExecutionConfig().GetUserMetadata().GetSummary()))
	require.Contains(w.t, w.text(described.GetExecutionConfig().GetUserMetadata().GetDetails()), workflows.UpdateCheckNow)
	require.Contains(w.t, w.summaries(id, enumspb.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED), "write the manifest: "+string(result.Outcome))

	answer, err := w.client.QueryWorkflow(w.ctx, id, "", "__temporal_workflow_metadata")
	require.NoError(w.t, err)
	var metadata sdkpb.WorkflowMetadata
	require.NoError(w.t, answer.Get(&metadata))
	require.Contains(w.t, metadata.GetCurrentDetails(), "### Done: "+string(result.Outcome))
	require.Contains(w.t, metadata.GetCurrentDetails(), result.Status)
}

func TestAllFilesOfACallAreArchivedWhateverTheirFormat(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.startWorker()
	sessionID := w.addSession(nil,
		simulator.File{Name: "caller.wav", Channels: 1, Duration: 5 * time.Second},
		simulator.File{Name: "long.wav", Format: simulator.RF64, Duration: 5 * time.Second},
		simulator.File{Name: "flac-in-disguise.wav", Format: simulator.FLAC, Duration: 5 * time.Second},
		simulator.File{Name: "../../escape/../manifest.json", Duration: time.Second},
	)
	fetch := w.startFetch(sessionID, shortWaits()...)
	require.Zero(t, fetch.exitCode(w.ctx), fetch.stderr)
	var result workflows.FetchResult
	fetch.decodeStdout(&result)

	require.Len(t, result.Recordings, 4)
	marks := []struct{ format, contentType, mark string }{
		{"wav", "audio/wav", "RIFF"}, {"wav", "audio/wav", "RF64"}, {"flac", "audio/flac", "fLaC"}, {"wav", "audio/wav", "RIFF"},
	}
	for i, mark := range marks {
		recording := result.Recordings[i]
		require.Equal(t, mark.format, recording.Format)
		require.Equal(t, mark.contentType, recording.ContentType)
		content := w.object(w.ctx, recording.Key)
		require.EqualValues(t, recording.Bytes, len(content))
		require.Equal(t, mark.mark, string(content[:4]))
	}
	keys := w.keys(w.ctx)
	require.Len(t, keys, 5, "four files and the manifest")
	for _, key := range keys {
		require.Contains(t, key, w.folder(sessionID))
	}
	w.requireManifest(result)
}

func TestAnArchivedSessionIsAnsweredWithoutAskingTheVendorAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.startWorker()
	file := recording("once.wav", 60_000)
	archived := w.addSession(nil, file)
	unavailable := w.addSession([]simulator.Step{{Status: simulator.StatusMediaUnavailable}})
	for _, sessionID := range []string{archived, unavailable} {
		first := w.startFetch(sessionID, shortWaits()...)
		code := first.exitCode(w.ctx)
		before := w.upstream.Counts()

		second := w.startFetch(sessionID, shortWaits()...)
		require.Equal(t, code, second.exitCode(w.ctx), second.stderr)
		require.Equal(t, first.stdout.String(), second.stdout.String())
		after := w.upstream.Counts()
		require.Equal(t, before.API, after.API, "calls of the vendor")
		require.Equal(t, before.Media, after.Media, "downloads")
	}
	w.requireOnly(map[string][]simulator.File{archived: {file}, unavailable: nil})
}

func TestTwoWhoFetchTheSameSessionAtOnceShareOneFetch(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.startWorker()
	file := recording("shared.wav", 60_000)
	sessionID := w.addSession([]simulator.Step{once(simulator.StatusCallInProgress), {Status: simulator.StatusSuccess}}, file)
	waits := []string{"--poll-min", "1h"}
	first, second := w.startFetch(sessionID, waits...), w.startFetch(sessionID, waits...)
	first.stderr.await(w.ctx, t, "call_in_progress")
	second.stderr.await(w.ctx, t, "call_in_progress")
	third := w.startStarter("fetch", "--bot", bot, "--session", sessionID, "--output", "json")
	require.Zero(t, third.exitCode(w.ctx), third.stderr)
	require.True(t, w.checkNow(workflows.FetchWorkflowID(bot, sessionID)).EndedWait)

	require.Zero(t, first.exitCode(w.ctx), first.stderr)
	require.Zero(t, second.exitCode(w.ctx), second.stderr)
	require.Equal(t, first.stdout.String(), second.stdout.String())
	var result workflows.FetchResult
	first.decodeStdout(&result)
	w.requireArchived(result, file)
	require.Equal(t, simulator.SessionCounts{StatusCalls: 2, MediaRequests: 1}, w.upstream.SessionCounts(bot, sessionID))
	w.awaitListed("WorkflowType = 'FetchRecordingWorkflow'") // One, that is.

	var started struct{ WorkflowID, RunID string }
	third.decodeStdout(&started)
	require.Equal(t, w.manifest(sessionID).RunID, started.RunID)
}

func TestCheckNowEndsAWaitOfHoursAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.startWorker()
	file := recording("now.wav", 60_000)
	sessionID := w.addSession([]simulator.Step{once(simulator.StatusPartialDownloadFailed), {Status: simulator.StatusSuccess}}, file)
	run := w.execute(sessionID, workflows.Policy{}) // The vendor's own 24 hours.
	progress := w.awaitPhase(run.GetID(), workflows.PhasePartialWait)
	require.WithinDuration(t, time.Now().Add(24*time.Hour), progress.NextCheckAt, 20*time.Minute)
	require.Equal(t, []string{"partial_download_failed, try 1 of 7"}, w.summaries(run.GetID(), enumspb.EVENT_TYPE_TIMER_STARTED))
	w.awaitListed("CallvaultPhase = 'partial_wait'")

	answer := w.checkNow(run.GetID())
	require.True(t, answer.EndedWait)
	require.Equal(t, progress.NextCheckAt, answer.PlannedAt)
	require.Contains(t, answer.Message, "partial_download_failed")
	w.requireArchived(w.result(run), file)
}
