package replay_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"
	sdkworker "go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/callvault/callvault/dev/internal/stack"
	"github.com/callvault/callvault/internal/simulator"
	"github.com/callvault/callvault/workflows"
	"github.com/callvault/callvault/workflows/callbudget"
)

// budgetBots have a call budget each, one for each of its states.
var budgetBots = []string{"st-open", "st-steered", "st-blocked", "st-unblocked", "st-continued", "st-refused", "st-offered", "st-account", "st-sibling", "st-lanes", "st-hurried", "st-fast", "st-full"}

// budgetState is a state in which a later version may find a call budget.
type budgetState struct {
	bot, name string
	reach     func(b *budgetTest)
	// carries is what the run that is exported has got from the run before; nothing if it
	// is the first.
	carries string
	// fetch is the state of the last fetch, if that has one that depends on the budget.
	fetch string
	// slow states are reached only to save their histories.
	slow bool
}

func budgetStates() []budgetState {
	return []budgetState{
		{bot: "st-open", name: "open", reach: func(b *budgetTest) { b.archive(3) }},
		{bot: "st-steered", name: "steered", reach: func(b *budgetTest) {
			b.archive(1)
			b.update(workflows.UpdateSetLimits, workflows.LimitsChange{Windows: []workflows.CallWindow{{Calls: 600, Span: time.Minute}}, Reason: "slower"})
			b.update(workflows.UpdatePause, workflows.BudgetChange{Reason: "a pause"})
			b.start(2)
			b.await(func(s workflows.BudgetStatus) bool { return s.State == workflows.BudgetPaused && s.Waiting[2] > 0 })
			b.update(workflows.UpdateResume, workflows.BudgetChange{Reason: "no pause"})
			b.finish()
		}},
		{bot: "st-blocked", name: "blocked", reach: func(b *budgetTest) { b.block() }},
		{bot: "st-unblocked", name: "unblocked", reach: func(b *budgetTest) {
			b.block()
			b.stack.Upstream.SetScope(true)
			b.update(workflows.UpdateResume, workflows.BudgetChange{Reason: "granted"})
			_, err := b.started[0].CheckNow(b.ctx) // It would try again in a minute.
			require.NoError(b.t, err)
			b.await(func(s workflows.BudgetStatus) bool { return s.State == workflows.BudgetOpen })
		}},
		{bot: "st-continued", name: "continued_with_an_offer", carries: `"offers":[{"worker":"replay"`, reach: func(b *budgetTest) {
			b.archive(1)
			b.askUntilContinued()
			b.archive(1)
		}},
		{bot: "st-refused", name: "refused", reach: func(b *budgetTest) {
			require.NoError(b.t, b.stack.Upstream.SetBudget(3, simulator.Unlimited))
			b.t.Cleanup(func() { require.NoError(b.t, b.stack.Upstream.SetBudget(callsPerMinute, simulator.Unlimited)) })
			b.start(5)
			b.await(func(s workflows.BudgetStatus) bool { return s.State == workflows.BudgetStopped })
		}},
		// Slots are offered and taken. (The histories before know only slots that are used.)
		{bot: "st-offered", name: "offered", reach: func(b *budgetTest) { b.archive(3) }},
		{bot: "st-lanes", name: "lanes", fetch: "archived_in_its_lane", reach: func(b *budgetTest) {
			for _, batch := range []string{"july", "august"} {
				b.batch = batch
				b.archive(2)
			}
		}},
		{bot: "st-hurried", name: "hurried", fetch: "checked_now_while_it_waited_for_a_slot", reach: func(b *budgetTest) {
			b.archive(1)
			b.update(workflows.UpdatePause, workflows.BudgetChange{Reason: "a pause"})
			b.start(1)
			require.Eventually(b.t, func() bool { // It may not wait yet.
				hurried, err := b.started[1].CheckNow(b.ctx)
				return err == nil && hurried.EndedWait
			}, 10*time.Second, 100*time.Millisecond)
			b.update(workflows.UpdateResume, workflows.BudgetChange{Reason: "no pause"})
			b.finish()
		}},
		{bot: "st-fast", name: "fast", reach: func(b *budgetTest) {
			b.archive(1)
			b.update(workflows.UpdateSetLimits, workflows.LimitsChange{Windows: []workflows.CallWindow{{Calls: workflows.MaxWindowCalls, Span: time.Minute}}, Reason: "faster than the messages"})
			b.archive(20)
		}},
		// A fast window is used to its limit, and the next slots are waited for.
		{bot: "st-full", name: "fast_and_full", slow: true, reach: func(b *budgetTest) {
			b.archive(1)
			b.update(workflows.UpdateSetLimits, workflows.LimitsChange{Windows: []workflows.CallWindow{{Calls: 210, Span: 10 * time.Second}}, Reason: "it is used to its limit"})
			b.start(240)
			b.await(func(s workflows.BudgetStatus) bool { return s.Slots > 215 })
			b.update(workflows.UpdatePause, workflows.BudgetChange{Reason: "slots are withdrawn"})
			b.update(workflows.UpdateResume, workflows.BudgetChange{Reason: "calls go on"})
			b.finish()
		}},
		{bot: "st-account", name: "account_blocked", slow: true, reach: func(b *budgetTest) {
			b.archive(1)
			sibling := *b
			sibling.bot = "st-sibling"
			sibling.archive(1)
			b.stack.Upstream.SetScope(false)
			b.t.Cleanup(func() { b.stack.Upstream.SetScope(true) })
			sibling.start(3)
			b.start(3)
			b.await(func(s workflows.BudgetStatus) bool { return strings.Contains(s.Reason, "all bots of the account") })
		}},
	}
}

// budgetTest brings one call budget into its state.
type budgetTest struct {
	t       *testing.T
	ctx     context.Context
	stack   *stack.Stack
	client  client.Client
	bot     string
	batch   string // of the fetches that are started
	started []*workflows.FetchRun
}

func (b *budgetTest) start(n int) {
	b.t.Helper()
	for range n {
		id := simulator.NewSessionID(time.Date(2026, 3, 5, 12, 42, 34, 0, time.UTC), uint64(len(b.started)))
		require.NoError(b.t, b.stack.Upstream.AddSession(simulator.Session{BotID: b.bot, SessionID: id, Files: []simulator.File{{Name: "a.wav", Raw: []byte("RIFF\x04\x00\x00\x00WAVE")}}}))
		run, err := workflows.StartFetch(b.ctx, b.client, workflows.FetchRequest{Session: workflows.Session{BotID: b.bot, SessionID: id}, BatchID: b.batch})
		require.NoError(b.t, err)
		b.started = append(b.started, run)
	}
}

func (b *budgetTest) finish() {
	b.t.Helper()
	for _, run := range b.started {
		result, err := run.Result(b.ctx)
		require.NoError(b.t, err)
		require.Equal(b.t, workflows.OutcomeArchived, result.Outcome)
	}
}

func (b *budgetTest) archive(n int) {
	b.t.Helper()
	b.start(n)
	b.finish()
}

func (b *budgetTest) block() {
	b.t.Helper()
	b.stack.Upstream.SetScope(false)
	b.t.Cleanup(func() { b.stack.Upstream.SetScope(true) })
	b.start(3)
	b.await(func(s workflows.BudgetStatus) bool { return s.State == workflows.BudgetBlocked })
}

func (b *budgetTest) update(name string, change any) {
	b.t.Helper()
	handle, err := b.client.UpdateWorkflow(b.ctx, client.UpdateWorkflowOptions{
		WorkflowID: workflows.CallBudgetWorkflowID(b.bot), UpdateName: name, Args: []any{change}, WaitForStage: client.WorkflowUpdateStageCompleted,
	})
	require.NoError(b.t, err)
	require.NoError(b.t, handle.Get(b.ctx, nil))
}

// askUntilContinued asks for slots, and takes each with the next ask, as a worker does,
// until the budget continues as new. The last slot is offered by one run and taken in the
// next.
func (b *budgetTest) askUntilContinued() {
	b.t.Helper()
	const most = 400 // A run takes 250 asks.
	b.update(workflows.UpdateSetLimits, workflows.LimitsChange{Windows: []workflows.CallWindow{{Calls: workflows.MaxWindowCalls, Span: time.Minute}}, Reason: "no ask waits"})
	ask := callbudget.Ask{Worker: "replay", Wants: []callbudget.Want{{BotID: b.bot, Level: callbudget.LastLevel}}, Takes: true, Patience: time.Minute}
	var firstRun string
	var failed error
	for ask.Number = 1; ask.Number <= most; ask.Number++ {
		var answer callbudget.Answer
		handle, err := b.client.UpdateWorkflow(b.ctx, client.UpdateWorkflowOptions{
			WorkflowID: workflows.CallBudgetWorkflowID(b.bot), UpdateName: callbudget.UpdateTakeSlot,
			Args: []any{ask}, WaitForStage: client.WorkflowUpdateStageCompleted,
		})
		if err == nil {
			if firstRun == "" {
				firstRun = handle.RunID()
			}
			if handle.RunID() != firstRun {
				return
			}
			err = handle.Get(b.ctx, &answer)
		}
		ask.Took = time.Time{}
		if answer.Slot != nil {
			ask.Took = answer.Slot.At
		}
		if err != nil { // It may be about to continue.
			failed = err
			time.Sleep(50 * time.Millisecond)
		}
	}
	require.FailNow(b.t, "the budget did not continue as new", "%d asks, the last error: %v", most, failed)
}

func (b *budgetTest) await(condition func(workflows.BudgetStatus) bool) {
	b.t.Helper()
	require.Eventually(b.t, func() bool {
		value, err := b.client.QueryWorkflow(b.ctx, workflows.CallBudgetWorkflowID(b.bot), "", workflows.QueryBudget)
		var status workflows.BudgetStatus
		return err == nil && value.Get(&status) == nil && condition(status)
	}, 90*time.Second, 20*time.Millisecond)
}

func TestTodaysHistoriesOfCallBudgetsReplay(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	s, c := start(ctx, t)
	replayer := sdkworker.NewWorkflowReplayer()
	replayer.RegisterWorkflowWithOptions(callbudget.Workflow, workflow.RegisterOptions{Name: workflows.CallBudgetWorkflowName})
	for _, state := range budgetStates() {
		t.Run(state.name, func(t *testing.T) {
			skipSlow(t, state.slow, "callbudget")
			b := &budgetTest{t: t, ctx: ctx, stack: s, client: c, bot: state.bot}
			state.reach(b)
			if state.fetch != "" {
				last := b.started[len(b.started)-1]
				keep(t, "fetchrecording", state.fetch, export(ctx, t, c, last.WorkflowID(), last.RunID()))
			}
			id := workflows.CallBudgetWorkflowID(state.bot)
			history := export(ctx, t, c, id, "")
			started := history.GetEvents()[0].GetWorkflowExecutionStartedEventAttributes()
			require.Equal(t, state.carries != "", started.GetContinuedExecutionRunId() != "")
			require.Contains(t, string(started.GetInput().GetPayloads()[0].GetData()), state.carries)
			keep(t, "callbudget", state.name, history)
			require.NoError(t, replayer.ReplayWorkflowHistory(nil, history))
			t.Logf("%d events", len(history.GetEvents()))
		})
	}
}
