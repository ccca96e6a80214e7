package observe

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/api/serviceerror"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"golang.org/x/time/rate"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/callvault/callvault/workflows"
)

// namespace is a namespace with running workflows, as a client sees it.
type namespace struct {
	client.Client
	// started has the start times of the running workflows, by a part of the query that
	// matches them.
	started map[string][]time.Time
	budgets map[string]workflows.BudgetStatus
	down    string // "visibility", "budgets", or the name of a budget
	counts  int
}

// matches returns those that started before the time in the query, the newest first.
func (n *namespace) matches(query string) []time.Time {
	matching, before, _ := strings.Cut(query, " AND StartTime < ")
	var found []time.Time
	for part, all := range n.started {
		if strings.HasSuffix(matching, part) {
			found = append(found, all...)
		}
	}
	if at, err := time.Parse(time.RFC3339Nano, strings.Trim(before, "'")); err == nil {
		found = slices.DeleteFunc(found, func(started time.Time) bool { return !started.Before(at) })
	}
	slices.SortFunc(found, func(a, b time.Time) int { return b.Compare(a) })
	return found
}

func (n *namespace) CountWorkflow(_ context.Context, r *workflowservice.CountWorkflowExecutionsRequest) (*workflowservice.CountWorkflowExecutionsResponse, error) {
	n.counts++
	if n.down == "visibility" {
		return nil, errors.New("visibility is down")
	}
	return &workflowservice.CountWorkflowExecutionsResponse{Count: int64(len(n.matches(r.GetQuery())))}, nil
}

func (n *namespace) ListWorkflow(_ context.Context, r *workflowservice.ListWorkflowExecutionsRequest) (*workflowservice.ListWorkflowExecutionsResponse, error) {
	response := new(workflowservice.ListWorkflowExecutionsResponse)
	for _, started := range n.matches(r.GetQuery()) {
		if len(response.Executions) < int(r.GetPageSize()) {
			response.Executions = append(response.Executions, &workflowpb.WorkflowExecutionInfo{
				Execution: &commonpb.WorkflowExecution{}, StartTime: timestamppb.New(started)})
		}
	}
	return response, nil
}

func (n *namespace) QueryWorkflowWithOptions(_ context.Context, r *client.QueryWorkflowWithOptionsRequest) (*client.QueryWorkflowWithOptionsResponse, error) {
	if n.down == "budgets" {
		return nil, errors.New("no worker responds")
	}
	if n.down != "" && r.WorkflowID == "call-budget/"+n.down {
		return nil, serviceerror.NewQueryFailed("the workflow task failed")
	}
	status, found := n.budgets[strings.TrimPrefix(r.WorkflowID, "call-budget/")]
	if !found {
		return nil, serviceerror.NewNotFound("workflow not found")
	}
	payloads, err := converter.GetDefaultDataConverter().ToPayloads(status)
	return &client.QueryWorkflowWithOptionsResponse{QueryResult: client.NewValue(payloads)}, err
}

func newCounts(t *testing.T, n *namespace) (*Counts, *Metrics) {
	t.Helper()
	metrics, err := NewMetrics(t.Context(), nil)
	require.NoError(t, err)
	counts, err := NewCounts(metrics.Meter(), n, "default",
		[]Budgets{{"acme", []string{"st-1", "st-2", "st-3"}}, {"zeta", []string{"zeta"}}}, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	counts.visibility, counts.queries = rate.NewLimiter(rate.Inf, 1), rate.NewLimiter(rate.Inf, 1)
	return counts, metrics
}

// gauges returns the lines of callvault's metrics at /metrics, without the time of the count.
func gauges(t *testing.T, metrics *Metrics) []string {
	t.Helper()
	mux := http.NewServeMux()
	metrics.Register(mux)
	recorder := httptest.NewRecorder()
	mux.ServeHTTP(recorder, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	lines := []string{}
	for line := range strings.Lines(recorder.Body.String()) {
		if strings.HasPrefix(line, "callvault_") && !strings.HasPrefix(line, "callvault_counted_seconds ") {
			lines = append(lines, strings.TrimSpace(line))
		}
	}
	return lines
}

func acme() map[string]workflows.BudgetStatus {
	minute := func(used, limit, learned int) []workflows.BudgetWindow {
		return []workflows.BudgetWindow{{Limit: workflows.CallWindow{Calls: limit, Span: time.Minute}, Used: used, Learned: learned}}
	}
	return map[string]workflows.BudgetStatus{
		"st-1": {State: workflows.BudgetOpen, LastSlotAt: time.Now(), Windows: minute(30, 60, 0), Waiting: map[int]int{2: 1, 4: 100}},
		"st-2": {State: workflows.BudgetBlocked, LastSlotAt: time.Now(), Windows: minute(29, 60, 30), Waiting: map[int]int{4: 20}}, // the fullest
		"zeta": {State: workflows.BudgetPaused, LastSlotAt: time.Now().Add(-61 * time.Second), Windows: minute(50, 60, 0)},         // idle since
	}
}

func TestNamespaceIsCounted(t *testing.T) {
	n := &namespace{budgets: acme(), started: map[string][]time.Time{
		"CallvaultPhase = 'partial_wait'": {time.Now().Add(-time.Second), time.Now().Add(-26 * time.Hour)},
		"CallvaultPhase = 'blocked'":      {time.Now()},
		"WorkflowType = 'FetchRecordingsBatchWorkflow' AND ExecutionStatus = 'Running'": {time.Now(), time.Now()},
	}}
	counts, metrics := newCounts(t, n)
	require.Empty(t, gauges(t, metrics), "nothing is known yet")
	require.NoError(t, counts.count(t.Context(), true))
	text := strings.Join(gauges(t, metrics), "\n")
	for _, want := range []string{
		`callvault_fetches_running{phase="partial_wait"} 2`,
		`callvault_fetches_running{phase="blocked"} 1`,
		`callvault_fetches_running{phase="checking"} 0`,
		`callvault_batches_running 2`,
		`callvault_days_open 0`,
		`callvault_sessions_near_purge 0`,
		`callvault_budget_calls{account="acme",window="1m0s"} 29`,
		`callvault_budget_limit{account="acme",window="1m0s"} 30`,
		`callvault_budget_waiting{account="acme",priority="2"} 1`,
		`callvault_budget_waiting{account="acme",priority="4"} 120`,
		`callvault_budget_waiting{account="zeta",priority="4"} 0`,
		`callvault_budget_blocked{account="acme"} 1`,
		`callvault_budget_blocked{account="zeta"} 0`,
		`callvault_budget_paused{account="zeta"} 1`,
		`callvault_budget_calls{account="zeta",window="1m0s"} 0`,
		`callvault_fetches_oldest_seconds{phase="checking"} 0`,
	} {
		require.Contains(t, text, want)
	}
	require.Regexp(t, `callvault_fetches_oldest_seconds\{phase="partial_wait"\} 936\d\d\.`, text, "26 hours")
	require.NotContains(t, text, "st-1", "no bot is a label")
}

func TestOldestIsFoundAmongManyNewOnes(t *testing.T) {
	n := &namespace{started: make(map[string][]time.Time)}
	for range 3 * listedOldest {
		n.started["blocked'"] = append(n.started["blocked'"], time.Now())
	}
	for _, age := range []time.Duration{0, 61 * time.Minute, 25 * time.Hour, 89 * 24 * time.Hour} {
		n.started["blocked'"] = append(n.started["blocked'"], time.Now().Add(-age))
		counts, _ := newCounts(t, n)
		n.counts = 0
		found, err := counts.oldest(t.Context(), phaseQuery(workflows.PhaseBlocked))
		require.NoError(t, err)
		require.InDelta(t, age.Seconds(), found.Seconds(), 10)
		require.LessOrEqual(t, n.counts, 4)
	}
}

// What one part of Temporal does not tell is missing; it does not hide the rest.
func TestCountsShowWhatTheyKnow(t *testing.T) {
	n := &namespace{budgets: acme(), down: "budgets"}
	counts, metrics := newCounts(t, n)
	require.ErrorContains(t, counts.count(t.Context(), true), "no worker responds")
	text := strings.Join(gauges(t, metrics), "\n")
	require.Contains(t, text, "callvault_batches_running 0")
	require.NotContains(t, text, "callvault_budget_")
	require.True(t, counts.complete.IsZero())

	n.down = "visibility"
	require.ErrorContains(t, counts.count(t.Context(), true), "visibility is down")
	text = strings.Join(gauges(t, metrics), "\n")
	require.NotContains(t, text, "callvault_batches_running")
	require.Contains(t, text, `callvault_budget_blocked{account="acme"} 1`)

	n.down = "st-2"
	require.ErrorContains(t, counts.count(t.Context(), true), "the workflow task failed")
	text = strings.Join(gauges(t, metrics), "\n")
	require.NotContains(t, text, `callvault_budget_blocked{account="acme"}`, "some of its budgets are not known")
	require.Contains(t, text, `callvault_budget_paused{account="zeta"} 1`, "one budget hides no other account")

	n.down = ""
	require.NoError(t, counts.count(t.Context(), true))
	require.False(t, counts.complete.IsZero())
	require.NotEmpty(t, counts.latest(time.Now()))
	require.Empty(t, counts.latest(time.Now().Add(keptCounts+time.Second)), "it is too old to be shown")
}
