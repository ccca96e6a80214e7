package e2e_test

import (
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/temporal"

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
	barrier := h.upstream.blockDownloads(blockAt)
	killed := h.startWorker()
	sized, streamed := recording("sized.wav", largeFile), recording("streamed.wav", largeFile, noLength())
	sizedID, streamedID := h.addSession(nil, sized), h.addSession(nil, streamed)
	sizedRun, streamedRun := h.execute(sizedID, workflows.FetchPolicy{}), h.execute(streamedID, workflows.FetchPolicy{})
	barrier.awaitBlocked(h.ctx, t, 2)
	h.await("a multipart upload has begun", func() bool { return len(h.openUploads()) == 1 })

	killed.kill()
	require.Equal(t, []string{h.folder(streamedID) + streamed.Name}, h.openUploads(), "the killed worker's upload is incomplete")
	require.Empty(t, h.keys(h.ctx), "an incomplete recording must not become an object")
	barrier.open()
	h.startWorker()

	sizedResult, streamedResult := h.result(sizedRun), h.result(streamedRun)
	h.requireArchived(sizedResult, sized)
	h.requireArchived(streamedResult, streamed)
	h.requireOnly(map[string][]simulator.File{sizedID: {sized}, streamedID: {streamed}})
	require.Equal(t, 1, sizedResult.StatusChecks, "the loss of a worker costs no API call")
	require.Equal(t, 1, streamedResult.StatusChecks)
	require.Equal(t, 2, h.upstream.SessionCounts(bot, sizedID).MediaRequests)
}

func TestKilledWorkerDoesNotRestartTheCurrentWait(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	killed := h.startWorker()
	file := recording("after.wav", 60_000)
	sessionID := h.addSession([]simulator.Step{once(simulator.StatusCallInProgress), {Status: simulator.StatusSuccess}}, file)
	run := h.execute(sessionID, workflows.FetchPolicy{PollMin: 4 * time.Second, PollMax: 4 * time.Second})
	planned := h.awaitPhase(run.GetID(), workflows.PhaseCallInProgress).NextCheckAt

	killed.kill()
	h.startWorker()
	result := h.result(run)
	h.requireArchived(result, file)
	require.Equal(t, 2, result.StatusChecks)
	require.Len(t, h.summaries(run.GetID(), enumspb.EVENT_TYPE_TIMER_STARTED), 1)
	for _, event := range h.history(h.ctx, run.GetID(), run.GetRunID()) {
		if event.GetEventType() == enumspb.EVENT_TYPE_TIMER_FIRED {
			require.WithinDuration(t, planned, event.GetEventTime().AsTime(), 2*time.Second)
		}
	}
}

func TestStoppedWorkerFinishesAnAlmostCompleteDownload(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	barrier := h.upstream.blockDownloads(blockAt)
	stopped := h.startWorker()
	file := recording("nearly.wav", largeFile)
	sessionID := h.addSession(nil, file)
	run := h.execute(sessionID, workflows.FetchPolicy{})
	barrier.awaitBlocked(h.ctx, t, 1)

	stopped.signal(syscall.SIGTERM)
	stopped.stderr.await(h.ctx, t, "the worker is stopping")
	barrier.open()
	require.Zero(t, stopped.exitCode(h.ctx), stopped.stderr)
	h.startWorker()
	h.requireArchived(h.result(run), file)
	require.Equal(t, 1, h.upstream.SessionCounts(bot, sessionID).MediaRequests, "it was not downloaded again")
}

func TestStoppedWorkerHandsOverALongDownload(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	barrier := h.upstream.blockDownloads(blockAt)
	stopped := h.startWorker()
	file := recording("long.wav", largeFile, noLength())
	sessionID := h.addSession(nil, file)
	run := h.execute(sessionID, workflows.FetchPolicy{})
	barrier.awaitBlocked(h.ctx, t, 1)

	signalled := time.Now()
	stopped.signal(syscall.SIGTERM)
	require.Zero(t, stopped.exitCode(h.ctx), stopped.stderr)
	require.Less(t, time.Since(signalled), 30*time.Second, "the grace period")
	require.Len(t, h.openUploads(), 1, "the next worker continues it")
	barrier.open()
	h.startWorker()
	result := h.result(run)
	h.requireArchived(result, file)
	require.Empty(t, h.openUploads())
	var ranges []string
	for _, call := range h.upstream.Calls() {
		if call.Kind == simulator.KindMedia {
			ranges = append(ranges, call.Range)
		}
	}
	require.Len(t, ranges, 2)
	require.Regexp(t, `^bytes=[1-9]\d*-$`, ranges[1])
	h.requireOnly(map[string][]simulator.File{sessionID: {file}})
	require.Equal(t, 1, result.StatusChecks)
}

func TestCancelledFetchLeavesNoObjectsOrUploads(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	barrier := h.upstream.blockDownloads(blockAt)
	h.startWorker()
	sized := h.execute(h.addSession(nil, recording("sized.wav", largeFile)), workflows.FetchPolicy{})
	streamed := h.execute(h.addSession(nil, recording("streamed.wav", largeFile, noLength())), workflows.FetchPolicy{})
	asleep := h.execute(h.addSession([]simulator.Step{{Status: simulator.StatusCallInProgress}}), workflows.FetchPolicy{})
	barrier.awaitBlocked(h.ctx, t, 2)
	h.await("a multipart upload has begun", func() bool { return len(h.openUploads()) == 1 })
	h.awaitPhase(asleep.GetID(), workflows.PhaseCallInProgress)

	for _, run := range []interface{ GetID() string }{sized, streamed, asleep} {
		require.NoError(t, h.client.CancelWorkflow(h.ctx, run.GetID(), ""))
	}
	var canceled *temporal.CanceledError
	require.ErrorAs(t, asleep.Get(h.ctx, nil), &canceled)
	require.ErrorAs(t, sized.Get(h.ctx, nil), &canceled)
	require.ErrorAs(t, streamed.Get(h.ctx, nil), &canceled)
	require.Empty(t, h.keys(h.ctx))
	require.Empty(t, h.openUploads())
	described, err := h.client.DescribeWorkflowExecution(h.ctx, sized.GetID(), "")
	require.NoError(t, err)
	require.Equal(t, enumspb.WORKFLOW_EXECUTION_STATUS_CANCELED, described.GetWorkflowExecutionInfo().GetStatus())
}
