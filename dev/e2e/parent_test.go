package e2e_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/worker"

	"github.com/callvault/callvault/dev/internal/system"
	"github.com/callvault/callvault/internal/simulator"
	"github.com/callvault/callvault/workflows"
)

// startParent starts a workflow of another team, on a worker of its own, that
// runs a fetch by [workflows.RunFetch].
func (h *harness) startParent(sessionID string) client.WorkflowRun {
	h.T.Helper()
	const queue = "another-team"
	w := worker.New(h.Client, queue, worker.Options{})
	w.RegisterWorkflow(workflows.RunFetch)
	require.NoError(h.T, w.Start())
	h.T.Cleanup(w.Stop)
	run, err := h.Client.ExecuteWorkflow(h.Ctx, client.StartWorkflowOptions{TaskQueue: queue}, workflows.RunFetch,
		workflows.FetchRequest{Session: system.SessionOf(sessionID), Policy: longWaits()})
	require.NoError(h.T, err)
	return run
}

// awaitWaitingParent waits until the parent waits in an activity.
func (h *harness) awaitWaitingParent(parent client.WorkflowRun) {
	h.T.Helper()
	h.Await("the parent waits in an activity", func() bool {
		described, err := h.Client.DescribeWorkflowExecution(h.Ctx, parent.GetID(), "")
		return err == nil && len(described.GetPendingActivities()) == 1
	})
}

// eventTypes returns the types of a workflow's events but those of its tasks.
func (h *harness) eventTypes(run client.WorkflowRun) []enumspb.EventType {
	h.T.Helper()
	var types []enumspb.EventType
	for _, event := range h.History(h.Ctx, run.GetID(), run.GetRunID()) {
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
	h.StartWorker()
	file := system.Recording("child.wav", 60_000)
	parent := h.startParent(h.AddSession(nil, file))
	result := h.Result(parent)
	h.RequireArchived(result, file)
	require.Equal(t, workflows.SourceFetch, result.Source)
	require.NotContains(t, h.eventTypes(parent), enumspb.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED)
}

func TestParentWaitsForAFetchThatIsAlreadyRunning(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.StartWorker()
	file := system.Recording("running.wav", 60_000)
	sessionID := h.AddSession([]simulator.Step{once(simulator.StatusCallInProgress), {Status: simulator.StatusSuccess}}, file)
	running := h.Execute(sessionID, longWaits())
	h.AwaitPhase(running.GetID(), workflows.PhaseCallInProgress)

	parent := h.startParent(sessionID)
	h.awaitWaitingParent(parent)
	require.True(t, h.CheckNow(running.GetID()).EndedWait)
	h.RequireArchived(h.Result(parent), file)
	require.Equal(t, h.Result(running), h.Result(parent))
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
	h.StartWorker()
	file := system.Recording("cancelled.wav", 60_000)
	sessionID := h.AddSession([]simulator.Step{once(simulator.StatusCallInProgress), {Status: simulator.StatusSuccess}}, file)
	running := h.Execute(sessionID, longWaits())
	h.AwaitPhase(running.GetID(), workflows.PhaseCallInProgress)

	parent := h.startParent(sessionID)
	h.awaitWaitingParent(parent)
	require.NoError(t, workflows.GetFetch(h.Ctx, h.Client, system.SessionOf(sessionID)).Cancel(h.Ctx))
	h.RequireArchived(h.Result(parent), file)
}

func TestCancelledParentCancelsItsChild(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.StartWorker()
	sessionID := h.AddSession([]simulator.Step{{Status: simulator.StatusCallInProgress}})
	parent := h.startParent(sessionID)
	h.AwaitPhase(system.SessionOf(sessionID).FetchWorkflowID(), workflows.PhaseCallInProgress)
	require.NoError(t, h.Client.CancelWorkflow(h.Ctx, parent.GetID(), ""))

	require.True(t, temporal.IsCanceledError(parent.Get(h.Ctx, nil)))
	_, err := workflows.GetFetch(h.Ctx, h.Client, system.SessionOf(sessionID)).Result(h.Ctx)
	require.True(t, temporal.IsCanceledError(err))
}

func TestParentIsNotCancelledWithItsChild(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.StartWorker()
	sessionID := h.AddSession([]simulator.Step{{Status: simulator.StatusCallInProgress}})
	parent := h.startParent(sessionID)
	h.AwaitPhase(system.SessionOf(sessionID).FetchWorkflowID(), workflows.PhaseCallInProgress)
	require.NoError(t, workflows.GetFetch(h.Ctx, h.Client, system.SessionOf(sessionID)).Cancel(h.Ctx))

	var failed *temporal.ApplicationError
	require.ErrorAs(t, parent.Get(h.Ctx, nil), &failed)
	require.Equal(t, workflows.ErrorTypeNoOutcome, failed.Type())
}
