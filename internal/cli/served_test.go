package cli

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	taskqueuepb "go.temporal.io/api/taskqueue/v1"
	workerpb "go.temporal.io/api/worker/v1"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"google.golang.org/grpc"

	"github.com/callvault/callvault/internal/program"
	"github.com/callvault/callvault/workflows"
)

// temporalStub is a server that knows some pollers, some workers and perhaps a
// running fetch.
type temporalStub struct {
	workflowservice.WorkflowServiceClient

	pollers              map[string]int // by activity task queue
	pages                [][]string     // task queues of workers
	running              string         // workflow id
	describeErr, listErr error
	describe             func(context.Context) error // in place of describeErr

	namespaces []string // of the requests
}

func (s *temporalStub) DescribeTaskQueue(ctx context.Context, request *workflowservice.DescribeTaskQueueRequest, _ ...grpc.CallOption) (*workflowservice.DescribeTaskQueueResponse, error) {
	s.namespaces = append(s.namespaces, request.GetNamespace())
	if s.describe != nil {
		return nil, s.describe(ctx)
	}
	var response workflowservice.DescribeTaskQueueResponse
	if request.GetTaskQueueType() == enumspb.TASK_QUEUE_TYPE_ACTIVITY {
		response.Pollers = make([]*taskqueuepb.PollerInfo, s.pollers[request.GetTaskQueue().GetName()])
	}
	return &response, s.describeErr
}

func (s *temporalStub) ListWorkers(_ context.Context, request *workflowservice.ListWorkersRequest, _ ...grpc.CallOption) (*workflowservice.ListWorkersResponse, error) {
	s.namespaces = append(s.namespaces, request.GetNamespace())
	if s.listErr != nil {
		return nil, s.listErr
	}
	var page byte
	if token := request.GetNextPageToken(); len(token) > 0 {
		page = token[0]
	}
	var response workflowservice.ListWorkersResponse
	if int(page) < len(s.pages) {
		for _, queue := range s.pages[page] {
			response.Workers = append(response.Workers, &workerpb.WorkerListInfo{TaskQueue: queue})
		}
	}
	if int(page)+1 < len(s.pages) {
		response.NextPageToken = []byte{page + 1}
	}
	return &response, nil
}

func (s *temporalStub) DescribeWorkflowExecution(_ context.Context, request *workflowservice.DescribeWorkflowExecutionRequest, _ ...grpc.CallOption) (*workflowservice.DescribeWorkflowExecutionResponse, error) {
	s.namespaces = append(s.namespaces, request.GetNamespace())
	if request.GetExecution().GetWorkflowId() != s.running {
		return nil, serviceerror.NewNotFound("no such workflow")
	}
	return &workflowservice.DescribeWorkflowExecutionResponse{
		WorkflowExecutionInfo: &workflowpb.WorkflowExecutionInfo{Status: enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING},
	}, nil
}

var fetched = workflows.Session{BotID: "st-1", SessionID: "65e7133a3242653c58d7aaaa"}

func check(t *testing.T, server *temporalStub) (warning string, err error) {
	t.Helper()
	var stderr bytes.Buffer
	err = checkServed(t.Context(), server, "prod", fetched, &stderr)
	for _, namespace := range server.namespaces {
		require.Equal(t, "prod", namespace)
	}
	return stderr.String(), err
}

func TestServedBotOrRunningFetchPassesTheCheck(t *testing.T) {
	for name, server := range map[string]*temporalStub{
		"polled":              {pollers: map[string]int{"callvault-bot/st-1": 2}},
		"reported, on a page": {pages: [][]string{{"callvault"}, {"callvault-bot/st-1"}}},
		"running":             {running: "fetch-recording/st-1/65e7133a3242653c58d7aaaa"},
	} {
		warning, err := check(t, server)
		require.NoError(t, err, name)
		require.Empty(t, warning, name)
	}
}

func TestUnservedBotIsRefusedWithTheBotsThatAreServed(t *testing.T) {
	var many []string
	for i := range 12 {
		many = append(many, fmt.Sprintf("callvault-bot/st-x%02d", i))
	}
	slices.Reverse(many)
	for name, row := range map[string]struct {
		server *temporalStub
		served string
	}{
		"another bot": {
			&temporalStub{pollers: map[string]int{"callvault-bot/st-2": 1}, pages: [][]string{{"callvault-bot/st-2", "callvault-transfer", "callvault-bot/st-2"}}},
			"they serve st-2",
		},
		"many bots": {
			&temporalStub{pages: [][]string{many[:7], many[7:]}},
			"they serve st-x00, st-x01, st-x02, st-x03, st-x04, st-x05, st-x06, st-x07, st-x08, st-x09 and 2 more",
		},
		"queues that are no bot's": {
			&temporalStub{pages: [][]string{{"callvault", "callvault-bot/\x1b[2J", "another/callvault-bot/st-3"}}},
			"the server lists no worker of any bot",
		},
		"another session is fetched": {
			&temporalStub{running: "fetch-recording/st-1/65e7133a3242653c58d7bbbb"},
			"the server lists no worker of any bot",
		},
		"a server that cannot list": {
			&temporalStub{listErr: serviceerror.NewUnimplemented("unknown method ListWorkers")},
			"the server cannot list the bots that are served: unknown method ListWorkers",
		},
	} {
		warning, err := check(t, row.server)
		require.EqualError(t, err, `no worker of namespace "prod" serves bot st-1 (`+row.served+`): correct --bot, start a worker (`+program.Command("worker")+
			`) that has the bot in SMARTASSIST_BOT_ID or CALLVAULT_CONFIG, or give --no-check to start a fetch that waits as blocked until a worker serves the bot`, name)
		require.True(t, program.IsUsage(err), name)
		require.Empty(t, warning, name)
	}
}

func TestServerThatHidesPollersPreventsNoStart(t *testing.T) {
	warning, err := check(t, &temporalStub{describeErr: serviceerror.NewPermissionDenied("not yours", "")})
	require.NoError(t, err)
	require.Equal(t, "warning: the server does not say whether a worker serves bot st-1 (not yours): starting the fetch anyway; it waits until one does\n", warning)
}

func untilDone(ctx context.Context) error {
	<-ctx.Done()
	return ctx.Err()
}

func TestSilentServerDelaysTheStartByFiveSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		warning, err := check(t, &temporalStub{describe: untilDone})
		require.NoError(t, err)
		require.Contains(t, warning, "context deadline exceeded")
		require.Equal(t, 5*time.Second, time.Since(began))
	})
}

func TestInterruptionEndsTheCheckWithoutAWarning(t *testing.T) {
	ctx, interrupt := context.WithCancel(t.Context())
	var stderr bytes.Buffer
	err := checkServed(ctx, &temporalStub{describe: func(ctx context.Context) error {
		interrupt()
		return untilDone(ctx)
	}}, "prod", fetched, &stderr)
	require.ErrorIs(t, err, program.ErrInterrupted)
	require.Empty(t, stderr.String())
}
