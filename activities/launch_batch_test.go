package activities_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/callvault/callvault/internal/archive/s3test"
	"github.com/callvault/callvault/internal/failure"
	"github.com/callvault/callvault/workflows"
	"github.com/callvault/callvault/workflows/batch"
)

func TestEverySessionHasItsTurnOnceOverSeveralPasses(t *testing.T) {
	sessions := slices.Concat(callsOf("st-a", 190, longAgo), callsOf("st-b", 60, longAgo.Add(24*time.Hour)))
	h := newBatchHarness(t, sessions...)
	passes := 0
	last := h.passes(func() { passes++; h.temporal.change(archives) })
	require.Positive(t, passes, "one pass has no room for all")
	h.requireStartedOnce(sessions)
	require.Equal(t, 250, last.Launched.Started)
	require.Zero(t, last.Launched.Found)
	require.Zero(t, last.Launched.Attached)
	require.False(t, last.Interrupted)

	h.pass()
	h.requireStartedOnce(sessions)
}

func TestSessionsWithAManifestAreCountedAndCostNoStartAndNoRoom(t *testing.T) {
	sessions := callsOf("st-a", 70, longAgo)
	h := newBatchHarness(t, sessions...)
	h.setManifests(workflows.OutcomeArchived, sessions[:15]...)
	h.setManifests(workflows.OutcomeUnavailable, sessions[15:20]...)
	result := h.pass()
	require.Equal(t, 20, result.Launched.Found)
	require.Equal(t, 50, result.Launched.Started)
	h.requireStartedOnce(sessions[20:])
	require.Empty(t, h.temporal.described, "nobody else can have counted them")
	require.True(t, result.Launched.IsComplete(h.input.Plan))
}

func TestRefetchStartsWhatWasNotArchived(t *testing.T) {
	sessions := callsOf("st-a", 20, longAgo)
	h := newBatchHarness(t, sessions...)
	h.setManifests(workflows.OutcomeArchived, sessions[:5]...)
	h.setManifests(workflows.OutcomeUnavailable, sessions[5:15]...)
	key, err := h.store.ManifestKey(sessions[15])
	require.NoError(t, err)
	h.server.Set(bucket, key, s3test.Object{Body: []byte("{")}) // not a manifest
	h.input.Refetch = true
	result := h.pass()
	require.Equal(t, 5, result.Launched.Found)
	require.Equal(t, 15, result.Launched.Started)
	h.requireStartedOnce(sessions[5:])
}

func TestPassStartsNothingOnceTooManySessionsWereNotArchived(t *testing.T) {
	ended := func(failed, archived int) batch.Ended {
		return batch.Ended{Outcomes: map[workflows.Outcome]int{workflows.OutcomeFailed: failed, workflows.OutcomeArchived: archived}}
	}
	for name, row := range map[string]struct {
		allowance batch.Allowance
		settled   batch.Ended // besides the five that failed and the 45 that were archived since
		starts    bool
	}{
		"a number":                     {batch.Allowance{MaxFailures: workflows.FailureLimit{Count: 5}}, batch.Ended{}, false},
		"a number that is not reached": {batch.Allowance{MaxFailures: workflows.FailureLimit{Count: 6}}, batch.Ended{}, true},
		"a number, with what settled":  {batch.Allowance{MaxFailures: workflows.FailureLimit{Count: 6}}, ended(1, 0), false},
		"a number that begins anew":    {batch.Allowance{MaxFailures: workflows.FailureLimit{Count: 5}, ForgivenFailures: 1, ForgivenEnded: 5}, batch.Ended{}, true},
		"a percentage":                 {batch.Allowance{MaxFailures: workflows.FailureLimit{Percent: 10}}, ended(7, 43), false},
		"a percentage that is not":     {batch.Allowance{MaxFailures: workflows.FailureLimit{Percent: 13}}, ended(7, 43), true},
		"a percentage of too few":      {batch.Allowance{MaxFailures: workflows.FailureLimit{Percent: 10}}, batch.Ended{}, true},
		"no limit":                     {batch.Allowance{}, ended(100, 0), true},
		"a number, ended without any":  {batch.Allowance{MaxFailures: workflows.FailureLimit{Count: 7}}, batch.Ended{NoOutcome: 2}, false},
	} {
		t.Run(name, func(t *testing.T) {
			sessions := callsOf("st-a", 220, longAgo)
			h := newBatchHarness(t, sessions...)
			require.Equal(t, 50, h.pass().Launched.Started)
			h.input.Settled = batch.Settled{Until: time.Now(), Counts: row.settled}
			h.end(workflows.OutcomeFailed, sessions[:5])
			h.end(workflows.OutcomeArchived, sessions[5:50])
			h.input.Allowance = row.allowance
			require.Equal(t, row.starts, h.pass().Launched.Started > 50)
		})
	}
}

// A pause cancels the pass. What it has started is told by no page.
func TestInterruptedPageCountsNothingTwice(t *testing.T) {
	for name, meanwhile := range map[string]func(h *batchHarness, started []workflows.Session){
		"they wait":      func(*batchHarness, []workflows.Session) {},
		"they download":  func(h *batchHarness, _ []workflows.Session) { h.temporal.change(archives) },
		"they archived":  func(h *batchHarness, started []workflows.Session) { h.end(workflows.OutcomeArchived, started) },
		"they failed":    func(h *batchHarness, started []workflows.Session) { h.end(workflows.OutcomeFailed, started) },
		"some of either": func(h *batchHarness, started []workflows.Session) { h.end(workflows.OutcomeArchived, started[:7]) },
	} {
		for _, refetch := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, refetch %t", name, refetch), func(t *testing.T) {
				sessions := callsOf("st-a", 120, longAgo)
				h := newBatchHarness(t, sessions...)
				h.setManifests(workflows.OutcomeArchived, sessions[100:]...)
				h.input.Refetch = refetch
				result := h.interruptedPass(30)
				require.True(t, result.Interrupted)
				require.Equal(t, batch.Launched{Next: []int64{0}, Window: []int{50}}, result.Launched, "the page did not come to its end")
				ids := h.temporal.startedIDs()
				require.GreaterOrEqual(t, len(ids), 30)
				require.Less(t, len(ids), 50)
				var started []workflows.Session
				for _, one := range sessions {
					if slices.Contains(ids, one.FetchWorkflowID()) {
						started = append(started, one)
					}
				}
				meanwhile(h, started)
				h.input.Halted = true // while the batch is paused
				h.pass()
				h.input.Halted = false

				last := h.passes(func() { h.temporal.change(archives) })
				h.requireStartedOnce(sessions[:100])
				require.Equal(t, 100, last.Launched.Started)
				require.Equal(t, 20, last.Launched.Found)
				require.Zero(t, last.Launched.Attached, "they are the batch's own")
			})
		}
	}
}

// end ends the fetches of sessions with an outcome, and writes their manifests.
func (h *batchHarness) end(outcome workflows.Outcome, sessions []workflows.Session) {
	h.t.Helper()
	h.setManifests(outcome, sessions...)
	h.temporal.change(func(one *fetch) {
		if slices.ContainsFunc(sessions, func(s workflows.Session) bool { return s.FetchWorkflowID() == one.id }) {
			ends(outcome, time.Now().UTC())(one)
		}
	})
}

func TestPagesBeforeTheInterruptedOneAreKept(t *testing.T) {
	sessions := callsOf("st-a", 700, longAgo)
	h := newBatchHarness(t, sessions...)
	h.input.Launched = batch.Launched{Next: []int64{0}, Window: []int{1000}}
	result := h.interruptedPass(600)
	require.True(t, result.Interrupted)
	require.Equal(t, 500, result.Launched.Started)
	require.Equal(t, []int64{500 * 25}, result.Launched.Next)
	h.temporal.change(archives)
	last := h.passes(func() {})
	h.requireStartedOnce(sessions)
	require.Equal(t, 700, last.Launched.Started)
}

func TestHeartbeatsTellOfWholePages(t *testing.T) {
	h := newBatchHarness(t, callsOf("st-a", 700, longAgo)...)
	h.input.Launched = batch.Launched{Next: []int64{0}, Window: []int{1000}}
	environment := newEnvironment(h.launch.Execute)
	recorded := new(heartbeats)
	environment.SetWorkerOptions(worker.Options{Interceptors: []interceptor.WorkerInterceptor{recorded}})
	_, err := environment.ExecuteActivity("under-test", h.input)
	require.NoError(t, err)
	var told []int
	for _, details := range recorded.details {
		launched, ok := details[0].(batch.Launched)
		require.True(t, ok)
		require.Equal(t, []int64{int64(launched.Started) * 25}, launched.Next)
		told = append(told, launched.Started)
	}
	require.Equal(t, []int{0, 500, 700}, told)
}

// heartbeats keeps the details of those that an activity records; the SDK sends only some.
type heartbeats struct {
	interceptor.WorkerInterceptorBase
	mu      sync.Mutex
	details [][]any
}

func (h *heartbeats) InterceptActivity(_ context.Context, next interceptor.ActivityInboundInterceptor) interceptor.ActivityInboundInterceptor {
	return &heartbeatsInbound{interceptor.ActivityInboundInterceptorBase{Next: next}, h}
}

type heartbeatsInbound struct {
	interceptor.ActivityInboundInterceptorBase
	kept *heartbeats
}

func (i *heartbeatsInbound) Init(outbound interceptor.ActivityOutboundInterceptor) error {
	return i.Next.Init(&heartbeatsOutbound{interceptor.ActivityOutboundInterceptorBase{Next: outbound}, i.kept})
}

type heartbeatsOutbound struct {
	interceptor.ActivityOutboundInterceptorBase
	kept *heartbeats
}

func (o *heartbeatsOutbound) RecordHeartbeat(ctx context.Context, details ...any) {
	o.kept.mu.Lock()
	o.kept.details = append(o.kept.details, details)
	o.kept.mu.Unlock()
	o.Next.RecordHeartbeat(ctx, details...)
}

func TestAttemptAfterALostOneGoesOnFromItsHeartbeat(t *testing.T) {
	sessions := callsOf("st-a", 700, longAgo)
	h := newBatchHarness(t, sessions...)
	environment := newEnvironment(h.launch.Execute)
	environment.SetHeartbeatDetails(batch.Launched{Next: []int64{500 * 25}, Window: []int{500}, Started: 480, Found: 20})
	value, err := environment.ExecuteActivity("under-test", h.input)
	require.NoError(t, err)
	var result batch.LaunchResult
	require.NoError(t, value.Get(&result))
	h.requireStartedOnce(sessions[500:])
	require.Equal(t, 680, result.Launched.Started)
	require.Equal(t, 20, result.Launched.Found)
}

func TestHeartbeatOfAnotherPlanIsIgnored(t *testing.T) {
	sessions := callsOf("st-a", 10, longAgo)
	h := newBatchHarness(t, sessions...)
	environment := newEnvironment(h.launch.Execute)
	environment.SetHeartbeatDetails(batch.Launched{Next: []int64{250, 500}, Window: []int{50, 50}, Started: 10})
	_, err := environment.ExecuteActivity("under-test", h.input)
	require.NoError(t, err)
	h.requireStartedOnce(sessions)
}

// The first attempt fails in the middle of its second page, and some of what it started
// there is archived before the second attempt.
func TestAttemptAfterAFailedOneCountsNothingTwice(t *testing.T) {
	sessions := callsOf("st-a", 700, longAgo)
	h := newBatchHarness(t, sessions...)
	h.input.Launched = batch.Launched{Next: []int64{0}, Window: []int{1000}}
	h.temporal.onStart(func(started int) error {
		if started > 600 {
			return errors.New("the Temporal server is not reachable")
		}
		return nil
	})
	attempts := 0
	execute := func(ctx context.Context, input batch.LaunchInput) (*batch.LaunchResult, error) {
		if attempts++; attempts == 2 {
			h.temporal.onStart(nil)
			h.end(workflows.OutcomeArchived, sessions[450:])
			h.temporal.change(archives)
		}
		return h.launch.Execute(ctx, input)
	}
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(silent{})
	environment := suite.NewTestWorkflowEnvironment()
	environment.SetTestTimeout(time.Minute) // a backstop
	environment.RegisterActivityWithOptions(execute, activity.RegisterOptions{Name: batch.LaunchBatch})
	environment.ExecuteWorkflow(func(ctx workflow.Context) (result batch.LaunchResult, err error) {
		ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{StartToCloseTimeout: time.Minute, RetryPolicy: &temporal.RetryPolicy{MaximumAttempts: 2}})
		err = workflow.ExecuteActivity(ctx, batch.LaunchBatch, h.input).Get(ctx, &result)
		return result, err
	})
	require.NoError(t, environment.GetWorkflowError())
	require.Equal(t, 2, attempts)
	var result batch.LaunchResult
	require.NoError(t, environment.GetWorkflowResult(&result))
	require.Equal(t, 700, result.Launched.Started+result.Launched.Found)
	require.Len(t, h.temporal.startedIDs(), result.Launched.Started, "what an attempt before has started is not found")
	require.Zero(t, result.Launched.Attached)
}

func TestWindowFollowsHowManyWait(t *testing.T) {
	for _, row := range []struct {
		window, waiting, unseen int
		want, starts            int
	}{
		{50, 0, 0, 100, 100},
		{50, 11, 0, 100, 89},
		{50, 12, 0, 50, 38},
		{50, 37, 0, 50, 13},
		{50, 38, 0, 38, 0},
		{100, 76, 0, 75, 0},
		{20, 19, 0, 20, 1},
		{800, 0, 0, 1000, 1000},
		{1000, 0, 0, 1000, 1000},
		{50, 0, 20, 50, 30},
		{50, 20, 20, 38, 0},
		{50, 5, 10, 50, 35},
	} {
		t.Run(fmt.Sprint(row), func(t *testing.T) {
			h := newBatchHarness(t, callsOf("st-a", 1100, longAgo)...)
			for _, one := range callsOf("st-a", row.waiting, longAgo.Add(time.Hour)) {
				h.temporal.add(one, fetch{})
			}
			for _, one := range callsOf("st-a", 30, longAgo.Add(2*time.Hour)) { // They hold nobody's place.
				h.temporal.add(one, fetch{phase: workflows.PhaseMediaInProgress, checks: 1})
				h.temporal.add(one, fetch{batch: "another"})
			}
			h.input.Launched = batch.Launched{Next: []int64{0}, Window: []int{row.window}}
			h.input.Unseen = row.unseen
			result := h.pass()
			require.Equal(t, []int{row.want}, result.Launched.Window)
			require.Len(t, h.temporal.startedIDs(), row.starts)
		})
	}
}

func TestFirstWindowsAreBoundedTogether(t *testing.T) {
	for bots, window := range map[int]int{1: 50, 40: 50, 60: 33, 150: 20} {
		var sessions []workflows.Session
		for i := range bots {
			sessions = append(sessions, callsOf(fmt.Sprintf("st-%03d", i), 55, longAgo)...)
		}
		h := newBatchHarness(t, sessions...)
		result := h.pass()
		require.Equal(t, slices.Repeat([]int{window}, bots), result.Launched.Window)
		require.Equal(t, bots*window, result.Launched.Started)
	}
}

func TestEachPassBeginsWithAnotherBot(t *testing.T) {
	h := newBatchHarness(t, slices.Concat(callsOf("st-a", 500, longAgo), callsOf("st-b", 500, longAgo), callsOf("st-c", 500, longAgo))...)
	for _, want := range []string{"st-a st-b st-c", "st-b st-c st-a", "st-c st-a st-b", "st-a st-b st-c"} {
		h.temporal.queries = nil
		h.pass()
		var bots []string
		for _, query := range h.temporal.queries {
			if _, rest, found := strings.Cut(query, "CallvaultBot = '"); found {
				bots = append(bots, rest[:4])
			}
		}
		require.Equal(t, want, strings.Join(bots, " "))
	}
}

func TestBotWhoseSessionsHaveHadTheirTurnCostsNoQuery(t *testing.T) {
	h := newBatchHarness(t, slices.Concat(callsOf("st-a", 10, longAgo), callsOf("st-b", 500, longAgo))...)
	h.pass()
	h.temporal.queries = nil
	h.pass()
	require.NotContains(t, strings.Join(h.temporal.queries, "\n"), "CallvaultBot = 'st-a'")
}

func TestHaltedPassCountsAndStartsNothing(t *testing.T) {
	sessions := callsOf("st-a", 10, longAgo)
	h := newBatchHarness(t, sessions...)
	h.temporal.add(sessions[0], fetch{})
	h.input.Halted = true
	h.server.ForgetRequests()
	result := h.pass()
	require.Empty(t, h.temporal.startedIDs())
	require.Empty(t, h.server.Operations())
	require.Equal(t, map[workflows.FetchPhase]int{workflows.PhaseChecking: 1}, result.Running)
	require.False(t, result.Launched.IsComplete(h.input.Plan))
}

func TestStoreThatNeedsAnOperatorEndsThePassWithWhatWasStarted(t *testing.T) {
	for name, row := range map[string]struct {
		rule s3test.Rule
		says string
	}{
		"no permission for the plan": {s3test.Rule{Operation: s3test.GetObject, Skip: 1, Status: http.StatusForbidden, Code: "SignatureDoesNotMatch"}, "AWS_SECRET_ACCESS_KEY"},
		"plan is gone":               {s3test.Rule{Operation: s3test.GetObject, Skip: 1, Status: http.StatusNotFound, Code: "NoSuchKey"}, "the plan of the batch cannot be read"},
		"plan is damaged":            {s3test.Rule{Operation: s3test.GetObject, Skip: 1, Body: func(body []byte) []byte { return slices.Repeat([]byte("x"), len(body)) }}, "restore the object, or cancel the batch and start it again"},
		"no permission to list":      {s3test.Rule{Operation: s3test.ListObjects, Skip: 1, Status: http.StatusForbidden, Code: "SignatureDoesNotMatch"}, "AWS_SECRET_ACCESS_KEY"},
	} {
		t.Run(name, func(t *testing.T) {
			sessions := callsOf("st-a", 700, longAgo)
			h := newBatchHarness(t, sessions...)
			h.input.Launched = batch.Launched{Next: []int64{0}, Window: []int{1000}}
			h.server.Add(row.rule)
			result := h.pass()
			require.Contains(t, result.Blocked, row.says)
			require.Equal(t, 500, result.Launched.Started)
			require.Equal(t, []int64{500 * 25}, result.Launched.Next)
			require.Equal(t, 500, result.Running[workflows.PhaseChecking], "it counts all the same")

			h.temporal.change(archives)
			require.Empty(t, h.pass().Blocked)
			h.requireStartedOnce(sessions)
		})
	}
}

func TestStoreThatDoesNotRespondFailsTheAttempt(t *testing.T) {
	h := newBatchHarness(t, callsOf("st-a", 700, longAgo)...)
	h.server.Add(s3test.Rule{Operation: s3test.GetObject, Status: http.StatusServiceUnavailable, Code: "SlowDown"})
	_, err := run[batch.LaunchResult](t, h.launch.Execute, h.input)
	requireKind(t, err, failure.ArchiveUnavailable, true, false)
}

func TestBatchOfAnAccountThatIsNotServedIsBlocked(t *testing.T) {
	h := newBatchHarness(t, callsOf("st-a", 1, longAgo)...)
	h.input.Plan.Account = "renamed"
	_, err := run[batch.LaunchResult](t, h.launch.Execute, h.input)
	requireKind(t, err, failure.Blocked, false, true)
	require.ErrorContains(t, err, `this worker does not serve the batch's account "renamed": start one that does, or give the account that name again`)
}

func TestFetchesOfOthersAreAttachedAndOwnOnesAreNot(t *testing.T) {
	sessions := callsOf("st-a", 10, longAgo)
	h := newBatchHarness(t, sessions...)
	for _, one := range sessions[:2] {
		h.temporal.add(one, fetch{batch: "another"})
	}
	h.temporal.add(sessions[2], fetch{startedAt: h.input.StartedAt.Add(-time.Hour)}) // an earlier batch of that name
	for _, one := range sessions[3:7] {
		h.temporal.add(one, fetch{})
	}
	result := h.pass()
	require.Equal(t, 10, result.Launched.Started)
	require.Equal(t, 3, result.Launched.Attached)
	h.requireStartedOnce(sessions[7:])
}

func TestFetchesBeginWithTheFlowThatTheBatchKnows(t *testing.T) {
	for flow, memo := range map[int]map[string]any{0: nil, 1: {workflows.MemoFlow: workflows.Flow(1)}, 2: {workflows.MemoFlow: workflows.Flow(2)}, 99: {workflows.MemoFlow: workflows.Flow(workflows.FlowPurgeAlarm)}} {
		h := newBatchHarness(t, callsOf("st-a", 1, longAgo)...)
		h.input.Flow = flow
		h.pass()
		require.Len(t, h.temporal.starts, 1)
		require.Equal(t, memo, h.temporal.starts[0].Memo)
	}
}
