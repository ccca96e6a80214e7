package e2e_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/worker"

	"github.com/callvault/callvault/internal/simulator"
	"github.com/callvault/callvault/workflows"
)

// startParent starts a workflow of another team, on a worker of its own, that
// runs a fetch by [workflows.RunFetch].
func (h *harness) startParent(sessionID string) client.WorkflowRun {
	h.t.Helper()
	const queue = "another-team"
	w := worker.New(h.client, queue, worker.Options{})
	w.RegisterWorkflow(workflows.RunFetch)
	require.NoError(h.t, w.Start())
	h.t.Cleanup(w.Stop)
	run, err := h.client.ExecuteWorkflow(h.ctx, client.StartWorkflowOptions{TaskQueue: queue}, workflows.RunFetch,
		workflows.FetchRequest{Session: sessionOf(sessionID), Policy: longWaits()})
	require.NoError(h.t, err)
	return run
}

// awaitWaitingParent waits until the parent waits in an activity.
func (h *harness) awaitWaitingParent(parent client.WorkflowRun) {
	h.t.Helper()
	h.await("the parent waits in an activity", func() bool {
		described, err := h.client.DescribeWorkflowExecution(h.ctx, parent.GetID(), "")
		return err == nil && len(described.GetPendingActivities()) == 1
	})
}

// eventTypes returns the types of a workflow's events but those of its tasks.
func (h *harness) eventTypes(run client.WorkflowRun) []enumspb.EventType {
	h.t.Helper()
	var types []enumspb.EventType
	for _, event := range h.history(h.ctx, run.GetID(), run.GetRunID()) {
		switch event.GetEventType() {
		case enumspb.EVENT_TYPE_WORKFLOW_TASK_SCHEDULED, enumspb.EVENT_TYPE_WORKFLOW_TASK_STARTED, enumspb.EVENT_TYPE_WORKFLOW_TASK_COMPLETED:
		default:
			types = append(types, event.GetEventType())
		}
	}
	return types
}

func TestParentRunsAFetchAsItsChild(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.startWorker()
	file := recording("child.wav", 60_000)
	parent := h.startParent(h.addSession(nil, file))
	result := h.result(parent)
	h.requireArchived(result, file)
	require.Equal(t, workflows.SourceFetch, result.Source)
	require.NotContains(t, h.eventTypes(parent), enumspb.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED)
}

func TestParentWaitsForAFetchThatIsAlreadyRunning(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.startWorker()
	file := recording("running.wav", 60_000)
	sessionID := h.addSession([]simulator.Step{once(simulator.StatusCallInProgress), {Status: simulator.StatusSuccess}}, file)
	running := h.execute(sessionID, longWaits())
	h.awaitPhase(running.GetID(), workflows.PhaseCallInProgress)

	parent := h.startParent(sessionID)
	h.awaitWaitingParent(parent)
	require.True(t, h.checkNow(running.GetID()).EndedWait)
	h.requireArchived(h.result(parent), file)
	require.Equal(t, h.result(running), h.result(parent))
	require.Equal(t, []enumspb.EventType{
		enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED,
		enumspb.EVENT_TYPE_START_CHILD_WORKFLOW_EXECUTION_INITIATED,
		enumspb.EVENT_TYPE_START_CHILD_WORKFLOW_EXECUTION_FAILED,
		enumspb.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED,
		enumspb.EVENT_TYPE_ACTIVITY_TASK_STARTED,
		enumspb.EVENT_TYPE_ACTIVITY_TASK_COMPLETED,
		enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED,
	}, h.eventTypes(parent), "waiting adds no event, however long it takes")
}

func TestParentFetchesItselfIfTheRunningFetchIsCancelled(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.startWorker()
	file := recording("cancelled.wav", 60_000)
	sessionID := h.addSession([]simulator.Step{once(simulator.StatusCallInProgress), {Status: simulator.StatusSuccess}}, file)
	running := h.execute(sessionID, longWaits())
	h.awaitPhase(running.GetID(), workflows.PhaseCallInProgress)

	parent := h.startParent(sessionID)
	h.awaitWaitingParent(parent)
	require.NoError(t, workflows.GetFetch(h.ctx, h.client, sessionOf(sessionID)).Cancel(h.ctx))
	h.requireArchived(h.result(parent), file)
}

func TestCancelledParentCancelsItsChild(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.startWorker()
	sessionID := h.addSession([]simulator.Step{{Status: simulator.StatusCallInProgress}})
	parent := h.startParent(sessionID)
	h.awaitPhase(sessionOf(sessionID).FetchWorkflowID(), workflows.PhaseCallInProgress)
	require.NoError(t, h.client.CancelWorkflow(h.ctx, parent.GetID(), ""))

	require.True(t, temporal.IsCanceledError(parent.Get(h.ctx, nil)))
	_, err := workflows.GetFetch(h.ctx, h.client, sessionOf(sessionID)).Result(h.ctx)
	require.True(t, temporal.IsCanceledError(err))
}

func TestParentIsNotCancelledWithItsChild(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.startWorker()
	sessionID := h.addSession([]simulator.Step{{Status: simulator.StatusCallInProgress}})
	parent := h.startParent(sessionID)
	h.awaitPhase(sessionOf(sessionID).FetchWorkflowID(), workflows.PhaseCallInProgress)
	require.NoError(t, workflows.GetFetch(h.ctx, h.client, sessionOf(sessionID)).Cancel(h.ctx))

	var failed *temporal.ApplicationError
	require.ErrorAs(t, parent.Get(h.ctx, nil), &failed)
	require.Equal(t, workflows.ErrorTypeNoOutcome, failed.Type())
}
