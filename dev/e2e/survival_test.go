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

	// heldAt is where its download is held: in the second part.
	heldAt = 12_000_000
)

// unsized leaves the Content-Length out of every answer.
func unsized() simulator.Fault { return simulator.Fault{Kind: simulator.Chunked, Times: -1} }

func TestAWorkerThatIsKilledWhileItDownloadsLosesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	gate := w.upstream.holdDownloads(heldAt)
	killed := w.startWorker()
	sized, streamed := recording("sized.wav", largeFile), recording("streamed.wav", largeFile, unsized())
	sizedID, streamedID := w.addSession(nil, sized), w.addSession(nil, streamed)
	sizedRun, streamedRun := w.execute(sizedID, workflows.Policy{}), w.execute(streamedID, workflows.Policy{})
	gate.awaitHeld(w.ctx, t, 2)
	w.await("a multipart upload has begun", func() bool { return len(w.openUploads()) == 1 })

	killed.kill()
	require.Equal(t, []string{w.folder(streamedID) + streamed.Name}, w.openUploads(), "what a killed worker leaves behind")
	require.Empty(t, w.keys(w.ctx), "half a recording is no object")
	gate.open()
	w.startWorker()

	sizedResult, streamedResult := w.result(sizedRun), w.result(streamedRun)
	w.requireArchived(sizedResult, sized)
	w.requireArchived(streamedResult, streamed)
	w.requireOnly(map[string][]simulator.File{sizedID: {sized}, streamedID: {streamed}})
	require.Equal(t, 1, sizedResult.StatusChecks, "a lost worker costs no call of the vendor's budget")
	require.Equal(t, 1, streamedResult.StatusChecks)
	require.Equal(t, 2, w.upstream.SessionCounts(bot, sizedID).MediaRequests)
}

func TestAWorkerThatIsKilledDuringAWaitDoesNotStartTheWaitAnew(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	killed := w.startWorker()
	file := recording("after.wav", 60_000)
	sessionID := w.addSession([]simulator.Step{once(simulator.StatusCallInProgress), {Status: simulator.StatusSuccess}}, file)
	run := w.execute(sessionID, workflows.Policy{PollMin: 4 * time.Second, PollMax: 4 * time.Second})
	planned := w.awaitPhase(run.GetID(), workflows.PhaseCallInProgress).NextCheckAt

	killed.kill()
	w.startWorker()
	result := w.result(run)
	w.requireArchived(result, file)
	require.Equal(t, 2, result.StatusChecks)
	require.Len(t, w.summaries(run.GetID(), enumspb.EVENT_TYPE_TIMER_STARTED), 1)
	for _, event := range w.history(w.ctx, run.GetID(), run.GetRunID()) {
		if event.GetEventType() == enumspb.EVENT_TYPE_TIMER_FIRED {
			require.WithinDuration(t, planned, event.GetEventTime().AsTime(), 2*time.Second)
		}
	}
}

func TestAWorkerThatIsStoppedFinishesADownloadThatIsNearlyDone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	gate := w.upstream.holdDownloads(heldAt)
	stopped := w.startWorker()
	file := recording("nearly.wav", largeFile)
	sessionID := w.addSession(nil, file)
	run := w.execute(sessionID, workflows.Policy{})
	gate.awaitHeld(w.ctx, t, 1)

	stopped.signal(syscall.SIGTERM)
	stopped.stderr.await(w.ctx, t, "the worker is stopping")
	gate.open()
	require.Zero(t, stopped.exitCode(w.ctx), stopped.stderr)
	w.startWorker()
	w.requireArchived(w.result(run), file)
	require.Equal(t, 1, w.upstream.SessionCounts(bot, sessionID).MediaRequests, "it was not downloaded again")
}

func TestAWorkerThatIsStoppedHandsALongDownloadOver(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	gate := w.upstream.holdDownloads(heldAt)
	stopped := w.startWorker()
	file := recording("long.wav", largeFile, unsized())
	sessionID := w.addSession(nil, file)
	run := w.execute(sessionID, workflows.Policy{})
	gate.awaitHeld(w.ctx, t, 1)

	asked := time.Now()
	stopped.signal(syscall.SIGTERM)
	require.Zero(t, stopped.exitCode(w.ctx), stopped.stderr)
	require.Less(t, time.Since(asked), 30*time.Second, "the grace")
	require.Empty(t, w.openUploads(), "it cleans up behind itself")
	gate.open()
	w.startWorker()
	result := w.result(run)
	w.requireArchived(result, file)
	w.requireOnly(map[string][]simulator.File{sessionID: {file}})
	require.Equal(t, 1, result.StatusChecks)
}

func TestACancelledFetchLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	gate := w.upstream.holdDownloads(heldAt)
	w.startWorker()
	sized := w.execute(w.addSession(nil, recording("sized.wav", largeFile)), workflows.Policy{})
	streamed := w.execute(w.addSession(nil, recording("streamed.wav", largeFile, unsized())), workflows.Policy{})
	asleep := w.execute(w.addSession([]simulator.Step{{Status: simulator.StatusCallInProgress}}), workflows.Policy{})
	gate.awaitHeld(w.ctx, t, 2)
	w.await("a multipart upload has begun", func() bool { return len(w.openUploads()) == 1 })
	w.awaitPhase(asleep.GetID(), workflows.PhaseCallInProgress)

	for _, run := range []interface{ GetID() string }{sized, streamed, asleep} {
		require.NoError(t, w.client.CancelWorkflow(w.ctx, run.GetID(), ""))
	}
	var canceled *temporal.CanceledError
	require.ErrorAs(t, asleep.Get(w.ctx, nil), &canceled)
	require.ErrorAs(t, sized.Get(w.ctx, nil), &canceled)
	require.ErrorAs(t, streamed.Get(w.ctx, nil), &canceled)
	require.Empty(t, w.keys(w.ctx))
	require.Empty(t, w.openUploads())
	described, err := w.client.DescribeWorkflowExecution(w.ctx, sized.GetID(), "")
	require.NoError(t, err)
	require.Equal(t, enumspb.WORKFLOW_EXECUTION_STATUS_CANCELED, described.GetWorkflowExecutionInfo().GetStatus())
}
