package e2e_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"

	"github.com/callvault/callvault/dev/internal/system"
	"github.com/callvault/callvault/internal/simulator"
	"github.com/callvault/callvault/workflows"
)

// budget queries the state of the bot's call budget.
func (h *harness) budget() (workflows.BudgetStatus, error) {
	var status workflows.BudgetStatus
	value, err := h.Client.QueryWorkflow(h.Ctx, workflows.CallBudgetWorkflowID(system.Bot), "", workflows.QueryBudget)
	if err != nil {
		return status, err
	}
	return status, value.Get(&status)
}

// keepResuming tries the bot again whenever it is blocked, until the test ends.
func (h *harness) keepResuming() {
	ctx, stop := context.WithCancel(h.Ctx)
	ended := make(chan struct{})
	h.T.Cleanup(func() { stop(); <-ended })
	go func() {
		defer close(ended)
		ticker := time.NewTicker(time.Second)
		defer ticker.Stop()
		for ctx.Err() == nil {
			if status, err := h.budget(); err == nil && status.State == workflows.BudgetBlocked {
				_, _ = h.Client.UpdateWorkflow(ctx, client.UpdateWorkflowOptions{
					WorkflowID: workflows.CallBudgetWorkflowID(system.Bot), UpdateName: workflows.UpdateResume,
					Args: []any{workflows.BudgetChange{Reason: "it is over"}}, WaitForStage: client.WorkflowUpdateStageCompleted,
				})
			}
			select {
			case <-ctx.Done():
			case <-ticker.C:
			}
		}
	}()
}

// executeMany starts fetches of new sessions.
func (h *harness) executeMany(n int, change func(*workflows.FetchRequest)) []client.WorkflowRun {
	h.T.Helper()
	var runs []client.WorkflowRun
	for i := range n {
		request := workflows.FetchRequest{
			Session: system.SessionOf(h.AddSession(nil, system.Recording(fmt.Sprintf("%d.wav", i), 1_000))),
			Policy:  workflows.FetchPolicy{PollMin: time.Second, PollMax: 2 * time.Second},
		}
		if change != nil {
			change(&request)
		}
		run, err := h.Client.ExecuteWorkflow(h.Ctx, workflows.FetchStartOptions(request), workflows.FetchRecordingWorkflowName, request)
		require.NoError(h.T, err)
		runs = append(runs, run)
	}
	return runs
}

func (h *harness) requireAllArchived(runs []client.WorkflowRun) {
	h.T.Helper()
	for _, run := range runs {
		require.Equal(h.T, workflows.OutcomeArchived, h.Result(run).Outcome)
	}
}

// steer runs a budget command and returns the status that it prints.
func (h *harness) steer(arguments ...string) workflows.BudgetStatus {
	h.T.Helper()
	p := h.StartStarter(append([]string{"budget"}, append(arguments, "--output", "json")...)...)
	require.Zero(h.T, p.ExitCode(h.Ctx), p.Stderr)
	var raw json.RawMessage
	p.DecodeStdout(&raw)
	var status workflows.BudgetStatus
	if raw[0] == '[' {
		var all []workflows.BudgetStatus
		require.NoError(h.T, json.Unmarshal(raw, &all))
		require.Len(h.T, all, 1)
		return all[0]
	}
	require.NoError(h.T, json.Unmarshal(raw, &status))
	return status
}

func TestPausedBudgetMakesNoCallAndLosesNothing(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.StartWorker()
	h.requireAllArchived(h.executeMany(1, nil))

	paused := h.steer("pause", system.Bot, "--reason", "the vendor asked us to")
	require.Equal(t, workflows.BudgetPaused, paused.State)
	require.Equal(t, "the vendor asked us to", paused.Reason)
	runs := h.executeMany(20, nil)
	for _, run := range runs {
		h.AwaitPhase(run.GetID(), workflows.PhaseChecking)
		h.Await("it waits for a slot", func() bool {
			return len(h.scheduled(run.GetID(), "MintToken")) == 1
		})
	}
	require.Equal(t, 1, h.Upstream.Counts().API)
	require.Equal(t, workflows.BudgetPaused, h.steer("show", system.Bot).State)

	resumed := h.steer("resume", system.Bot, "--reason", "agreed with the vendor")
	require.Equal(t, workflows.BudgetOpen, resumed.State)
	require.Contains(t, resumed.Changes[0].Text, "agreed with the vendor")
	require.Contains(t, resumed.Changes[1].Text, "the vendor asked us to")
	h.requireAllArchived(runs)
	require.Equal(t, 21, h.Upstream.Counts().API)
}

// scheduled returns when the workflow scheduled activities of a type.
func (h *harness) scheduled(workflowID, activityType string) []time.Time {
	h.T.Helper()
	var times []time.Time
	for _, event := range h.History(h.Ctx, workflowID, "") {
		if event.GetEventType() == enumspb.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED && event.GetActivityTaskScheduledEventAttributes().GetActivityType().GetName() == activityType {
			times = append(times, event.GetEventTime().AsTime())
		}
	}
	return times
}

// As the temporal CLI sends it: plain JSON.
func TestLimitsAreSetByPlainJSON(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.StartWorker()
	h.requireAllArchived(h.executeMany(1, nil))
	set := func(input string) (status workflows.BudgetStatus, err error) {
		handle, err := h.Client.UpdateWorkflow(h.Ctx, client.UpdateWorkflowOptions{
			WorkflowID: workflows.CallBudgetWorkflowID(system.Bot), UpdateName: workflows.UpdateSetLimits,
			Args: []any{json.RawMessage(input)}, WaitForStage: client.WorkflowUpdateStageCompleted,
		})
		if err != nil {
			return status, err
		}
		return status, handle.Get(h.Ctx, &status)
	}
	status, err := set(`{"windows": ["30/1m", "900/1h"], "reason": "shared with the reporting job"}`)
	require.NoError(t, err)
	require.Len(t, status.Windows, 2)
	require.Equal(t, workflows.CallWindow{Calls: 30, Span: time.Minute}, status.Windows[0].Limit)
	require.Equal(t, workflows.CallWindow{Calls: 900, Span: time.Hour}, status.Windows[1].Limit)
	require.Positive(t, status.Windows[1].Used, "what was used still counts")
	require.Equal(t, "shared with the reporting job", status.LimitsReason)

	for input, want := range map[string]string{
		`{"windows": ["30/1m"]}`:                     "reason is empty",
		`{"windows": ["30/1x"], "reason": "x"}`:      "30/1x",
		`{"windows": ["99999999/1m"], "reason":"x"}`: "out of bounds",
		`{"window": ["30/1m"], "reason": "x"}`:       "window",
	} {
		_, err := set(input)
		require.ErrorContains(t, err, want)
	}
	status, err = set(`{"reason": "the job is gone"}`)
	require.NoError(t, err)
	require.Equal(t, system.CallsPerMinute, status.Windows[0].Limit.Calls)
	require.Empty(t, status.LimitsReason)
}

// compressed runs the vendor's clock so many times as fast, and returns an account
// whose budget is the vendor's in that time.
func compressed(t *testing.T, times int, perMinute, configured int) (*harness, configuredAccount) {
	t.Helper()
	start := time.Now()
	h := newHarness(t, func(c *simulator.Config) {
		c.CallsPerMinute = perMinute
		c.GenericLimitText = true // The vendor's minute is not a minute here.
		c.Now = func() time.Time { return start.Add(time.Duration(times) * time.Since(start)) }
	})
	account := accountOf(h, "compressed")
	account.Windows = []string{fmt.Sprintf("%d/%s", configured, time.Minute/time.Duration(times))}
	return h, account
}

// Which slot it gets is tested in virtual time; here it is only one of the first, because
// slots are handed out earlier when messages are slow, and more of them come before. (So
// it is not parallel either.)
func TestSingleFetchPassesABackfill(t *testing.T) {
	const earlier = 10 // slots, a second apart, at the longest notice
	h, account := compressed(t, 1, 60, 60)
	h.Env = h.configured(account)
	h.StartWorker()
	h.StartWorker()
	backfill := h.executeMany(100, func(r *workflows.FetchRequest) { r.BatchID = "july" })
	h.Await("the backfill is under way", func() bool { return h.Upstream.Counts().API > 5 })
	for range 4 {
		single := h.executeMany(1, nil)[0]
		h.requireAllArchived([]client.WorkflowRun{single})
		asked := h.scheduled(single.GetID(), "MintToken")[0]
		called := h.scheduled(single.GetID(), "CheckStatus")[0]
		between := h.callsBetween(backfill, asked, called)
		t.Logf("%d calls of the backfill came before", between)
		require.LessOrEqual(t, between, earlier)
	}
	require.Empty(t, h.Upstream.Counts().Refused)
}

// callsBetween counts the calls of fetches between two times.
func (h *harness) callsBetween(runs []client.WorkflowRun, from, to time.Time) int {
	h.T.Helper()
	calls := 0
	for _, run := range runs {
		for _, at := range h.scheduled(run.GetID(), "CheckStatus") {
			if at.After(from) && at.Before(to) {
				calls++
			}
		}
	}
	return calls
}

// A small batch is done long before a large one that came first, on a server that serves
// a queue in the order of arrival. (It is not parallel, because it would slow down others.)
func TestBatchesTakeTurns(t *testing.T) {
	const each = 4
	h, account := compressed(t, 6, 30, 30)
	h.Env = h.configured(account)
	h.StartWorker()
	h.StartWorker()
	batch := func(n int, id string) []client.WorkflowRun {
		return h.executeMany(n, func(r *workflows.FetchRequest) { r.BatchID = id })
	}
	large := batch(60, "large")
	h.Await("the large batch is under way", func() bool { return h.Upstream.Counts().API > 5 })
	var small []client.WorkflowRun
	for _, id := range []string{"a", "b", "c"} {
		small = append(small, batch(each, id)...)
	}
	h.requireAllArchived(small)
	var asked, called []time.Time
	for _, run := range small {
		asked = append(asked, h.scheduled(run.GetID(), "MintToken")[0])
		called = append(called, h.scheduled(run.GetID(), "CheckStatus")...)
	}
	const underWay = 5 // slots that were handed out before, or came too late
	between := h.callsBetween(large, slices.MaxFunc(asked, time.Time.Compare), slices.MaxFunc(called, time.Time.Compare))
	require.LessOrEqual(t, between, each+underWay)
	for _, run := range large {
		require.NoError(t, h.Client.CancelWorkflow(h.Ctx, run.GetID(), run.GetRunID()))
	}
}

func TestHiddenLimitIsLearnedFromOneRefusal(t *testing.T) {
	t.Parallel()
	h, account := compressed(t, 2, 30, 50)
	h.Env = h.configured(account)
	h.StartWorker()
	h.StartWorker()
	for range 5 { // A machine that is very busy may be too slow for the limit to be met at once.
		h.requireAllArchived(h.executeMany(50, nil))
		if h.Upstream.Counts().Refused[simulator.ReasonMinute] > 0 {
			break
		}
	}
	const underWay = 2 // calls whose slots were handed out before the refusal was known
	const late = 5     // calls of three seconds: the budget counts them from their slots on, the vendor once they come
	require.LessOrEqual(t, h.Upstream.Counts().Refused[simulator.ReasonMinute], 1+underWay)
	status, err := h.budget()
	require.NoError(t, err)
	require.GreaterOrEqual(t, status.Windows[0].Learned, 30)
	require.LessOrEqual(t, status.Windows[0].Learned, 30+late, "in virtual time, where nothing is late, it is exactly 30")
	learned := slices.DeleteFunc(status.Changes, func(change workflows.BudgetEvent) bool { return !strings.Contains(change.Text, "the vendor takes") })
	require.Len(t, learned, 1)
}

func TestMissingScopeCostsAFewCallsForAllFetches(t *testing.T) {
	t.Parallel()
	h := newHarness(t, func(c *simulator.Config) { c.ScopeWithdrawn = true })
	h.StartWorker()
	runs := h.executeMany(60, nil)
	h.Await("the bot is blocked", func() bool {
		status, err := h.budget()
		return err == nil && status.State == workflows.BudgetBlocked
	})
	spent := h.Upstream.Counts().API
	require.LessOrEqual(t, spent, 6)
	status := h.steer("show", system.Bot)
	require.Contains(t, status.Reason, `"SmartAssist Recordings"`)
	found := h.AwaitListed("CallvaultPhase = 'blocked' AND WorkflowType = 'CallBudgetWorkflow'")
	require.Equal(t, workflows.CallBudgetWorkflowID(system.Bot), found.GetExecution().GetWorkflowId())

	h.Upstream.SetScope(true)
	h.steer("resume", system.Bot, "--reason", "the scope is granted")
	h.requireAllArchived(runs)
	require.LessOrEqual(t, h.Upstream.Counts().API, 60+spent+2)
}

// Media URLs expire, so what cannot be downloaded soon is not asked for.
func TestCallsStopWhileReadyFilesWaitForTheirDownload(t *testing.T) {
	t.Parallel()
	// The worker counts the waiting files every 5 seconds; until then, and as long as its
	// count takes, 5 calls a second go on.
	const transfers, maxReady, fetches = 16, 64, 180
	h := newHarness(t)
	account := accountOf(h, "slow")
	account.Windows = []string{"300/1m"}
	h.Env = h.configured(account)
	worker := h.StartWorker()
	barrier := h.Upstream.BlockDownloads(0)
	runs := h.executeMany(fetches, nil)
	worker.Stderr.Await(h.Ctx, t, "tooManyWait=true")
	made := h.awaitNoCall(3 * time.Second)
	require.GreaterOrEqual(t, made, transfers+maxReady)
	require.Less(t, made, fetches, "calls go on until no session is left")
	barrier.Open()
	h.requireAllArchived(runs)
	require.Equal(t, fetches, h.Upstream.Counts().API)
}

// awaitNoCall waits until no call was made for so long, and returns how many were made.
func (h *harness) awaitNoCall(quiet time.Duration) int {
	h.T.Helper()
	made, since := h.Upstream.Counts().API, time.Now()
	h.Await(fmt.Sprintf("no call is made for %s", quiet), func() bool {
		if now := h.Upstream.Counts().API; now != made {
			made, since = now, time.Now()
		}
		return time.Since(since) >= quiet
	})
	return made
}
