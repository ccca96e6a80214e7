package e2e_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	sdkpb "go.temporal.io/api/sdk/v1"

	"github.com/callvault/callvault/dev/internal/system"
	"github.com/callvault/callvault/internal/simulator"
	"github.com/callvault/callvault/workflows"
)

// shortWaitFlags returns flags for a fetch with waits short enough for a test.
func shortWaitFlags() []string {
	return []string{"--poll-min", "200ms", "--poll-max", "400ms", "--partial-retry-after", "1s", "--partial-max-retries", "2", "--give-up-after", "1m"}
}

// once returns a step that gives status to one check only.
func once(status string) simulator.Step { return simulator.Step{Status: status, Calls: 1} }

func TestEachStatusLeadsToItsDocumentedOutcome(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.StartWorker()
	ready := simulator.Step{Status: simulator.StatusSuccess}
	giveUpSoon := []string{"--poll-min", "200ms", "--poll-max", "400ms", "--give-up-after", "1s"}

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
			[]string{"partial_download_failed, retry 1 of 2"}, ""},
		{"partial_upload_failed", []simulator.Step{{Status: simulator.StatusPartialUploadFailed, Calls: 2}, ready}, nil, workflows.OutcomeArchived, 0, 3,
			[]string{"partial_upload_failed, retry 1 of 2", "partial_upload_failed, retry 2 of 2"}, ""},
		{"partial_download_failed, permanently", []simulator.Step{{Status: simulator.StatusPartialDownloadFailed}}, nil, workflows.OutcomeGaveUp, 1, 3,
			[]string{"partial_download_failed, retry 1 of 2", "partial_download_failed, retry 2 of 2"}, "gave up after 2 retries"},
		{"call_in_progress, permanently", []simulator.Step{{Status: simulator.StatusCallInProgress}}, giveUpSoon, workflows.OutcomeGaveUp, 1, -1,
			nil, "gave up after 1s"},
		{"fetching_in_progress, a console status", []simulator.Step{once(simulator.StatusFetchingInProgress), ready}, nil, workflows.OutcomeArchived, 0, 2,
			[]string{"fetching_in_progress, after check 1"}, ""},
		{"24hr_retry_failed, a console status", []simulator.Step{{Status: simulator.StatusRetryFailedAfter24Hr}}, nil, workflows.OutcomeFailed, 1, 1,
			nil, "the vendor's last retry"},
		{"an unknown status", []simulator.Step{once("rewinding_tape"), ready}, nil, workflows.OutcomeArchived, 0, 2,
			[]string{"rewinding_tape, after check 1"}, ""},
	}
	// All fetches run at once. Each is checked when it has ended.
	sessions := make([]string, len(tests))
	files := make([]simulator.File, len(tests))
	fetches := make([]*system.Process, len(tests))
	for i, test := range tests {
		files[i] = system.Recording(fmt.Sprintf("call-%d.wav", i), 50_000+i*1_000)
		sessions[i] = h.AddSession(test.script, files[i])
		fetches[i] = h.StartFetch(sessions[i], append(shortWaitFlags(), test.flags...)...)
	}
	for i, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			h := h.forSubtest(t)
			require.Equal(t, test.code, fetches[i].ExitCode(h.Ctx), fetches[i].Stderr)
			var result workflows.FetchResult
			fetches[i].DecodeStdout(&result)
			require.Equal(t, test.outcome, result.Outcome)
			require.Contains(t, result.Reason, test.reason)
			require.Equal(t, sessions[i], result.SessionID)
			require.Equal(t, h.Folder(sessions[i])+"manifest.json", result.Manifest.Key)
			last := test.script[len(test.script)-1].Status
			require.Equal(t, last, result.Status)
			if test.checks > 0 {
				require.Equal(t, test.checks, result.StatusChecks)
			}
			require.Equal(t, result.StatusChecks, h.Upstream.SessionCounts(system.Bot, sessions[i]).StatusCalls, "each check is exactly one call")

			if test.outcome == workflows.OutcomeArchived {
				h.RequireArchived(result, files[i])
			} else {
				require.NotNil(t, result.Recordings, "must be [] in JSON, not null")
				require.Empty(t, result.Recordings)
			}
			h.requireManifest(result)
			h.requireWebUI(result)
			if test.timers != nil {
				timers := h.Summaries(system.SessionOf(sessions[i]).FetchWorkflowID(), enumspb.EVENT_TYPE_TIMER_STARTED)
				timers = slices.DeleteFunc(timers, func(summary string) bool { return summary == "the call slot was lost, next slot" }) // on a slow machine
				require.Equal(t, test.timers, timers)
			}
		})
	}
}

// callTimeQuery is a visibility condition on the time of the call. It covers one
// second because the server's SQLite store compares times as text.
const callTimeQuery = "CallvaultCallTime BETWEEN '2026-03-05T12:42:34Z' AND '2026-03-05T12:42:35Z'"

// requireManifest requires that the manifest agrees with the result.
func (h *harness) requireManifest(result workflows.FetchResult) {
	h.T.Helper()
	manifest := h.Manifest(result.SessionID)
	require.Equal(h.T, 1, manifest.Version)
	require.Equal(h.T, system.Bot, manifest.BotID)
	require.Equal(h.T, result.SessionID, manifest.SessionID)
	require.Equal(h.T, string(result.Outcome), manifest.Outcome)
	require.Equal(h.T, result.Status, manifest.Status)
	require.Equal(h.T, result.Reason, manifest.Reason)
	require.Equal(h.T, result.StatusChecks, manifest.StatusChecks)
	require.Equal(h.T, system.CallTime, manifest.CallTime)
	require.Equal(h.T, system.SessionOf(result.SessionID).FetchWorkflowID(), manifest.WorkflowID)
	require.NotEmpty(h.T, manifest.RunID)
	require.NotNil(h.T, manifest.Files, "must be [] in JSON, not null")
	require.Len(h.T, manifest.Files, len(result.Recordings))
}

// requireWebUI checks what the Web UI shows of a fetch that has ended.
func (h *harness) requireWebUI(result workflows.FetchResult) {
	h.T.Helper()
	id := system.SessionOf(result.SessionID).FetchWorkflowID()
	info := h.AwaitListed(fmt.Sprintf("CallvaultBot = '%s' AND CallvaultPhase = '%s' AND CallvaultOutcome = '%s' AND %s AND WorkflowId = '%s'",
		system.Bot, result.Outcome, result.Outcome, callTimeQuery, id))
	require.Equal(h.T, workflows.FetchRecordingWorkflowName, info.GetType().GetName())

	described, err := h.Client.DescribeWorkflowExecution(h.Ctx, id, "")
	require.NoError(h.T, err)
	require.Equal(h.T, "Recording of session "+result.SessionID+" (bot "+system.Bot+", call of 2026-03-05 12:42 UTC)", h.Text(described.GetExecutionConfig().GetUserMetadata().GetSummary()))
	require.Contains(h.T, h.Text(described.GetExecutionConfig().GetUserMetadata().GetDetails()), workflows.UpdateCheckNow)
	proved := "write the manifest: " + string(result.Outcome)
	if result.Outcome == workflows.OutcomeArchived {
		proved = "file 1 of 1, with the manifest"
	}
	require.Contains(h.T, h.Summaries(id, enumspb.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED), proved)

	response, err := h.Client.QueryWorkflow(h.Ctx, id, "", "__temporal_workflow_metadata")
	require.NoError(h.T, err)
	var metadata sdkpb.WorkflowMetadata
	require.NoError(h.T, response.Get(&metadata))
	require.Contains(h.T, metadata.GetCurrentDetails(), "### Done: "+string(result.Outcome))
	require.Contains(h.T, metadata.GetCurrentDetails(), result.Status)
}

func TestAllFilesOfACallAreArchivedInAnyFormat(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.StartWorker()
	sessionID := h.AddSession(nil,
		simulator.File{Name: "caller.wav", Channels: 1, Duration: 5 * time.Second},
		simulator.File{Name: "long.wav", Format: simulator.RF64, Duration: 5 * time.Second},
		simulator.File{Name: "flac-content.wav", Format: simulator.FLAC, Duration: 5 * time.Second},
		simulator.File{Name: "../../escape/../manifest.json", Duration: time.Second},
	)
	fetch := h.StartFetch(sessionID, shortWaitFlags()...)
	require.Zero(t, fetch.ExitCode(h.Ctx), fetch.Stderr)
	var result workflows.FetchResult
	fetch.DecodeStdout(&result)

	require.Len(t, result.Recordings, 4)
	wants := []struct{ format, contentType, magic string }{
		{"wav", "audio/wav", "RIFF"}, {"wav", "audio/wav", "RF64"}, {"flac", "audio/flac", "fLaC"}, {"wav", "audio/wav", "RIFF"},
	}
	for i, want := range wants {
		recording := result.Recordings[i]
		require.Equal(t, want.format, recording.Format)
		require.Equal(t, want.contentType, recording.ContentType)
		content := h.Object(h.Ctx, recording.Key)
		require.EqualValues(t, recording.Bytes, len(content))
		require.Equal(t, want.magic, string(content[:4]))
	}
	keys := h.Keys(h.Ctx)
	require.Len(t, keys, 5, "four files and the manifest")
	for _, key := range keys {
		require.Contains(t, key, h.Folder(sessionID))
	}
	h.requireManifest(result)
}

func TestRepeatedFetchMakesNoUpstreamCalls(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.StartWorker()
	file := system.Recording("once.wav", 60_000)
	archived := h.AddSession(nil, file)
	unavailable := h.AddSession([]simulator.Step{{Status: simulator.StatusMediaUnavailable}})
	for _, sessionID := range []string{archived, unavailable} {
		first := h.StartFetch(sessionID, shortWaitFlags()...)
		code := first.ExitCode(h.Ctx)
		before := h.Upstream.Counts()

		second := h.StartFetch(sessionID, shortWaitFlags()...)
		require.Equal(t, code, second.ExitCode(h.Ctx), second.Stderr)
		require.Equal(t, strings.Replace(first.Stdout.String(), `"source": "fetch"`, `"source": "manifest"`, 1), second.Stdout.String(),
			"the same result, which says that it was read from the manifest")
		after := h.Upstream.Counts()
		require.Equal(t, before.API, after.API, "API calls")
		require.Equal(t, before.Media, after.Media, "downloads")
	}
	h.RequireOnly(map[string][]simulator.File{archived: {file}, unavailable: nil})
}

func TestConcurrentFetchesOfASessionShareOneWorkflow(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.StartWorker()
	file := system.Recording("shared.wav", 60_000)
	sessionID := h.AddSession([]simulator.Step{once(simulator.StatusCallInProgress), {Status: simulator.StatusSuccess}}, file)
	waits := []string{"--poll-min", "1h"}
	first, second := h.StartFetch(sessionID, waits...), h.StartFetch(sessionID, waits...)
	first.Stderr.Await(h.Ctx, t, "call_in_progress")
	second.Stderr.Await(h.Ctx, t, "call_in_progress")
	third := h.StartStarter("fetch", "--bot", system.Bot, "--session", sessionID, "--output", "json")
	require.Zero(t, third.ExitCode(h.Ctx), third.Stderr)
	require.True(t, h.CheckNow(system.SessionOf(sessionID).FetchWorkflowID()).EndedWait)

	require.Zero(t, first.ExitCode(h.Ctx), first.Stderr)
	require.Zero(t, second.ExitCode(h.Ctx), second.Stderr)
	require.Equal(t, first.Stdout.String(), second.Stdout.String())
	var result workflows.FetchResult
	first.DecodeStdout(&result)
	h.RequireArchived(result, file)
	require.Equal(t, simulator.SessionCounts{StatusCalls: 2, MediaRequests: 1}, h.Upstream.SessionCounts(system.Bot, sessionID))
	h.AwaitListed("WorkflowType = 'FetchRecordingWorkflow'") // Exactly one.

	var started struct{ WorkflowID, RunID string }
	third.DecodeStdout(&started)
	require.Equal(t, h.Manifest(sessionID).RunID, started.RunID)
}

func TestCheckNowEndsALongWaitImmediately(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.StartWorker()
	file := system.Recording("now.wav", 60_000)
	sessionID := h.AddSession([]simulator.Step{once(simulator.StatusPartialDownloadFailed), {Status: simulator.StatusSuccess}}, file)
	run := h.Execute(sessionID, workflows.FetchPolicy{}) // The default wait of 24 hours.
	progress := h.AwaitPhase(run.GetID(), workflows.PhasePartialWait)
	require.WithinDuration(t, time.Now().Add(24*time.Hour), progress.NextCheckAt, 20*time.Minute)
	require.Equal(t, []string{"partial_download_failed, retry 1 of 7"}, h.Summaries(run.GetID(), enumspb.EVENT_TYPE_TIMER_STARTED))
	h.AwaitListed("CallvaultPhase = 'partial_wait'")

	checked := h.CheckNow(run.GetID())
	require.True(t, checked.EndedWait)
	require.Equal(t, progress.NextCheckAt, checked.PlannedAt)
	require.Contains(t, checked.Message, "partial_download_failed")
	h.RequireArchived(h.Result(run), file)
}
