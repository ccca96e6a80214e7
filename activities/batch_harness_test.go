package activities_test

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/minio/minio-go/v7/pkg/credentials"
	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/callvault/callvault/activities"
	"github.com/callvault/callvault/internal/account"
	"github.com/callvault/callvault/internal/archive"
	"github.com/callvault/callvault/internal/archive/s3test"
	"github.com/callvault/callvault/internal/batchplan"
	"github.com/callvault/callvault/internal/simulator"
	"github.com/callvault/callvault/workflows"
	"github.com/callvault/callvault/workflows/batch"
)

const batchID = "2026-11"

// longAgo is when the calls were that are not asked about.
var longAgo = time.Date(2024, 3, 5, 12, 0, 0, 0, time.UTC)

// batchHarness is an account with a batch, on a store and a Temporal server that are in
// memory.
type batchHarness struct {
	t        *testing.T
	served   *account.Served
	store    *archive.Store
	server   *s3test.Server
	temporal *temporalServer
	launch   *activities.LaunchBatch
	input    batch.LaunchInput
}

// settingsOf are those of an account with an archive on a server.
func settingsOf(server *s3test.Server, name string, bots ...string) account.Settings {
	return account.Settings{
		Name: name, API: &url.URL{Scheme: "https", Host: "not-called.example.com"}, BotIDs: bots, Credentials: app,
		Budget: account.Budget{Windows: []workflows.CallWindow{{Calls: 60, Span: time.Minute}}},
		Archive: archive.Config{Endpoint: server.URL, Bucket: bucket, Region: "us-east-1", Prefix: "calls/",
			Credentials: credentials.NewStaticV4("key", "canary-key", "")},
	}
}

// newBatchHarness has a batch of these sessions, whose plan is written.
func newBatchHarness(t *testing.T, sessions ...workflows.Session) *batchHarness {
	t.Helper()
	return newBatchHarnessWith(t, func(*account.Settings) {}, sessions...)
}

func newBatchHarnessWith(t *testing.T, change func(*account.Settings), sessions ...workflows.Session) *batchHarness {
	t.Helper()
	builder := batchplan.NewBuilder()
	for _, session := range sessions {
		require.NoError(t, builder.Add(workflows.BatchSession{Session: session}))
	}
	plan := builder.Build(time.Now(), 0)
	text, err := io.ReadAll(plan.Text())
	require.NoError(t, err)
	var bots []string
	for _, bot := range plan.Bots {
		bots = append(bots, bot.BotID)
	}
	server := s3test.New(t, bucket)
	settings := settingsOf(server, "acme", bots...)
	change(&settings)
	served, err := account.OpenAll([]account.Settings{settings})
	require.NoError(t, err)
	h := &batchHarness{t: t, served: served, store: served.Accounts[0].Store, server: server, temporal: newTemporalServer(t)}
	key := h.store.BatchKey(batchID, archive.BatchPlanOf("run-1"))
	server.Set(bucket, key, s3test.Object{Body: text})
	h.launch = &activities.LaunchBatch{Served: served, Client: h.temporal, Namespace: "ns", Readiness: &activities.Readiness{Logger: slog.New(slog.DiscardHandler)}}
	h.input = batch.LaunchInput{
		BatchID: batchID, StartedAt: time.Now().UTC(),
		Plan: batch.Plan{Account: "acme", Key: key, Bots: plan.Bots, Sessions: plan.Sessions},
	}
	return h
}

// callsOf returns so many sessions of a bot of one second, in the order of the plan.
func callsOf(bot string, n int, at time.Time) []workflows.Session {
	sessions := make([]workflows.Session, 0, n)
	for i := range n {
		sessions = append(sessions, workflows.Session{BotID: bot, SessionID: simulator.NewSessionID(at, uint64(i))})
	}
	return sessions
}

// pass is one pass; the next one goes on from what it returned, as the workflow does.
func (h *batchHarness) pass() *batch.LaunchResult {
	h.t.Helper()
	return h.passAs(h.launch.Execute)
}

func (h *batchHarness) passAs(execute any) *batch.LaunchResult {
	h.t.Helper()
	result, err := run[batch.LaunchResult](h.t, execute, h.input)
	require.NoError(h.t, err)
	h.input.Pass++
	h.input.Launched, h.input.Settled, h.input.Again = result.Launched, result.Settled, result.Interrupted
	return result
}

// passes are as many passes as it takes until every session has had its turn. Between two
// of them after is called.
func (h *batchHarness) passes(after func()) (last *batch.LaunchResult) {
	h.t.Helper()
	for range 20 {
		last = h.pass()
		if last.Launched.IsComplete(h.input.Plan) {
			return last
		}
		after()
	}
	require.Fail(h.t, "20 passes are not enough", "%+v", last)
	return nil
}

// interruptedPass is a pass whose context ends while the nth fetch is started.
func (h *batchHarness) interruptedPass(n int) *batch.LaunchResult {
	h.t.Helper()
	return h.passAs(func(ctx context.Context, input batch.LaunchInput) (*batch.LaunchResult, error) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		h.temporal.onStart(func(started int) error {
			if started == n {
				cancel()
			}
			return nil
		})
		defer h.temporal.onStart(nil)
		return h.launch.Execute(ctx, input)
	})
}

// setManifests stores the manifests of sessions.
func (h *batchHarness) setManifests(outcome workflows.Outcome, sessions ...workflows.Session) {
	h.t.Helper()
	for _, one := range sessions {
		key, err := h.store.ManifestKey(one)
		require.NoError(h.t, err)
		manifest := archive.Manifest{Version: 1, Session: one, Outcome: string(outcome), StatusChecks: 1, CallTime: longAgo, StartedAt: longAgo, FinishedAt: longAgo}
		if outcome == workflows.OutcomeArchived {
			name := strings.TrimSuffix(key, archive.ManifestName) + "a.wav"
			manifest.Files = []archive.File{{FileName: "a.wav", Key: name, Bytes: 3, SHA256: sha("abc")}}
		}
		body, err := json.Marshal(manifest)
		require.NoError(h.t, err)
		h.server.Set(bucket, key, s3test.Object{Body: body})
	}
}

// requireStartedOnce checks that these sessions were started, each once.
func (h *batchHarness) requireStartedOnce(sessions []workflows.Session) {
	h.t.Helper()
	var want []string
	for _, one := range sessions {
		want = append(want, one.FetchWorkflowID())
	}
	require.ElementsMatch(h.t, want, h.temporal.startedIDs())
}

// fetch is a workflow on the server.
type fetch struct {
	id, run            string
	bot, batch         string
	status             enumspb.WorkflowExecutionStatus
	phase              workflows.FetchPhase
	outcome            workflows.Outcome
	checks             int
	startedAt, endedAt time.Time
}

const (
	isRunning   = enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING
	isCompleted = enumspb.WORKFLOW_EXECUTION_STATUS_COMPLETED
)

// temporalServer has fetches, and answers visibility queries about them at once. A method
// that it does not have panics.
type temporalServer struct {
	client.Client
	t *testing.T

	mu        sync.Mutex
	fetches   []*fetch
	starts    []client.StartWorkflowOptions
	starting  func(started int) error
	queries   []string
	lists     []string
	described []string
	cancelled [][2]string // workflow and run id
	budgets   map[string]workflows.BudgetStatus
	failing   func(id string) error // of a cancellation
	noWorker  bool                  // answers queries
}

func newTemporalServer(t *testing.T) *temporalServer { return &temporalServer{t: t} }

// onStart calls a function for each start, with their number; nil ends that.
func (s *temporalServer) onStart(hook func(started int) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.starting = hook
}

// add adds a fetch of a session. What is not given is that of one of the batch which waits
// for its first slot.
func (s *temporalServer) add(session workflows.Session, given fetch) *fetch {
	s.mu.Lock()
	defer s.mu.Unlock()
	given.id, given.bot = session.FetchWorkflowID(), session.BotID
	given.batch = cmp.Or(given.batch, batchID)
	given.run = cmp.Or(given.run, "run-"+strconv.Itoa(len(s.fetches)))
	given.status = cmp.Or(given.status, isRunning)
	if given.status == isRunning {
		given.phase = cmp.Or(given.phase, workflows.PhaseChecking)
	}
	if given.startedAt.IsZero() {
		given.startedAt = time.Now().UTC()
	}
	s.fetches = append(s.fetches, &given)
	return &given
}

// change changes all fetches that run.
func (s *temporalServer) change(to func(*fetch)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, one := range s.fetches {
		if one.status == isRunning {
			to(one)
		}
	}
}

func archives(one *fetch) { one.phase, one.checks = workflows.PhaseArchiving, 1 }

func ends(outcome workflows.Outcome, at time.Time) func(*fetch) {
	return func(one *fetch) {
		one.status, one.phase, one.outcome, one.checks, one.endedAt = isCompleted, "", outcome, 1, at
	}
}

func (s *temporalServer) startedIDs() (ids []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, options := range s.starts {
		ids = append(ids, options.ID)
	}
	return ids
}

// latest requires s.mu to be held.
func (s *temporalServer) latest(id string) *fetch {
	for _, one := range slices.Backward(s.fetches) {
		if one.id == id {
			return one
		}
	}
	return nil
}

func (s *temporalServer) ExecuteWorkflow(_ context.Context, options client.StartWorkflowOptions, _ any, args ...any) (client.WorkflowRun, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if one := s.latest(options.ID); one != nil && one.status == isRunning {
		return nil, serviceerror.NewWorkflowExecutionAlreadyStarted("it is running", "", one.run)
	}
	if s.starting != nil {
		if err := s.starting(len(s.starts) + 1); err != nil {
			return nil, err
		}
	}
	request := args[0].(workflows.FetchRequest)
	s.starts = append(s.starts, options)
	one := &fetch{id: options.ID, run: "started-" + strconv.Itoa(len(s.starts)), bot: request.BotID, batch: request.BatchID, status: isRunning, phase: workflows.PhaseChecking, startedAt: time.Now().UTC()}
	s.fetches = append(s.fetches, one)
	return runOf{one: one}, nil
}

func (s *temporalServer) GetWorkflow(_ context.Context, id, run string) client.WorkflowRun {
	return runOf{one: &fetch{id: id, run: run}}
}

type runOf struct {
	client.WorkflowRun
	one *fetch
}

func (r runOf) GetID() string    { return r.one.id }
func (r runOf) GetRunID() string { return r.one.run }

func (s *temporalServer) DescribeWorkflow(_ context.Context, id, _ string) (*client.WorkflowExecutionDescription, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.described = append(s.described, id)
	one := s.latest(id)
	if one == nil {
		return nil, serviceerror.NewNotFound(id)
	}
	return &client.WorkflowExecutionDescription{WorkflowExecutionMetadata: client.WorkflowExecutionMetadata{
		Status: one.status, WorkflowStartTime: one.startedAt,
		TypedSearchAttributes: temporal.NewSearchAttributes(workflows.SearchAttributeBatch.ValueSet(one.batch)),
	}}, nil
}

func (s *temporalServer) DescribeWorkflowExecution(_ context.Context, id, _ string) (*workflowservice.DescribeWorkflowExecutionResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.described = append(s.described, id)
	one := s.latest(id)
	if one == nil {
		return nil, serviceerror.NewNotFound(id)
	}
	return &workflowservice.DescribeWorkflowExecutionResponse{WorkflowExecutionInfo: one.info()}, nil
}

func (f *fetch) info() *workflowpb.WorkflowExecutionInfo {
	info := &workflowpb.WorkflowExecutionInfo{
		Execution: &commonpb.WorkflowExecution{WorkflowId: f.id, RunId: f.run}, Status: f.status, CloseTime: timestamppb.New(f.endedAt),
		SearchAttributes: &commonpb.SearchAttributes{IndexedFields: make(map[string]*commonpb.Payload)},
	}
	for name, value := range map[string]string{workflows.SearchAttributeBatch.GetName(): f.batch, workflows.SearchAttributeOutcome.GetName(): string(f.outcome)} {
		if value != "" {
			info.SearchAttributes.IndexedFields[name], _ = converter.GetDefaultDataConverter().ToPayload(value) // texts always encode
		}
	}
	return info
}

func (s *temporalServer) CountWorkflow(_ context.Context, request *workflowservice.CountWorkflowExecutionsRequest) (*workflowservice.CountWorkflowExecutionsResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.queries = append(s.queries, request.GetQuery())
	return &workflowservice.CountWorkflowExecutionsResponse{Count: int64(len(s.matching(request.GetQuery())))}, nil
}

// ListWorkflow lists pages of fetches, the newest first. A page's token is where it begins.
func (s *temporalServer) ListWorkflow(_ context.Context, request *workflowservice.ListWorkflowExecutionsRequest) (*workflowservice.ListWorkflowExecutionsResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lists = append(s.lists, request.GetQuery())
	found := s.matching(request.GetQuery())
	slices.Reverse(found)
	from, _ := strconv.Atoi(string(request.GetNextPageToken())) // The first page has none.
	to := min(len(found), from+int(request.GetPageSize()))
	response := new(workflowservice.ListWorkflowExecutionsResponse)
	for _, one := range found[from:to] {
		response.Executions = append(response.Executions, one.info())
	}
	if to < len(found) {
		response.NextPageToken = []byte(strconv.Itoa(to))
	}
	return response, nil
}

func (s *temporalServer) QueryWorkflow(_ context.Context, id, run, _ string, _ ...any) (converter.EncodedValue, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, one := range s.fetches {
		if one.id == id && one.run == run && !s.noWorker {
			return encoded(s.t, workflows.FetchProgress{Phase: one.phase}), nil
		}
	}
	return nil, serviceerror.NewNotFound(id)
}

func (s *temporalServer) QueryWorkflowWithOptions(_ context.Context, request *client.QueryWorkflowWithOptionsRequest) (*client.QueryWorkflowWithOptionsResponse, error) {
	status, found := s.budgets[request.WorkflowID]
	if !found {
		return nil, serviceerror.NewNotFound(request.WorkflowID)
	}
	return &client.QueryWorkflowWithOptionsResponse{QueryResult: encoded(s.t, status)}, nil
}

func encoded(t *testing.T, value any) converter.EncodedValue {
	t.Helper()
	payloads, err := converter.GetDefaultDataConverter().ToPayloads(value)
	require.NoError(t, err)
	return client.NewValue(payloads)
}

func (s *temporalServer) CancelWorkflow(_ context.Context, id, run string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failing != nil {
		if err := s.failing(id); err != nil {
			return err
		}
	}
	s.cancelled = append(s.cancelled, [2]string{id, run})
	return nil
}

// matching requires s.mu to be held.
func (s *temporalServer) matching(query string) (found []*fetch) {
	for _, one := range s.fetches {
		if one.matches(s.t, query) {
			found = append(found, one)
		}
	}
	return found
}

// matches understands what the activities ask: conditions joined by AND, one of which may be
// two joined by OR in parentheses. Any other query fails the test.
func (f *fetch) matches(t *testing.T, query string) bool {
	for condition := range strings.SplitSeq(query, " AND ") {
		met := false
		for either := range strings.SplitSeq(condition, " OR ") {
			if either != condition {
				either = strings.TrimPrefix(either, "(")
				if strings.Count(either, ")") > strings.Count(either, "(") {
					either = strings.TrimSuffix(either, ")")
				}
			}
			met = met || f.meets(t, either)
		}
		if !met {
			return false
		}
	}
	return true
}

func (f *fetch) meets(t *testing.T, condition string) bool {
	name, rest, _ := strings.Cut(condition, " ")
	operator, value, _ := strings.Cut(rest, " ")
	text := strings.Trim(value, "'")
	have, known := map[string]string{
		"WorkflowType": workflows.FetchRecordingWorkflowName, "ExecutionStatus": f.status.String(),
		"CallvaultBatch": f.batch, "CallvaultBot": f.bot, "CallvaultPhase": string(f.phase), "CallvaultOutcome": string(f.outcome),
	}[name]
	switch {
	case known && operator == "=":
		return have == text
	case known && operator == "IN":
		return slices.Contains(strings.Split(strings.Trim(value, "()"), ", "), "'"+have+"'")
	case name == "CallvaultChecks" && operator == ">=":
		least, err := strconv.Atoi(text)
		return err == nil && f.checks >= least
	case name == "StartTime" && operator == ">=":
		return !f.startedAt.Before(timeOf(text))
	case name == "CloseTime" && operator == ">":
		return f.endedAt.After(timeOf(text))
	case name == "CloseTime" && operator == "<=":
		return !f.endedAt.IsZero() && !f.endedAt.After(timeOf(text))
	}
	t.Errorf("the query has an unknown condition %q", condition)
	return false
}

func timeOf(text string) time.Time {
	at, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		panic(fmt.Sprintf("the query has a wrong time: %v", err))
	}
	return at
}
