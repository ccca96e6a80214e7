package cli_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/minio/minio-go/v7/pkg/credentials"
	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/api/serviceerror"
	taskqueuepb "go.temporal.io/api/taskqueue/v1"
	updatepb "go.temporal.io/api/update/v1"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/callvault/callvault/internal/archive"
	"github.com/callvault/callvault/internal/archive/s3test"
	"github.com/callvault/callvault/internal/batchplan"
	"github.com/callvault/callvault/workflows"
	"github.com/callvault/callvault/workflows/batch"
)

const bucket = "recordings"

// batchEnvironment is an archive, and the configuration of the account "acme" that has it.
type batchEnvironment struct {
	t         *testing.T
	s3        *s3test.Server
	store     *archive.Store
	temporary string // the folder for temporary files
}

func newBatchEnvironment(t *testing.T) *batchEnvironment {
	t.Helper()
	noConfiguration(t)
	e := &batchEnvironment{t: t, s3: s3test.New(t, bucket), temporary: t.TempDir()}
	for name, value := range map[string]string{
		"SMARTASSIST_BOT_ID": bot + ",st-2", "SMARTASSIST_CLIENT_ID": "cs-1", "SMARTASSIST_CLIENT_SECRET": "canary-secret", "SMARTASSIST_ACCOUNT_NAME": "acme",
		"S3_ENDPOINT": e.s3.URL.String(), "S3_BUCKET": bucket, "AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "canary-key", "TMPDIR": e.temporary,
	} {
		t.Setenv(name, value)
	}
	var err error
	e.store, err = archive.Open(archive.Config{Endpoint: e.s3.URL, Bucket: bucket, Region: "us-east-1", Credentials: credentials.NewStaticV4("id", "key", "")})
	require.NoError(t, err)
	return e
}

// file writes a list and returns its path.
func (e *batchEnvironment) file(name string, lines ...string) string {
	e.t.Helper()
	path := filepath.Join(e.t.TempDir(), name)
	require.NoError(e.t, os.WriteFile(path, []byte(strings.Join(lines, "\n")+"\n"), 0o600))
	return path
}

// left returns the names of the temporary files that are left.
func (e *batchEnvironment) left() []string {
	e.t.Helper()
	entries, err := os.ReadDir(e.temporary)
	require.NoError(e.t, err)
	var names []string
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	return names
}

var digest = strings.Repeat("a", 64)

// put stores the manifest of a session with files of ten bytes.
func (e *batchEnvironment) put(session workflows.Session, outcome workflows.Outcome, names ...string) {
	e.t.Helper()
	called, err := session.CallTime()
	require.NoError(e.t, err)
	folder, err := e.store.Folder(session)
	require.NoError(e.t, err)
	files := []archive.File{}
	for _, name := range names {
		files = append(files, archive.File{FileName: name, Key: folder + name, Bytes: 10, SHA256: digest})
	}
	body, err := json.Marshal(archive.Manifest{
		Version: 1, Session: session, CallTime: called, Outcome: string(outcome), Status: "success", Reason: "=as the test wants it", Files: files,
		StatusChecks: 2, StartedAt: called, FinishedAt: called, WorkflowID: session.FetchWorkflowID(), RunID: "run",
	})
	require.NoError(e.t, err)
	key, err := e.store.ManifestKey(session)
	require.NoError(e.t, err)
	e.s3.Set(bucket, key, s3test.Object{Body: body})
}

// record stores the plan and the record of a batch of the bot's sessions, as its preparation
// would.
func (e *batchEnvironment) record(request workflows.BatchRequest, sessionIDs ...string) {
	e.t.Helper()
	builder := batchplan.NewBuilder()
	for _, id := range sessionIDs {
		require.NoError(e.t, builder.Add(workflows.BatchSession{Session: workflows.Session{BotID: bot, SessionID: id}}))
	}
	ordered := builder.Build(time.Now(), 0)
	plan := batch.Plan{Account: "acme", Key: e.store.BatchKey(request.BatchID, archive.BatchPlanOf("run-1")), Bots: ordered.Bots, Sessions: ordered.Sessions}
	var text bytes.Buffer
	_, err := text.ReadFrom(ordered.Text())
	require.NoError(e.t, err)
	e.s3.Set(bucket, plan.Key, s3test.Object{Body: text.Bytes()})
	require.NoError(e.t, batchplan.WriteRecord(e.t.Context(), e.store, batchplan.Record{Request: request, Plan: plan}))
	e.s3.ForgetRequests()
}

// callID returns the id of the nth session of a second.
func callID(at time.Time, n int) string { return fmt.Sprintf("%08x3242653c%08x", at.Unix(), n) }

// ids returns the ids of n sessions, a second apart.
func ids(at time.Time, n int) []string {
	var all []string
	for i := range n {
		all = append(all, callID(at.Add(time.Duration(i)*time.Second), i))
	}
	return all
}

// csv returns a list of the bot's sessions.
func csv(sessionIDs ...string) []string {
	lines := []string{"botId,sessionId"}
	for _, id := range sessionIDs {
		lines = append(lines, bot+","+id)
	}
	return lines
}

var callTime = time.Date(2026, 3, 5, 12, 42, 34, 0, time.UTC)

// batchServer is a Temporal server that knows some batches.
type batchServer struct {
	workflowservice.UnimplementedWorkflowServiceServer

	known    map[string]enumspb.WorkflowExecutionStatus // by workflow id
	unpolled bool                                       // whether no worker polls the account's queue
	startErr error
	progress workflows.BatchProgress
	queryErr error
	reject   error // the answer to updates
	budgets  map[string]workflows.BudgetStatus
	closed   []*workflowpb.WorkflowExecutionInfo
	running  []*workflowpb.WorkflowExecutionInfo
	result   *workflows.BatchResult // of batches that were started
	ended    chan struct{}          // closed when they end; nil for at once
	waited   func()                 // called when somebody waits for one

	mu      sync.Mutex
	started []*workflowservice.StartWorkflowExecutionRequest
	updated *workflowservice.UpdateWorkflowExecutionRequest
	queries []string
	queue   string // that was asked for

	cancelled, lookedUp atomic.Int32
}

func (s *batchServer) DescribeNamespace(context.Context, *workflowservice.DescribeNamespaceRequest) (*workflowservice.DescribeNamespaceResponse, error) {
	return &workflowservice.DescribeNamespaceResponse{}, nil
}

func (s *batchServer) DescribeTaskQueue(_ context.Context, request *workflowservice.DescribeTaskQueueRequest) (*workflowservice.DescribeTaskQueueResponse, error) {
	s.mu.Lock()
	s.queue = request.GetTaskQueue().GetName()
	s.mu.Unlock()
	var response workflowservice.DescribeTaskQueueResponse
	if !s.unpolled {
		response.Pollers = []*taskqueuepb.PollerInfo{{Identity: "worker"}}
	}
	return &response, nil
}

func (s *batchServer) DescribeWorkflowExecution(_ context.Context, request *workflowservice.DescribeWorkflowExecutionRequest) (*workflowservice.DescribeWorkflowExecutionResponse, error) {
	s.lookedUp.Add(1)
	status, ok := s.known[request.GetExecution().GetWorkflowId()]
	if !ok {
		return nil, missing()
	}
	return &workflowservice.DescribeWorkflowExecutionResponse{WorkflowExecutionInfo: &workflowpb.WorkflowExecutionInfo{Status: status}}, nil
}

func (s *batchServer) StartWorkflowExecution(_ context.Context, request *workflowservice.StartWorkflowExecutionRequest) (*workflowservice.StartWorkflowExecutionResponse, error) {
	if s.startErr != nil {
		return nil, serviceerror.ToStatus(s.startErr).Err()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.started = append(s.started, request)
	return &workflowservice.StartWorkflowExecutionResponse{RunId: "run-1"}, nil
}

// request returns the input of the only batch that was started.
func (s *batchServer) request(t *testing.T) (id, input string) {
	t.Helper()
	require.Len(t, s.started, 1)
	require.Equal(t, "FetchRecordingsBatchWorkflow", s.started[0].GetWorkflowType().GetName())
	require.Equal(t, "callvault", s.started[0].GetTaskQueue().GetName())
	return s.started[0].GetWorkflowId(), string(s.started[0].GetInput().GetPayloads()[0].GetData())
}

func payloads(value any) *commonpb.Payloads {
	encoded, err := converter.GetDefaultDataConverter().ToPayloads(value)
	if err != nil {
		panic(err)
	}
	return encoded
}

func (s *batchServer) isKnown(workflowID string) bool {
	_, ok := s.known[workflowID]
	return ok || slices.ContainsFunc(s.started, func(r *workflowservice.StartWorkflowExecutionRequest) bool { return r.GetWorkflowId() == workflowID })
}

func (s *batchServer) QueryWorkflow(_ context.Context, request *workflowservice.QueryWorkflowRequest) (*workflowservice.QueryWorkflowResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	id := request.GetExecution().GetWorkflowId()
	budget, isBudget := s.budgets[strings.TrimPrefix(id, "call-budget/")]
	switch {
	case isBudget:
		return &workflowservice.QueryWorkflowResponse{QueryResult: payloads(budget)}, nil
	case s.queryErr != nil:
		return nil, serviceerror.ToStatus(s.queryErr).Err()
	case !s.isKnown(id):
		return nil, missing()
	}
	progress := s.progress
	progress.BatchID = strings.TrimPrefix(id, "batch/")
	return &workflowservice.QueryWorkflowResponse{QueryResult: payloads(progress)}, nil
}

func (s *batchServer) UpdateWorkflowExecution(_ context.Context, request *workflowservice.UpdateWorkflowExecutionRequest) (*workflowservice.UpdateWorkflowExecutionResponse, error) {
	s.mu.Lock()
	s.updated = request
	s.mu.Unlock()
	id := request.GetWorkflowExecution().GetWorkflowId()
	if s.known[id] != statusRunning {
		return nil, missing()
	}
	outcome := &updatepb.Outcome{Value: &updatepb.Outcome_Success{Success: payloads(s.progress)}}
	if s.reject != nil {
		outcome = &updatepb.Outcome{Value: &updatepb.Outcome_Failure{Failure: temporal.GetDefaultFailureConverter().ErrorToFailure(s.reject)}}
	}
	return &workflowservice.UpdateWorkflowExecutionResponse{
		UpdateRef: &updatepb.UpdateRef{WorkflowExecution: request.GetWorkflowExecution(), UpdateId: request.GetRequest().GetMeta().GetUpdateId()},
		Stage:     enumspb.UPDATE_WORKFLOW_EXECUTION_LIFECYCLE_STAGE_COMPLETED,
		Outcome:   outcome,
	}, nil
}

func (s *batchServer) RequestCancelWorkflowExecution(_ context.Context, request *workflowservice.RequestCancelWorkflowExecutionRequest) (*workflowservice.RequestCancelWorkflowExecutionResponse, error) {
	if s.known[request.GetWorkflowExecution().GetWorkflowId()] != enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING {
		return nil, missing()
	}
	s.cancelled.Add(1)
	return &workflowservice.RequestCancelWorkflowExecutionResponse{}, nil
}

func (s *batchServer) ListWorkflowExecutions(_ context.Context, request *workflowservice.ListWorkflowExecutionsRequest) (*workflowservice.ListWorkflowExecutionsResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.queries = append(s.queries, request.GetQuery())
	found := s.closed
	if strings.Contains(request.GetQuery(), "ExecutionStatus = 'Running'") {
		found = s.running
	}
	response := &workflowservice.ListWorkflowExecutionsResponse{Executions: found}
	if size := int(request.GetPageSize()); len(found) > size {
		response.Executions, response.NextPageToken = found[:size], []byte("more")
	}
	return response, nil
}

func (s *batchServer) GetWorkflowExecutionHistory(ctx context.Context, request *workflowservice.GetWorkflowExecutionHistoryRequest) (*workflowservice.GetWorkflowExecutionHistoryResponse, error) {
	s.mu.Lock()
	known := s.isKnown(request.GetExecution().GetWorkflowId())
	s.mu.Unlock()
	if !known {
		return nil, missing()
	}
	if s.waited != nil {
		s.waited()
	}
	if s.ended != nil {
		select {
		case <-s.ended:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	event := &historypb.HistoryEvent{
		EventType:  enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED,
		Attributes: &historypb.HistoryEvent_WorkflowExecutionCompletedEventAttributes{WorkflowExecutionCompletedEventAttributes: &historypb.WorkflowExecutionCompletedEventAttributes{Result: payloads(s.result)}},
	}
	return &workflowservice.GetWorkflowExecutionHistoryResponse{History: &historypb.History{Events: []*historypb.HistoryEvent{event}}}, nil
}

// listed returns a batch as visibility has it.
func listed(id string, status enumspb.WorkflowExecutionStatus, phase string) *workflowpb.WorkflowExecutionInfo {
	payload, err := converter.GetDefaultDataConverter().ToPayload(phase)
	if err != nil {
		panic(err)
	}
	info := &workflowpb.WorkflowExecutionInfo{
		Execution: &commonpb.WorkflowExecution{WorkflowId: id}, Status: status, StartTime: timestamppb.New(callTime),
		SearchAttributes: &commonpb.SearchAttributes{IndexedFields: map[string]*commonpb.Payload{"CallvaultPhase": payload}},
	}
	if status != enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING {
		info.CloseTime = timestamppb.New(callTime.Add(time.Hour))
	}
	return info
}

const statusRunning, statusCompleted = enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING, enumspb.WORKFLOW_EXECUTION_STATUS_COMPLETED
