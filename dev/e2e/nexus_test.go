package e2e_test

import (
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	nexuspb "go.temporal.io/api/nexus/v1"
	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	sdklog "go.temporal.io/sdk/log"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/callvault/callvault/dev/internal/system"
	"github.com/callvault/callvault/internal/simulator"
	"github.com/callvault/callvault/workflows"
)

// elsewhere is a namespace of another team, with a worker of its own and an endpoint by which
// it reaches callvault.
type elsewhere struct {
	*harness
	client   client.Client
	name     string // of the namespace
	endpoint string
}

// fetchElsewhere and batchElsewhere are workflows of the other team.
func fetchElsewhere(ctx workflow.Context, endpoint string, request workflows.FetchRequest) (result *workflows.FetchResult, err error) {
	err = workflow.NewNexusClient(endpoint, workflows.NexusService).ExecuteOperation(ctx, workflows.NexusFetchRecording, request, workflow.NexusOperationOptions{
		CancellationType: workflow.NexusOperationCancellationTypeWaitRequested,
	}).Get(ctx, &result)
	return result, err
}

func batchElsewhere(ctx workflow.Context, endpoint string, request workflows.BatchRequest) (result *workflows.BatchResult, err error) {
	err = workflow.NewNexusClient(endpoint, workflows.NexusService).ExecuteOperation(ctx, workflows.NexusStartBatch, request, workflow.NexusOperationOptions{}).Get(ctx, &result)
	return result, err
}

// newElsewhere registers the namespace, starts its worker and creates the endpoint.
func (h *harness) newElsewhere() *elsewhere {
	h.T.Helper()
	e := &elsewhere{harness: h, name: h.Name + "-elsewhere", endpoint: h.Name + "-callvault"}
	_, err := h.Client.WorkflowService().RegisterNamespace(h.Ctx, &workflowservice.RegisterNamespaceRequest{
		Namespace: e.name, WorkflowExecutionRetentionPeriod: durationpb.New(24 * time.Hour),
	})
	require.NoError(h.T, err)
	_, err = h.Client.OperatorService().CreateNexusEndpoint(h.Ctx, &operatorservice.CreateNexusEndpointRequest{Spec: &nexuspb.EndpointSpec{
		Name: e.endpoint,
		Target: &nexuspb.EndpointTarget{Variant: &nexuspb.EndpointTarget_Worker_{
			Worker: &nexuspb.EndpointTarget_Worker{Namespace: h.Name, TaskQueue: workflows.TaskQueue},
		}},
	}})
	require.NoError(h.T, err)
	e.client, err = client.DialContext(h.Ctx, client.Options{
		HostPort: h.Env["TEMPORAL_ADDRESS"], Namespace: e.name, Logger: sdklog.NewStructuredLogger(slog.New(slog.DiscardHandler)),
	})
	require.NoError(h.T, err)
	h.T.Cleanup(e.client.Close)
	h.Await("the other namespace is registered", func() bool {
		_, err := e.client.CountWorkflow(h.Ctx, &workflowservice.CountWorkflowExecutionsRequest{Namespace: e.name})
		return err == nil
	})
	w := worker.New(e.client, "another-team", worker.Options{})
	w.RegisterWorkflow(fetchElsewhere)
	w.RegisterWorkflow(batchElsewhere)
	require.NoError(h.T, w.Start())
	h.T.Cleanup(w.Stop)
	return e
}

// fetch starts a workflow of the other team that fetches a session.
func (e *elsewhere) fetch(session workflows.Session) client.WorkflowRun {
	e.T.Helper()
	return e.call(fetchElsewhere, workflows.FetchRequest{Session: session, Policy: longWaits()})
}

func (e *elsewhere) call(caller, request any) client.WorkflowRun {
	e.T.Helper()
	run, err := e.client.ExecuteWorkflow(e.Ctx, client.StartWorkflowOptions{TaskQueue: "another-team"}, caller, e.endpoint, request)
	require.NoError(e.T, err)
	return run
}

// awaitStarted waits until the operation of a caller has started.
func (e *elsewhere) awaitStarted(caller client.WorkflowRun) {
	e.T.Helper()
	e.Await("the operation has started", func() bool {
		described, err := e.client.DescribeWorkflowExecution(e.Ctx, caller.GetID(), "")
		return err == nil && len(described.GetPendingNexusOperations()) == 1 && described.GetPendingNexusOperations()[0].GetOperationToken() != ""
	})
}

func (h *harness) errorTypeOf(run client.WorkflowRun) string {
	h.T.Helper()
	var failed *temporal.ApplicationError
	require.ErrorAs(h.T, run.Get(h.Ctx, nil), &failed)
	return failed.Type()
}

func TestWorkflowOfAnotherNamespaceFetchesAndStartsABatch(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.StartWorker()
	other := h.newElsewhere()
	file := system.Recording("elsewhere.wav", 60_000)
	h.RequireArchived(h.Result(other.fetch(system.SessionOf(h.AddSession(nil, file)))), file)

	request := workflows.BatchRequest{BatchID: "elsewhere", Sessions: h.plainSessions(3)}
	var result workflows.BatchResult
	require.NoError(t, other.call(batchElsewhere, request).Get(h.Ctx, &result))
	require.Equal(t, map[workflows.Outcome]int{workflows.OutcomeArchived: 3}, result.Total.Outcomes)

	require.Equal(t, workflows.ErrorTypeBatchExists, h.errorTypeOf(other.call(batchElsewhere, request)))
	require.Equal(t, workflows.ErrorTypeInvalidInput, h.errorTypeOf(other.fetch(workflows.Session{BotID: system.Bot, SessionID: "not an id"})))
	require.Equal(t, workflows.ErrorTypeInvalidInput, h.errorTypeOf(other.call(batchElsewhere, workflows.BatchRequest{Sessions: request.Sessions})), "a batch needs a name")
}

func TestOperationAttachesToTheFetchThatIsRunning(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.StartWorker()
	other := h.newElsewhere()
	file := system.Recording("running.wav", 60_000)
	sessionID := h.AddSession([]simulator.Step{once(simulator.StatusCallInProgress), {Status: simulator.StatusSuccess}}, file)
	running := h.Execute(sessionID, longWaits())
	h.AwaitPhase(running.GetID(), workflows.PhaseCallInProgress)
	waiting, leaving := other.fetch(system.SessionOf(sessionID)), other.fetch(system.SessionOf(sessionID))
	other.awaitStarted(waiting)
	other.awaitStarted(leaving)

	require.NoError(t, other.client.CancelWorkflow(h.Ctx, leaving.GetID(), ""))
	var canceled *temporal.CanceledError
	require.ErrorAs(t, leaving.Get(h.Ctx, nil), &canceled)
	require.True(t, h.CheckNow(running.GetID()).EndedWait, "the fetch that somebody else started goes on")
	h.RequireArchived(h.Result(waiting), file)
	require.Equal(t, h.Result(running), h.Result(waiting))
}

func TestCancelledOperationCancelsItsOwnFetch(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.StartWorker()
	other := h.newElsewhere()
	inCall := []simulator.Step{{Status: simulator.StatusCallInProgress}}
	own, shared := system.SessionOf(h.AddSession(inCall)), system.SessionOf(h.AddSession(inCall))
	caller, first := other.fetch(own), other.fetch(shared)
	h.AwaitPhase(own.FetchWorkflowID(), workflows.PhaseCallInProgress)
	h.AwaitPhase(shared.FetchWorkflowID(), workflows.PhaseCallInProgress)
	second := other.fetch(shared)
	other.awaitStarted(second)

	require.NoError(t, other.client.CancelWorkflow(h.Ctx, caller.GetID(), ""))
	_, err := workflows.GetFetch(h.Ctx, h.Client, own).Result(h.Ctx)
	var canceled *temporal.CanceledError
	require.ErrorAs(t, err, &canceled)

	require.NoError(t, other.client.CancelWorkflow(h.Ctx, first.GetID(), ""))
	require.ErrorAs(t, first.Get(h.Ctx, nil), &canceled)
	progress, err := workflows.GetFetch(h.Ctx, h.Client, shared).Progress(h.Ctx)
	require.NoError(t, err)
	require.Equal(t, workflows.PhaseCallInProgress, progress.Phase, "another caller waits for it")
	described, err := other.client.DescribeWorkflowExecution(h.Ctx, second.GetID(), "")
	require.NoError(t, err)
	require.Equal(t, enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING, described.GetWorkflowExecutionInfo().GetStatus())
}
