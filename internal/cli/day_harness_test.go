package cli_test

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	schedulepb "go.temporal.io/api/schedule/v1"
	"go.temporal.io/api/serviceerror"
	taskqueuepb "go.temporal.io/api/taskqueue/v1"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/callvault/callvault/internal/archive"
	"github.com/callvault/callvault/internal/archive/s3test"
	"github.com/callvault/callvault/internal/dayindex/daytest"
	"github.com/callvault/callvault/internal/dayrecord"
	"github.com/callvault/callvault/workflows"
)

// dayServer is a Temporal server that knows some workflows of days and some schedules.
type dayServer struct {
	workflowservice.UnimplementedWorkflowServiceServer

	unserved bool                                       // whether no worker serves the bots
	known    map[string]enumspb.WorkflowExecutionStatus // by workflow id
	progress map[string]workflows.DayProgress           // by date
	queryErr error

	// listed is called when somebody lists the days that run.
	listed func()

	mu        sync.Mutex
	started   []*workflowservice.StartWorkflowExecutionRequest
	schedules map[string]*schedulepb.Schedule
	foreign   []string // ids of schedules of others
	triggered []string // ids of schedules
	queries   []string
}

func (s *dayServer) set(workflowID string, status enumspb.WorkflowExecutionStatus) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.known == nil {
		s.known = make(map[string]enumspb.WorkflowExecutionStatus)
	}
	s.known[workflowID] = status
}

func (s *dayServer) DescribeNamespace(context.Context, *workflowservice.DescribeNamespaceRequest) (*workflowservice.DescribeNamespaceResponse, error) {
	return &workflowservice.DescribeNamespaceResponse{}, nil
}

func (s *dayServer) DescribeTaskQueue(context.Context, *workflowservice.DescribeTaskQueueRequest) (*workflowservice.DescribeTaskQueueResponse, error) {
	var response workflowservice.DescribeTaskQueueResponse
	if !s.unserved {
		response.Pollers = []*taskqueuepb.PollerInfo{{Identity: "worker"}}
	}
	return &response, nil
}

func (s *dayServer) ListWorkers(context.Context, *workflowservice.ListWorkersRequest) (*workflowservice.ListWorkersResponse, error) {
	return &workflowservice.ListWorkersResponse{}, nil
}

func (s *dayServer) DescribeWorkflowExecution(_ context.Context, request *workflowservice.DescribeWorkflowExecutionRequest) (*workflowservice.DescribeWorkflowExecutionResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	status, ok := s.known[request.GetExecution().GetWorkflowId()]
	if !ok {
		return nil, missing()
	}
	return &workflowservice.DescribeWorkflowExecutionResponse{WorkflowExecutionInfo: &workflowpb.WorkflowExecutionInfo{Status: status}}, nil
}

func (s *dayServer) StartWorkflowExecution(_ context.Context, request *workflowservice.StartWorkflowExecutionRequest) (*workflowservice.StartWorkflowExecutionResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.known[request.GetWorkflowId()] == statusRunning {
		return nil, serviceerror.ToStatus(serviceerror.NewWorkflowExecutionAlreadyStarted("running", "", "run-0")).Err()
	}
	if s.known == nil {
		s.known = make(map[string]enumspb.WorkflowExecutionStatus)
	}
	s.known[request.GetWorkflowId()] = statusCompleted // It has started all days.
	s.started = append(s.started, request)
	return &workflowservice.StartWorkflowExecutionResponse{RunId: "run-1"}, nil
}

func (s *dayServer) QueryWorkflow(_ context.Context, request *workflowservice.QueryWorkflowRequest) (*workflowservice.QueryWorkflowResponse, error) {
	if s.queryErr != nil {
		return nil, serviceerror.ToStatus(s.queryErr).Err()
	}
	id := request.GetExecution().GetWorkflowId()
	return &workflowservice.QueryWorkflowResponse{QueryResult: payloads(s.progress[id[strings.LastIndex(id, "/")+1:]])}, nil
}

func (s *dayServer) ListWorkflowExecutions(_ context.Context, request *workflowservice.ListWorkflowExecutionsRequest) (*workflowservice.ListWorkflowExecutionsResponse, error) {
	if s.listed != nil {
		s.listed()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.queries = append(s.queries, request.GetQuery())
	var response workflowservice.ListWorkflowExecutionsResponse
	for _, id := range slices.Sorted(maps.Keys(s.known)) {
		if date, ok := strings.CutPrefix(id, "day/"+bot+"/"); ok && s.known[id] == statusRunning {
			response.Executions = append(response.Executions, listed(id, statusRunning, string(s.progress[date].Phase)))
		}
	}
	return &response, nil
}

func (s *dayServer) CreateSchedule(_ context.Context, request *workflowservice.CreateScheduleRequest) (*workflowservice.CreateScheduleResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.schedules == nil {
		s.schedules = make(map[string]*schedulepb.Schedule)
	}
	s.schedules[request.GetScheduleId()] = request.GetSchedule()
	return &workflowservice.CreateScheduleResponse{}, nil
}

func (s *dayServer) schedule(id string) (*schedulepb.Schedule, error) {
	if schedule := s.schedules[id]; schedule != nil {
		return schedule, nil
	}
	return nil, missing()
}

func (s *dayServer) DescribeSchedule(_ context.Context, request *workflowservice.DescribeScheduleRequest) (*workflowservice.DescribeScheduleResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	schedule, err := s.schedule(request.GetScheduleId())
	if err != nil {
		return nil, err
	}
	run := func(hour int, id string) *schedulepb.ScheduleActionResult {
		at := timestamppb.New(callTime.AddDate(0, 0, hour))
		return &schedulepb.ScheduleActionResult{ScheduleTime: at, ActualTime: at, StartWorkflowResult: &commonpb.WorkflowExecution{WorkflowId: id, RunId: "run-" + id}}
	}
	return &workflowservice.DescribeScheduleResponse{Schedule: schedule, ConflictToken: []byte("1"), Info: &schedulepb.ScheduleInfo{
		FutureActionTimes: []*timestamppb.Timestamp{timestamppb.New(callTime.AddDate(0, 0, 3))},
		RecentActions:     []*schedulepb.ScheduleActionResult{run(1, "days/a"), run(2, "days/b")},
		RunningWorkflows:  []*commonpb.WorkflowExecution{{WorkflowId: "days/b", RunId: "run-days/b"}},
	}}, nil
}

func (s *dayServer) UpdateSchedule(_ context.Context, request *workflowservice.UpdateScheduleRequest) (*workflowservice.UpdateScheduleResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.schedules[request.GetScheduleId()] = request.GetSchedule()
	return &workflowservice.UpdateScheduleResponse{}, nil
}

func (s *dayServer) PatchSchedule(_ context.Context, request *workflowservice.PatchScheduleRequest) (*workflowservice.PatchScheduleResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	schedule, err := s.schedule(request.GetScheduleId())
	if err != nil {
		return nil, err
	}
	patch := request.GetPatch()
	if patch.GetTriggerImmediately() != nil {
		s.triggered = append(s.triggered, request.GetScheduleId())
		return &workflowservice.PatchScheduleResponse{}, nil
	}
	schedule.State.Paused = patch.GetPause() != ""
	schedule.State.Notes = patch.GetPause() + patch.GetUnpause()
	return &workflowservice.PatchScheduleResponse{}, nil
}

func (s *dayServer) DeleteSchedule(_ context.Context, request *workflowservice.DeleteScheduleRequest) (*workflowservice.DeleteScheduleResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, err := s.schedule(request.GetScheduleId()); err != nil {
		return nil, err
	}
	delete(s.schedules, request.GetScheduleId())
	return &workflowservice.DeleteScheduleResponse{}, nil
}

func (s *dayServer) ListSchedules(context.Context, *workflowservice.ListSchedulesRequest) (*workflowservice.ListSchedulesResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var response workflowservice.ListSchedulesResponse
	for _, id := range append(slices.Collect(maps.Keys(s.schedules)), s.foreign...) {
		response.Schedules = append(response.Schedules, &schedulepb.ScheduleListEntry{ScheduleId: id})
	}
	return &response, nil
}

// dayOf is a day of the bot.
func dayOf(date string) workflows.Day { return workflows.Day{BotID: bot, Date: date} }

// seal stores a revision of a day, whose sessions have these outcomes, and returns its rows.
func (e *batchEnvironment) seal(of workflows.Day, revision int, outcomes ...workflows.Outcome) []dayrecord.Row {
	e.t.Helper()
	rows := daytest.Rows(e.t, of, outcomes...)
	e.sealRows(of, revision, rows)
	return rows
}

func (e *batchEnvironment) sealRows(of workflows.Day, revision int, rows []dayrecord.Row) {
	e.t.Helper()
	_, objects := daytest.Seal(e.t, "", of, revision, rows)
	e.set(objects)
	e.log(of, revision, objects)
}

// log has a record among the objects in the log.
func (e *batchEnvironment) log(of workflows.Day, revision int, objects map[string][]byte) {
	e.t.Helper()
	record, err := archive.DayKey("", of, revision, archive.DayRecordFile)
	require.NoError(e.t, err)
	note := fmt.Sprintf(`{"sha256": "%x", "index": %d}`, sha256.Sum256(objects[record]), loggedAt)
	e.set(map[string][]byte{e.note(of, revision): []byte(note)})
}

// loggedAt is the place in the log of every record.
const loggedAt = 41

// note is the key of the note that says where a record is in the log.
func (e *batchEnvironment) note(of workflows.Day, revision int) string {
	return fmt.Sprintf(".callvault/days/%s/%s/logged-%d.json", of.BotID, of.Date, revision)
}

func (e *batchEnvironment) set(objects map[string][]byte) {
	for key, body := range objects {
		e.s3.Set(bucket, key, s3test.Object{Body: body})
	}
}

// decoded returns what a command has printed as JSON.
func decoded[T any](t *testing.T, got outcome) T {
	t.Helper()
	var value T
	require.NoError(t, json.Unmarshal([]byte(got.stdout), &value), got.stderr)
	return value
}
