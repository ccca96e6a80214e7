package batch_test

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/mock"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/workflow"

	"github.com/callvault/callvault/internal/failure"
	"github.com/callvault/callvault/internal/replaytest"
	"github.com/callvault/callvault/workflows"
	"github.com/callvault/callvault/workflows/batch"
)

const botID = "st-1"

var startTime = time.Date(2026, 3, 5, 12, 0, 0, 0, time.UTC)

// harness runs the workflow with skipped time, on an account whose fetches all take
// fetchTime, of which so many a second get their call slot.
type harness struct {
	t   testing.TB
	env *testsuite.TestWorkflowEnvironment

	sessions  int
	perSecond float64
	// outcome is that of the i-th fetch, from 0. Defaults to archived.
	outcome func(i int) workflows.Outcome
	// prepare, launch and report, if set, replace the activities' answers.
	prepare func(batch.PrepareInput) (*batch.Plan, error)
	launch  func(batch.LaunchInput) error
	report  func(batch.ReportInput) (*batch.ReportResult, error)

	mu       sync.Mutex
	started  []time.Time // when each fetch was started
	free     time.Time   // when the next call slot is
	ends     []time.Time
	stopped  int // fetches that were cancelled
	passes   []pass
	cancels  int
	reports  []batch.ReportInput
	prepares int
}

type pass struct {
	at     time.Time
	halted bool
}

func newHarness(t testing.TB, sessions int) *harness {
	t.Helper()
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(log.NewStructuredLogger(slog.New(slog.DiscardHandler)))
	h := &harness{t: t, env: suite.NewTestWorkflowEnvironment(), sessions: sessions, perSecond: 1}
	h.env.SetStartTime(startTime)
	h.env.SetTestTimeout(30 * time.Second)
	h.env.RegisterWorkflowWithOptions(batch.Workflow, workflow.RegisterOptions{Name: workflows.FetchRecordingsBatchWorkflowName})
	for name, execute := range map[string]any{
		batch.PrepareBatch: h.prepareBatch, batch.LaunchBatch: h.launchBatch, batch.CancelBatch: h.cancelBatch, batch.ReportBatch: h.reportBatch,
	} {
		h.env.RegisterActivityWithOptions(execute, activity.RegisterOptions{Name: name})
	}
	return h
}

func (h *harness) prepareBatch(_ context.Context, input batch.PrepareInput) (*batch.Plan, error) {
	h.prepares++
	if h.prepare != nil {
		if plan, err := h.prepare(input); plan != nil || err != nil {
			return plan, err
		}
	}
	return h.plan(), nil
}

func (h *harness) plan() *batch.Plan {
	return &batch.Plan{Account: "acme", Key: "batches/b/plan.txt", Sessions: h.sessions, Bots: []batch.BotRange{{BotID: botID, End: int64(h.sessions), Sessions: h.sessions}}}
}

// launchBatch fills a window of a hundred fetches.
func (h *harness) launchBatch(_ context.Context, input batch.LaunchInput) (*batch.LaunchResult, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	now := h.env.Now()
	h.passes = append(h.passes, pass{now, input.Halted})
	if h.launch != nil {
		if err := h.launch(input); err != nil {
			return nil, err
		}
	}
	result := &batch.LaunchResult{Launched: input.Launched, At: now}
	if len(result.Launched.Next) == 0 {
		result.Launched.Next = []int64{0}
	}
	for !input.Halted && len(h.started) < h.sessions && h.waiting(now) < 100 {
		h.start(now)
		result.Launched.Started++
		result.Launched.Next = []int64{int64(len(h.started))}
	}
	h.count(now, result)
	return result, nil
}

func (h *harness) start(now time.Time) {
	if h.free.Before(now) {
		h.free = now
	}
	h.free = h.free.Add(time.Duration(float64(time.Second) / h.perSecond))
	h.started = append(h.started, now)
	h.ends = append(h.ends, h.free)
}

func (h *harness) waiting(now time.Time) int {
	n := 0
	for _, end := range h.ends {
		if end.After(now) {
			n++
		}
	}
	return n
}

func (h *harness) count(now time.Time, result *batch.LaunchResult) {
	result.Ended.Outcomes = make(map[workflows.Outcome]int)
	result.Ended.NoOutcome = h.stopped
	for i, end := range h.ends {
		if end.After(now) {
			continue
		}
		outcome := workflows.OutcomeArchived
		if h.outcome != nil {
			outcome = h.outcome(i)
		}
		result.Ended.Outcomes[outcome]++
		result.Ended.Calls++
	}
	result.Waiting = h.waiting(now)
	if result.Waiting > 0 {
		result.Running = map[workflows.FetchPhase]int{workflows.PhaseChecking: result.Waiting}
	}
}

// cancelBatch cancels all fetches but one, which downloads for a minute.
func (h *harness) cancelBatch(context.Context, batch.CancelInput) (*batch.CancelResult, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.cancels++
	if h.cancels > 1 {
		return &batch.CancelResult{}, nil
	}
	now := h.env.Now()
	var kept []time.Time
	result := new(batch.CancelResult)
	for _, end := range h.ends {
		switch {
		case !end.After(now):
			kept = append(kept, end)
		case result.Left == 0:
			result.Left++
			kept = append(kept, now.Add(time.Minute))
		default:
			result.Cancelled++
		}
	}
	h.ends, h.stopped = kept, result.Cancelled
	return result, nil
}

func (h *harness) reportBatch(_ context.Context, input batch.ReportInput) (*batch.ReportResult, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.reports = append(h.reports, input)
	if h.report != nil {
		if result, err := h.report(input); result != nil || err != nil {
			return result, err
		}
	}
	return &batch.ReportResult{
		Report: workflows.ObjectRef{Bucket: "recordings", Key: "batches/b/report.csv"},
		Total:  workflows.ReportTotal{Sessions: h.sessions},
	}, nil
}

// at does something at a time after the start.
func (h *harness) at(d time.Duration, act func()) { h.env.RegisterDelayedCallback(act, d) }

// update sends an update and returns why it was rejected, if it was.
func (h *harness) update(name, reason string) (rejected *error) {
	rejected = new(error)
	h.env.UpdateWorkflow(name, "", &testsuite.TestUpdateCallback{
		OnReject: func(err error) { *rejected = err }, OnAccept: func() {}, OnComplete: func(any, error) {},
	}, workflows.BatchChange{Reason: reason})
	return rejected
}

func (h *harness) progress() workflows.BatchProgress {
	h.t.Helper()
	value, err := h.env.QueryWorkflow(workflows.QueryProgress)
	require.NoError(h.t, err)
	var progress workflows.BatchProgress
	require.NoError(h.t, value.Get(&progress))
	return progress
}

// listedPhases returns the phases by which the batch can be searched for, one after the
// other.
func (h *harness) listedPhases() *[]workflows.BatchPhase {
	var phases []workflows.BatchPhase
	h.env.OnUpsertTypedSearchAttributes(mock.MatchedBy(func(attributes temporal.SearchAttributes) bool {
		if phase, ok := attributes.GetKeyword(workflows.SearchAttributePhase); ok && (len(phases) == 0 || phases[len(phases)-1] != workflows.BatchPhase(phase)) {
			phases = append(phases, workflows.BatchPhase(phase))
		}
		return true
	})).Return(nil)
	return &phases
}

// details is what the Web UI shows.
func (h *harness) details() string {
	h.t.Helper()
	return replaytest.Details(h.t, h.env)
}

func request() workflows.BatchRequest {
	return workflows.BatchRequest{BatchID: "b", Source: &workflows.ObjectRef{Bucket: "recordings", Key: "batches/in.csv"}}
}

func (h *harness) execute(request any) {
	h.t.Helper()
	h.env.ExecuteWorkflow(workflows.FetchRecordingsBatchWorkflowName, request)
	require.True(h.t, h.env.IsWorkflowCompleted())
}

func (h *harness) result() workflows.BatchResult {
	h.t.Helper()
	require.NoError(h.t, h.env.GetWorkflowError())
	var result workflows.BatchResult
	require.NoError(h.t, h.env.GetWorkflowResult(&result))
	return result
}

func blocked(text string) error {
	return temporal.NewNonRetryableApplicationError(text, string(failure.ArchiveBlocked), nil)
}

// raw is a JSON input as the temporal CLI sends it.
func raw(format string, args ...any) converter.RawValue {
	payload, _ := converter.GetDefaultDataConverter().ToPayload(map[string]any{})
	payload.Data = fmt.Appendf(nil, format, args...)
	return converter.NewRawValue(payload)
}

// converterOf decodes the input of the next run.
func converterOf(continued *workflow.ContinueAsNewError, input any) error {
	return converter.GetDefaultDataConverter().FromPayloads(continued.Input, input)
}
