package cli_test

import (
	"context"
	"encoding/json"
	"net"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	taskqueuepb "go.temporal.io/api/taskqueue/v1"
	workerpb "go.temporal.io/api/worker/v1"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"google.golang.org/grpc"

	"github.com/callvault/callvault/internal/program"
)

// server is a Temporal server on which one bot is served.
type server struct {
	workflowservice.UnimplementedWorkflowServiceServer
	served  string
	running bool // a fetch of every session
	hidden  bool // whether a queue's pollers may not be seen

	asked, started atomic.Int32
	input          atomic.Pointer[commonpb.Payloads]
}

func (s *server) DescribeNamespace(context.Context, *workflowservice.DescribeNamespaceRequest) (*workflowservice.DescribeNamespaceResponse, error) {
	return &workflowservice.DescribeNamespaceResponse{}, nil
}

func (s *server) DescribeTaskQueue(_ context.Context, request *workflowservice.DescribeTaskQueueRequest) (*workflowservice.DescribeTaskQueueResponse, error) {
	s.asked.Add(1)
	var response workflowservice.DescribeTaskQueueResponse
	switch {
	case s.hidden:
		return nil, serviceerror.ToStatus(serviceerror.NewPermissionDenied("not yours", "")).Err()
	case request.GetTaskQueue().GetName() == "callvault-bot/"+s.served:
		response.Pollers = []*taskqueuepb.PollerInfo{{Identity: "worker"}}
	}
	return &response, nil
}

func (s *server) ListWorkers(context.Context, *workflowservice.ListWorkersRequest) (*workflowservice.ListWorkersResponse, error) {
	return &workflowservice.ListWorkersResponse{Workers: []*workerpb.WorkerListInfo{{TaskQueue: "callvault-bot/" + s.served}}}, nil
}

func (s *server) DescribeWorkflowExecution(context.Context, *workflowservice.DescribeWorkflowExecutionRequest) (*workflowservice.DescribeWorkflowExecutionResponse, error) {
	info := &workflowpb.WorkflowExecutionInfo{Status: enumspb.WORKFLOW_EXECUTION_STATUS_COMPLETED}
	if s.running {
		info.Status = enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING
	}
	return &workflowservice.DescribeWorkflowExecutionResponse{WorkflowExecutionInfo: info}, nil
}

func (s *server) StartWorkflowExecution(_ context.Context, request *workflowservice.StartWorkflowExecutionRequest) (*workflowservice.StartWorkflowExecutionResponse, error) {
	if s.running {
		return nil, serviceerror.ToStatus(serviceerror.NewWorkflowExecutionAlreadyStarted("running", "", "run-1")).Err()
	}
	s.started.Add(1)
	s.input.Store(request.GetInput())
	return &workflowservice.StartWorkflowExecutionResponse{RunId: "run-2"}, nil
}

func (s *server) listen(t *testing.T) {
	t.Helper()
	listen(t, s)
}

// listen serves on loopback and points the command line there.
func listen(t *testing.T, s workflowservice.WorkflowServiceServer) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	g := grpc.NewServer()
	workflowservice.RegisterWorkflowServiceServer(g, s)
	go func() { _ = g.Serve(listener) }()
	t.Cleanup(g.Stop)
	noTemporal(t)
	t.Setenv("TEMPORAL_ADDRESS", listener.Addr().String())
}

func TestFetchOfAnUnservedBotIsNotStarted(t *testing.T) {
	temporal := &server{served: "st-2"}
	temporal.listen(t)
	got := run(t.Context(), "fetch", "--bot", bot, "--session", session, "--output", "json")
	require.Equal(t, program.ExitUsage, got.code, got.stderr)
	require.Empty(t, got.stdout)
	require.Contains(t, got.stderr, `no worker of namespace "default" serves bot `+bot+` (they serve st-2): correct --bot`)
	require.Zero(t, temporal.started.Load())
}

func TestFetchStartsWhereTheCheckDoesNotRefuse(t *testing.T) {
	for name, row := range map[string]struct {
		temporal *server
		flags    []string
		asked    int32
		stderr   string
	}{
		"served":            {&server{served: bot}, nil, 1, ""},
		"pollers hidden":    {&server{served: "st-2", hidden: true}, nil, 1, "warning: the server does not say whether a worker serves bot " + bot + " (not yours)"},
		"without the check": {&server{served: "st-2"}, []string{"--no-check"}, 0, ""},
	} {
		t.Run(name, func(t *testing.T) {
			row.temporal.listen(t)
			got := run(t.Context(), append([]string{"fetch", "--bot", bot, "--session", session}, row.flags...)...)
			require.Equal(t, program.ExitDone, got.code, got.stderr)
			require.Contains(t, got.stdout, "started fetch-recording/"+bot+"/"+session+"\n  run run-2\n")
			require.Contains(t, got.stderr, row.stderr)
			require.Equal(t, row.stderr == "", got.stderr == "", got.stderr)
			require.Equal(t, row.asked, row.temporal.asked.Load())
			require.EqualValues(t, 1, row.temporal.started.Load())
		})
	}
}

func TestRunningFetchOfAnUnservedBotIsAttachedTo(t *testing.T) {
	temporal := &server{served: "st-2", running: true}
	temporal.listen(t)
	got := run(t.Context(), "fetch", "--bot", bot, "--session", session, "--refetch")
	require.Equal(t, program.ExitDone, got.code, got.stderr)
	require.Contains(t, got.stdout, "already running: fetch-recording/"+bot+"/"+session+"\n  run run-1\n")
	require.Equal(t, "This session is already being fetched: attached to that fetch. That fetch's options apply, not this command's.\n", got.stderr)
}

func TestFlagsReachTheRequest(t *testing.T) {
	for _, row := range []struct {
		flags []string
		want  string
	}{
		{nil, `{}`},
		{[]string{"--refetch"}, `{"refetch": true}`},
		{[]string{"--priority", "5"}, `{"priority": 5}`},
		{[]string{"--unavailable-settles-after", "36h"}, `{"policy": {"unavailableSettlesAfter": "36h0m0s"}}`},
		{[]string{"--user", "u@example.com"}, `{"userId": "u@example.com"}`},
	} {
		temporal := &server{served: bot}
		temporal.listen(t)
		got := run(t.Context(), append([]string{"fetch", "--bot", bot, "--session", session}, row.flags...)...)
		require.Equal(t, program.ExitDone, got.code, got.stderr)
		var sent, want map[string]any
		require.NoError(t, json.Unmarshal(temporal.input.Load().GetPayloads()[0].GetData(), &sent))
		require.NoError(t, json.Unmarshal([]byte(row.want), &want))
		require.Equal(t, bot, sent["botId"])
		require.Equal(t, session, sent["sessionId"])
		delete(sent, "botId")
		delete(sent, "sessionId")
		require.Equal(t, want, sent, row.flags)
	}
}
