package e2e_test

import (
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/temporal"

	"github.com/callvault/callvault/dev/internal/system"
	"github.com/callvault/callvault/internal/simulator"
	"github.com/callvault/callvault/workflows"
)

const (
	// largeFile is more than two parts of a multipart upload.
	largeFile = 30_000_000

	// blockAt is where its download is blocked, in bytes: in the second part.
	blockAt = 12_000_000
)

// noLength leaves the Content-Length out of every response.
func noLength() simulator.Fault { return simulator.Fault{Kind: simulator.Chunked, Times: -1} }

func TestKilledWorkerLosesNoDownloads(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	barrier := h.Upstream.BlockDownloads(blockAt)
	killed := h.StartWorker()
	sized, streamed := system.Recording("sized.wav", largeFile), system.Recording("streamed.wav", largeFile, noLength())
	sizedID, streamedID := h.AddSession(nil, sized), h.AddSession(nil, streamed)
	sizedRun, streamedRun := h.Execute(sizedID, workflows.FetchPolicy{}), h.Execute(streamedID, workflows.FetchPolicy{})
	barrier.AwaitBlocked(h.Ctx, t, 2)
	h.Await("a multipart upload has begun", func() bool { return len(h.OpenUploads()) == 1 })

	killed.Kill()
	require.Equal(t, []string{h.Folder(streamedID) + streamed.Name}, h.OpenUploads(), "the killed worker's upload is incomplete")
	require.Empty(t, h.Keys(h.Ctx), "an incomplete recording must not become an object")
	barrier.Open()
	h.StartWorker()

	sizedResult, streamedResult := h.Result(sizedRun), h.Result(streamedRun)
	h.RequireArchived(sizedResult, sized)
	h.RequireArchived(streamedResult, streamed)
	h.RequireOnly(map[string][]simulator.File{sizedID: {sized}, streamedID: {streamed}})
	require.Equal(t, 1, sizedResult.StatusChecks, "the loss of a worker costs no API call")
	require.Equal(t, 1, streamedResult.StatusChecks)
	require.Equal(t, 2, h.Upstream.SessionCounts(system.Bot, sizedID).MediaRequests)
}

func TestKilledWorkerDoesNotRestartTheCurrentWait(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	killed := h.StartWorker()
	file := system.Recording("after.wav", 60_000)
	sessionID := h.AddSession([]simulator.Step{once(simulator.StatusCallInProgress), {Status: simulator.StatusSuccess}}, file)
	run := h.Execute(sessionID, workflows.FetchPolicy{PollMin: 4 * time.Second, PollMax: 4 * time.Second})
	planned := h.AwaitPhase(run.GetID(), workflows.PhaseCallInProgress).NextCheckAt

	killed.Kill()
	h.StartWorker()
	result := h.Result(run)
	h.RequireArchived(result, file)
	require.Equal(t, 2, result.StatusChecks)
	require.Len(t, h.Summaries(run.GetID(), enumspb.EVENT_TYPE_TIMER_STARTED), 1)
	for _, event := range h.History(h.Ctx, run.GetID(), run.GetRunID()) {
		if event.GetEventType() == enumspb.EVENT_TYPE_TIMER_FIRED {
			require.WithinDuration(t, planned, event.GetEventTime().AsTime(), 2*time.Second)
		}
	}
}

func TestStoppedWorkerFinishesAnAlmostCompleteDownload(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	barrier := h.Upstream.BlockDownloads(blockAt)
	stopped := h.StartWorker()
	file := system.Recording("nearly.wav", largeFile)
	sessionID := h.AddSession(nil, file)
	run := h.Execute(sessionID, workflows.FetchPolicy{})
	barrier.AwaitBlocked(h.Ctx, t, 1)

	stopped.Signal(syscall.SIGTERM)
	stopped.Stderr.Await(h.Ctx, t, "the worker is stopping")
	barrier.Open()
	require.Zero(t, stopped.ExitCode(h.Ctx), stopped.Stderr)
	h.StartWorker()
	h.RequireArchived(h.Result(run), file)
	require.Equal(t, 1, h.Upstream.SessionCounts(system.Bot, sessionID).MediaRequests, "it was not downloaded again")
}

func TestStoppedWorkerHandsOverALongDownload(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	barrier := h.Upstream.BlockDownloads(blockAt)
	stopped := h.StartWorker()
	file := system.Recording("long.wav", largeFile, noLength())
	sessionID := h.AddSession(nil, file)
	run := h.Execute(sessionID, workflows.FetchPolicy{})
	barrier.AwaitBlocked(h.Ctx, t, 1)

	signalled := time.Now()
	stopped.Signal(syscall.SIGTERM)
	require.Zero(t, stopped.ExitCode(h.Ctx), stopped.Stderr)
	require.Less(t, time.Since(signalled), 30*time.Second, "the grace period")
	require.Len(t, h.OpenUploads(), 1, "the next worker continues it")
	barrier.Open()
	h.StartWorker()
	result := h.Result(run)
	h.RequireArchived(result, file)
	require.Empty(t, h.OpenUploads())
	var ranges []string
	for _, call := range h.Upstream.Calls() {
		if call.Kind == simulator.KindMedia {
			ranges = append(ranges, call.Range)
		}
	}
	require.Len(t, ranges, 2)
	require.Regexp(t, `^bytes=[1-9]\d*-$`, ranges[1])
	h.RequireOnly(map[string][]simulator.File{sessionID: {file}})
	require.Equal(t, 1, result.StatusChecks)
}

func TestCancelledFetchLeavesNoObjectsOrUploads(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	barrier := h.Upstream.BlockDownloads(blockAt)
	h.StartWorker()
	sized := h.Execute(h.AddSession(nil, system.Recording("sized.wav", largeFile)), workflows.FetchPolicy{})
	streamed := h.Execute(h.AddSession(nil, system.Recording("streamed.wav", largeFile, noLength())), workflows.FetchPolicy{})
	asleep := h.Execute(h.AddSession([]simulator.Step{{Status: simulator.StatusCallInProgress}}), workflows.FetchPolicy{})
	barrier.AwaitBlocked(h.Ctx, t, 2)
	h.Await("a multipart upload has begun", func() bool { return len(h.OpenUploads()) == 1 })
	h.AwaitPhase(asleep.GetID(), workflows.PhaseCallInProgress)

	for _, run := range []interface{ GetID() string }{sized, streamed, asleep} {
		require.NoError(t, h.Client.CancelWorkflow(h.Ctx, run.GetID(), ""))
	}
	var canceled *temporal.CanceledError
	require.ErrorAs(t, asleep.Get(h.Ctx, nil), &canceled)
	require.ErrorAs(t, sized.Get(h.Ctx, nil), &canceled)
	require.ErrorAs(t, streamed.Get(h.Ctx, nil), &canceled)
	require.Empty(t, h.Keys(h.Ctx))
	require.Empty(t, h.OpenUploads())
	described, err := h.Client.DescribeWorkflowExecution(h.Ctx, sized.GetID(), "")
	require.NoError(t, err)
	require.Equal(t, enumspb.WORKFLOW_EXECUTION_STATUS_CANCELED, described.GetWorkflowExecutionInfo().GetStatus())
}
