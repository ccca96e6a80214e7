package callbudget_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/mock"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/workflow"

	"github.com/callvault/callvault/internal/replaytest"
	"github.com/callvault/callvault/workflows"
	"github.com/callvault/callvault/workflows/callbudget"
)

const bot = "st-fd81a2b1-43af-544d-8082-831bc09c0001"

var startTime = time.Date(2026, 3, 5, 12, 0, 0, 0, time.UTC)

// harness runs the workflow with skipped time. What a test does, it does at times
// after the start.
type harness struct {
	t        *testing.T
	env      *testsuite.TestWorkflowEnvironment
	reported int
}

func newHarness(t *testing.T) *harness {
	var suite testsuite.WorkflowTestSuite
	env := suite.NewTestWorkflowEnvironment()
	env.RegisterWorkflowWithOptions(callbudget.Workflow, workflow.RegisterOptions{Name: workflows.CallBudgetWorkflowName})
	env.SetStartTime(startTime)
	return &harness{t: t, env: env}
}

func callWindows(t *testing.T, texts ...string) []workflows.CallWindow {
	var parsed []workflows.CallWindow
	for _, text := range texts {
		w, err := workflows.ParseCallWindow(text)
		require.NoError(t, err)
		parsed = append(parsed, w)
	}
	return parsed
}

// run runs the workflow until the continue-as-new that is suggested after a time, and
// returns the input of the next run.
func (h *harness) run(d time.Duration, limits ...string) callbudget.Input {
	h.t.Helper()
	return h.runInput(d, callbudget.Input{Name: "account", Configured: callWindows(h.t, limits...), ConfiguredAt: startTime})
}

func (h *harness) runInput(d time.Duration, input callbudget.Input) callbudget.Input {
	h.t.Helper()
	h.at(d, func() {
		h.env.SetContinueAsNewSuggested(true)
		h.report(callbudget.CallReport{Result: callbudget.Answered}) // Something has to happen.
	})
	h.env.ExecuteWorkflow(workflows.CallBudgetWorkflowName, input)
	require.True(h.t, h.env.IsWorkflowCompleted())
	var next *workflow.ContinueAsNewError
	require.ErrorAs(h.t, h.env.GetWorkflowError(), &next)
	require.Equal(h.t, workflows.CallBudgetWorkflowName, next.WorkflowType.Name)
	var resumed callbudget.Input
	require.NoError(h.t, converter.GetDefaultDataConverter().FromPayloads(next.Input, &resumed))
	return resumed
}

func (h *harness) at(d time.Duration, do func()) { h.env.RegisterDelayedCallback(do, d) }

// Each report is of another session.
func (h *harness) report(report callbudget.CallReport) {
	h.reported++
	report.SessionID = fmt.Sprint(h.reported)
	h.env.SignalWorkflow(callbudget.SignalReportCall, report)
}

// result is what became of an update.
type result struct {
	accepted bool
	done     bool
	at       time.Time // when it was answered
	answer   callbudget.Answer
	status   workflows.BudgetStatus
	lanes    []callbudget.Lane
	err      error
}

func (h *harness) update(name string, args ...any) *result {
	r := &result{}
	h.env.UpdateWorkflow(name, "", &testsuite.TestUpdateCallback{
		OnAccept: func() { r.accepted = true },
		OnReject: func(err error) { r.done, r.err = true, err },
		OnComplete: func(value any, err error) {
			r.done, r.err, r.at = true, err, h.env.Now()
			switch value := value.(type) {
			case callbudget.Answer:
				r.answer = value
			case workflows.BudgetStatus:
				r.status = value
			case []callbudget.Lane:
				r.lanes = value
			}
		},
	}, args...)
	return r
}

func (h *harness) ask(worker string, level int) *result {
	return h.update(callbudget.UpdateTakeSlot, callbudget.Ask{
		Worker: worker, Wants: []callbudget.Want{{BotID: bot, Level: level}}, Patience: 10 * time.Minute,
		Waiting: map[string]map[int]int{bot: {5: 12}},
	})
}

func (h *harness) change(name, reason string) *result {
	return h.update(name, workflows.BudgetChange{Reason: reason})
}

func (h *harness) status() workflows.BudgetStatus {
	h.t.Helper()
	value, err := h.env.QueryWorkflow(workflows.QueryBudget)
	require.NoError(h.t, err)
	var status workflows.BudgetStatus
	require.NoError(h.t, value.Get(&status))
	return status
}

func (h *harness) details() string {
	h.t.Helper()
	return replaytest.Details(h.t, h.env)
}

func (h *harness) requireSlot(r *result) callbudget.Slot {
	h.t.Helper()
	require.True(h.t, r.done)
	require.NoError(h.t, r.err)
	require.NotNil(h.t, r.answer.Slot)
	require.Equal(h.t, r.answer.Slot.At.Sub(r.at), r.answer.In)
	return *r.answer.Slot
}

func TestIdleBudgetAnswersAtOnce(t *testing.T) {
	h := newHarness(t)
	h.at(time.Minute, func() {
		r := h.ask("w", 8)
		h.at(0, func() {
			slot := h.requireSlot(r)
			require.Equal(t, "account", slot.Budget)
			require.WithinDuration(t, startTime.Add(time.Minute), r.at, 0)
			require.LessOrEqual(t, r.answer.In, 2*time.Second)
			require.Equal(t, callbudget.Want{BotID: bot, Level: 8}, r.answer.Want)
			require.False(t, slot.Probe)
		})
	})
	h.run(2*time.Minute, "60/1m", "1800/1h")
}

func TestAskWaitsUntilItsSlotIsDue(t *testing.T) {
	h := newHarness(t)
	var asks []*result
	h.at(time.Minute, func() {
		for i := range 6 { // Five may be caught up.
			asks = append(asks, h.ask(fmt.Sprint(i), 8))
		}
	})
	h.run(3*time.Minute+5*time.Second, "2/1m")
	var slots []time.Time
	for _, ask := range asks {
		if ask.answer.Slot != nil {
			slots = append(slots, ask.answer.Slot.At)
			require.Less(t, ask.answer.In, 10*time.Second, "no slot is handed out long before its time")
		}
	}
	require.Len(t, slots, 5)
	require.GreaterOrEqual(t, slots[2].Sub(slots[0]), 61*time.Second)
	require.GreaterOrEqual(t, slots[3].Sub(slots[1]), 61*time.Second)
}

func TestSlotOfAKilledWorkerIsHandedOutAgain(t *testing.T) {
	h := newHarness(t)
	var waiting *result
	h.at(time.Minute, func() {
		h.update(callbudget.UpdateTakeSlot, callbudget.Ask{
			Worker: "killed", Wants: []callbudget.Want{{BotID: bot, Level: 8}}, Patience: time.Minute, Takes: true,
		})
	})
	h.at(61*time.Second, func() { waiting = h.ask("alive", 8) })
	h.run(65*time.Second, "1/1m")
	h.requireSlot(waiting)
}

func TestMoreUrgentAskIsServedFirst(t *testing.T) {
	h := newHarness(t)
	var late, urgent *result
	h.at(time.Minute, func() {
		h.ask("a", 8)
		h.ask("b", 8)
		late = h.ask("c", 8)
	})
	h.at(61*time.Second, func() { urgent = h.ask("d", 2) })
	h.run(4*time.Minute, "2/1m")
	require.True(t, h.requireSlot(urgent).At.Before(h.requireSlot(late).At))
}

func TestSeventhAskGivesWayToABetterOne(t *testing.T) {
	h := newHarness(t)
	h.at(time.Second, func() { h.change(workflows.UpdatePause, "so that all wait") })
	h.at(2*time.Second, func() {
		var waiting []*result
		for i := range 7 {
			waiting = append(waiting, h.ask(fmt.Sprint(i), 8))
		}
		busy, better := h.ask("no better", 8), h.ask("better", 7)
		h.at(0, func() {
			require.False(t, busy.accepted)
			var rejected *temporal.ApplicationError
			require.ErrorAs(t, busy.err, &rejected)
			require.Equal(t, callbudget.ErrorTypeBusy, rejected.Type())
			require.True(t, better.accepted)
			require.False(t, better.done)
			require.Equal(t, callbudget.Answer{}, waiting[6].answer)
			require.True(t, waiting[6].done)
			require.False(t, waiting[0].done)
		})
	})
	h.run(30*time.Second, "60/1m")
}

func TestLaterAskReplacesTheEarlierOne(t *testing.T) {
	h := newHarness(t)
	h.at(time.Second, func() { h.change(workflows.UpdatePause, "so that all wait") })
	h.at(2*time.Second, func() {
		first, second := h.ask("w", 8), h.ask("w", 10)
		h.at(0, func() {
			require.True(t, first.done)
			require.Nil(t, first.answer.Slot)
			require.False(t, second.done)
		})
	})
	h.run(30*time.Second, "60/1m")
}

func TestAskWithoutAWorkerIsRejected(t *testing.T) {
	h := newHarness(t)
	h.at(time.Second, func() {
		r := h.ask("", 8)
		h.at(0, func() { require.ErrorContains(t, r.err, "an ask needs a worker") })
	})
	h.run(time.Minute, "60/1m")
}

func TestPauseStopsAllCallsAndResumeLetsThemGoOn(t *testing.T) {
	h := newHarness(t)
	var under, waiting, resumed *result
	h.at(time.Minute, func() { under = h.ask("a", 8) })
	h.at(time.Minute+time.Millisecond, func() {
		paused := h.change(workflows.UpdatePause, "the vendor asked for it")
		h.at(0, func() {
			require.Equal(t, workflows.BudgetPaused, paused.status.State)
			require.Equal(t, "the vendor asked for it", paused.status.Reason)
			require.Equal(t, paused.status.Since, startTime.Add(time.Minute+time.Millisecond))
		})
	})
	h.at(2*time.Minute, func() {
		waiting = h.ask("b", 1)
		h.change(workflows.UpdatePause, "still")
	})
	h.at(2*time.Minute+time.Second, func() {
		require.True(t, waiting.done, "so that its worker learns what is withdrawn")
		require.Nil(t, waiting.answer.Slot)
		require.Equal(t, under.answer.Slot.At, waiting.answer.VoidThrough)
		require.Equal(t, startTime.Add(time.Minute+time.Millisecond), h.status().Since, "it is paused since then")
		require.Equal(t, "still", h.status().Reason)
		waiting = h.ask("b", 1)
		require.Contains(t, h.details(), "### Paused: still")
	})
	h.at(3*time.Minute, func() {
		require.False(t, waiting.done)
		r := h.change(workflows.UpdateResume, "done")
		h.at(0, func() { require.Equal(t, workflows.BudgetOpen, r.status.State) })
		resumed = h.ask("c", 8)
	})
	h.run(4*time.Minute, "60/1m")
	h.requireSlot(resumed)
}

// A slow pace does not last longer than its limits.
func TestRaisedLimitsHoldAtOnce(t *testing.T) {
	h := newHarness(t)
	var waiting *result
	h.at(time.Minute, func() { h.ask("w", 8) })
	h.at(3*time.Minute, func() {
		h.update(workflows.UpdateSetLimits, workflows.LimitsChange{Windows: callWindows(t, "60/1m"), Reason: "more"})
		waiting = h.ask("w", 8)
	})
	h.run(3*time.Minute+10*time.Second, "1/24h")
	h.requireSlot(waiting)
}

func TestChangesNeedAReason(t *testing.T) {
	h := newHarness(t)
	h.at(time.Second, func() {
		for _, name := range []string{workflows.UpdatePause, workflows.UpdateResume} {
			r := h.change(name, " ")
			h.at(0, func() { require.ErrorContains(t, r.err, "reason is empty", name) })
		}
		r := h.update(workflows.UpdateSetLimits, workflows.LimitsChange{Windows: []workflows.CallWindow{{Calls: 0, Span: time.Minute}}})
		h.at(0, func() {
			require.ErrorContains(t, r.err, "reason is empty")
			require.ErrorContains(t, r.err, "0/1m")
		})
	})
	h.at(2*time.Second, func() { require.Empty(t, h.status().Changes) })
	h.run(time.Minute, "60/1m")
}

func TestLimitsAreSetAndTakenBack(t *testing.T) {
	h := newHarness(t)
	limits := func(status workflows.BudgetStatus) (all []string) {
		for _, w := range status.Windows {
			all = append(all, w.Limit.String())
		}
		return all
	}
	h.at(time.Minute, func() {
		r := h.ask("a", 8)
		h.at(time.Second, func() {
			h.report(callbudget.CallReport{BotID: bot, Slot: *r.answer.Slot, Result: callbudget.Refused, Span: 2 * time.Hour})
		})
	})
	h.at(2*time.Minute, func() {
		require.Equal(t, []string{"60/1m", "1800/1h", "0/2h"}, limits(h.status()))
		require.Equal(t, workflows.BudgetStopped, h.status().State)
		r := h.update(workflows.UpdateSetLimits, workflows.LimitsChange{Windows: callWindows(t, "100/1h", "10/1m"), Reason: "less *for now*"})
		h.at(0, func() {
			require.Equal(t, []string{"10/1m", "100/1h"}, limits(r.status), "what was learned is forgotten")
			require.Equal(t, "less *for now*", r.status.LimitsReason)
			require.Equal(t, workflows.BudgetOpen, r.status.State, "whoever sets limits knows better")
			require.Contains(t, h.details(), `less \*for now\*`)
		})
	})
	h.at(3*time.Minute, func() {
		r := h.update(workflows.UpdateSetLimits, workflows.LimitsChange{Reason: "back"})
		h.at(0, func() {
			require.Equal(t, []string{"60/1m", "1800/1h"}, limits(r.status))
			require.Empty(t, r.status.LimitsReason)
			require.Contains(t, r.status.Changes[0].Text, "back")
		})
	})
	h.run(4*time.Minute, "60/1m", "1800/1h")
}

func TestQueryTellsWhatIsKnown(t *testing.T) {
	h := newHarness(t)
	h.at(time.Minute, func() { h.ask("a", 8) })
	h.at(2*time.Minute, func() {
		status := h.status()
		require.Equal(t, "account", status.Budget)
		require.Equal(t, workflows.BudgetOpen, status.State)
		require.Equal(t, map[int]int{5: 12}, status.Waiting)
		require.Equal(t, 1, status.Slots)
		require.Equal(t, 1, status.Windows[1].Used)
		require.Equal(t, startTime.Add(2*time.Minute), status.AsOf)
		require.WithinDuration(t, startTime.Add(time.Minute), status.LastSlotAt, time.Second)
		require.Contains(t, h.details(), "### Handing out call slots")
		require.Contains(t, h.details(), "of 60 calls used in the last 1m")
		require.Contains(t, h.details(), "- Waiting for a slot: 12 of priority 5")
	})
	h.run(3*time.Minute, "60/1m", "1800/1h")
}

func TestBatchesGetLanesAtOnce(t *testing.T) {
	h := newHarness(t)
	laneFor := func(batch string) *result {
		return h.update(callbudget.UpdateAssignLane, callbudget.LaneRequest{BotID: bot, Lane: callbudget.Lane{Batch: batch, Level: 8}})
	}
	var first, second, bad *result
	h.at(time.Minute, func() { first, second, bad = laneFor("july"), laneFor("august"), laneFor("") })
	h.at(2*time.Minute, func() {
		h.update(callbudget.UpdateTakeSlot, callbudget.Ask{
			Worker: "a", Wants: []callbudget.Want{{BotID: bot, Level: 8, Batch: "july"}}, Patience: time.Minute,
			Waiting: map[string]map[int]int{bot: {2: 1}}, WaitingInLanes: map[string][]int{bot: {0, 30}},
		})
	})
	h.at(3*time.Minute, func() {
		require.Equal(t, map[int]int{2: 1, 4: 29}, h.status().Waiting, "the lane is of priority 4, and one of them got a slot")
	})
	resumed := h.run(4*time.Minute, "60/1m")
	july, august := callbudget.Lane{Batch: "july", Level: 8}, callbudget.Lane{Batch: "august", Level: 8}
	require.Equal(t, []callbudget.Lane{july}, first.lanes)
	require.Equal(t, []callbudget.Lane{july, august}, second.lanes)
	require.WithinDuration(t, startTime.Add(time.Minute), second.at, 0)
	require.ErrorContains(t, bad.err, "a lane is asked for by bot, batch and level")
	require.Len(t, resumed.Resume.Lanes[bot], 2)
}

func TestRefusalStopsCallsAndWithdrawsSlots(t *testing.T) {
	h := newHarness(t)
	var first, next *result
	h.at(time.Minute, func() { first = h.ask("a", 8) })
	h.at(61*time.Second, func() {
		h.report(callbudget.CallReport{BotID: bot, Slot: *first.answer.Slot, Result: callbudget.Refused, Span: time.Minute, RetryAfter: 90 * time.Second})
	})
	h.at(62*time.Second, func() {
		require.Equal(t, workflows.BudgetStopped, h.status().State)
		require.Equal(t, startTime.Add(151*time.Second), h.status().Until)
		require.Equal(t, 1, h.status().Refusals)
		require.Contains(t, h.details(), "### Stopped until 2026-03-05T12:02:31Z: the vendor refused a call by rate")
	})
	h.at(2*time.Minute, func() { next = h.ask("b", 1) })
	h.run(4*time.Minute, "60/1m")
	slot := h.requireSlot(next)
	require.False(t, slot.At.Before(startTime.Add(151*time.Second)))
	require.Equal(t, first.answer.Slot.At, next.answer.VoidThrough)
}

func TestBlockedBudgetIsFoundByItsPhase(t *testing.T) {
	h := newHarness(t)
	var phases []string
	h.env.OnUpsertTypedSearchAttributes(mock.Anything).Run(func(args mock.Arguments) {
		phase, ok := args.Get(0).(temporal.SearchAttributes).GetKeyword(workflows.SearchAttributePhase)
		phases = append(phases, fmt.Sprint(phase, " ", ok))
	}).Return(nil)
	blocked := callbudget.CallReport{BotID: bot, Result: callbudget.Blocked, Reason: "scope\r\n# missing [x](y) <b> `c`"}
	var probe *result
	h.at(time.Minute, func() { h.report(blocked); h.report(blocked) })
	h.at(61*time.Second, func() {
		require.Equal(t, workflows.BudgetBlocked, h.status().State)
		require.Contains(t, h.status().Reason, "1 of the budget's bots")
		require.Contains(t, h.details(), "### Blocked: needs operator action: scope  # missing \\[x](y) &lt;b> 'c'")
		for _, line := range strings.Split(h.details(), "\n")[1:] {
			require.True(t, line == "" || strings.HasPrefix(line, "- "), line)
		}
		probe = h.ask("a", 8)
	})
	h.at(2*time.Minute, func() {
		slot := h.requireSlot(probe)
		require.True(t, slot.Probe)
		require.GreaterOrEqual(t, slot.At.Sub(startTime), 90*time.Second)
		h.report(callbudget.CallReport{BotID: bot, Slot: slot, Result: callbudget.Answered})
	})
	h.at(121*time.Second, func() { require.Equal(t, workflows.BudgetOpen, h.status().State) })
	h.run(3*time.Minute, "60/1m")
	require.Equal(t, []string{"blocked true", " false"}, phases)
}

func TestResumeTriesBlockedBotsAtOnce(t *testing.T) {
	h := newHarness(t)
	blocked := callbudget.CallReport{BotID: bot, Result: callbudget.Blocked, Reason: "scope"}
	var probe *result
	h.at(time.Minute, func() { h.report(blocked); h.report(blocked) })
	h.at(61*time.Second, func() {
		probe = h.ask("a", 8)
		h.change(workflows.UpdateResume, "granted")
	})
	h.run(2*time.Minute, "60/1m")
	require.Less(t, h.requireSlot(probe).At.Sub(startTime), 63*time.Second)
}

func TestNextRunKnowsWhatTheLastOneKnew(t *testing.T) {
	h := newHarness(t)
	var waiting []*result
	h.at(time.Second, func() {
		for i := range 7 {
			h.ask(fmt.Sprint("early ", i), 8)
		}
	})
	h.at(40*time.Second, func() {
		h.change(workflows.UpdatePause, "audit")
		for i := range 3 {
			waiting = append(waiting, h.ask(fmt.Sprint(i), 8))
		}
	})
	next := h.run(50*time.Second, "2/1m")
	for _, ask := range waiting {
		require.True(t, ask.done, "each ask is answered before the run ends")
		require.NoError(t, ask.err)
		require.Nil(t, ask.answer.Slot)
	}
	require.Equal(t, "account", next.Name)
	require.NotNil(t, next.Resume)

	h2 := newHarness(t)
	h2.env.SetStartTime(startTime.Add(51 * time.Second))
	var resumed *result
	h2.at(time.Second, func() {
		require.Equal(t, workflows.BudgetPaused, h2.status().State)
		require.Equal(t, 2, h2.status().Windows[0].Used)
		h2.change(workflows.UpdateResume, "done")
		resumed = h2.ask("w", 1)
	})
	h2.runInput(2*time.Minute, next)
	require.GreaterOrEqual(t, h2.requireSlot(resumed).At.Sub(startTime), 61*time.Second, "the window is carried along")
}

func TestBlockedPhaseIsCarriedAlong(t *testing.T) {
	h := newHarness(t)
	blocked := callbudget.CallReport{BotID: bot, Result: callbudget.Blocked, Reason: "scope"}
	h.at(time.Second, func() { h.report(blocked); h.report(blocked) })
	next := h.run(time.Minute, "60/1m")

	h2 := newHarness(t)
	h2.env.SetStartTime(startTime.Add(2 * time.Minute))
	h2.env.OnUpsertTypedSearchAttributes(mock.Anything).Return(nil)
	h2.at(time.Second, func() {
		h2.env.AssertWorkflowNotCalled(t, "workflow.UpsertTypedSearchAttributes", mock.Anything)
		h2.report(callbudget.CallReport{BotID: bot, Result: callbudget.Answered, Slot: callbudget.Slot{Probe: true}})
	})
	h2.runInput(time.Minute, next)
	h2.env.AssertWorkflowNumberOfCalls(t, "workflow.UpsertTypedSearchAttributes", 1)
}

func TestReportThatComesAsTheRunEndsIsNotLost(t *testing.T) {
	h := newHarness(t)
	h.at(time.Second, func() { h.ask("a", 8) })
	h.at(time.Minute, func() {
		h.env.SetContinueAsNewSuggested(true)
		h.env.SignalWorkflowSkippingWorkflowTask(callbudget.SignalReportCall, callbudget.CallReport{BotID: bot, Slot: callbudget.Slot{At: startTime.Add(2 * time.Second)}, Result: callbudget.Refused, Span: time.Minute})
		h.ask("b", 8)
	})
	next := h.run(2*time.Minute, "60/1m")
	require.Equal(t, 1, next.Resume.Refusals)
}

func TestRunEndsInTime(t *testing.T) {
	for name, prepare := range map[string]func(*harness){
		"because the server suggests it": func(h *harness) { h.env.SetContinueAsNewSuggested(true) },
		"because its history is long":    func(h *harness) { h.env.SetCurrentHistoryLength(8_001) },
	} {
		h := newHarness(t)
		h.at(time.Minute, func() { prepare(h); h.ask("a", 8) })
		h.env.ExecuteWorkflow(workflows.CallBudgetWorkflowName, callbudget.Input{Name: "account", Configured: callWindows(t, "60/1m"), ConfiguredAt: startTime})
		var next *workflow.ContinueAsNewError
		require.ErrorAs(t, h.env.GetWorkflowError(), &next, name)
		require.Less(t, h.env.Now().Sub(startTime), 2*time.Minute)
	}
}

// A run keeps its rules, so that its history replays; the next one has the current ones.
func TestNextRunDecidesByTheCurrentRules(t *testing.T) {
	h := newHarness(t)
	h.at(time.Minute, func() { h.env.SetContinueAsNewSuggested(true); h.ask("a", 8) })
	h.env.ExecuteWorkflow(workflows.CallBudgetWorkflowName, callbudget.Input{Name: "account", Configured: callWindows(t, "6000/1m"), ConfiguredAt: startTime})
	var next *workflow.ContinueAsNewError
	require.ErrorAs(t, h.env.GetWorkflowError(), &next)
	var input callbudget.Input
	require.NoError(t, converter.GetDefaultDataConverter().FromPayloads(next.Input, &input))
	require.Equal(t, callbudget.CurrentRules, input.Resume.Rules)
}

// Otherwise two workers would decide differently in one run.
func TestRunWithNewerRulesIsLeftToOtherWorkers(t *testing.T) {
	for name, input := range map[string]callbudget.Input{
		"a first run":   {Name: "account", Configured: callWindows(t, "60/1m"), ConfiguredAt: startTime, Rules: callbudget.CurrentRules + 1},
		"a further run": {Name: "account", Resume: &callbudget.State{Name: "account", Rules: callbudget.CurrentRules + 1}},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHarness(t)
			h.env.ExecuteWorkflow(workflows.CallBudgetWorkflowName, input)
			var panicked *temporal.PanicError // A worker reports it as a failed workflow task, which is tried again.
			require.ErrorAs(t, h.env.GetWorkflowError(), &panicked)
			require.Contains(t, panicked.Error(), "upgrade it")
		})
	}
}

// A Temporal server takes 2,000 updates of one run.
func TestRunEndsBeforeTheServerRefusesItsUpdates(t *testing.T) {
	h := newHarness(t)
	asks := 0
	var again func()
	again = func() {
		asks++
		h.ask("w", 8)
		h.at(time.Second, again)
	}
	h.at(time.Second, again)
	h.env.ExecuteWorkflow(workflows.CallBudgetWorkflowName, callbudget.Input{Name: "account", Configured: callWindows(t, "60/1m"), ConfiguredAt: startTime})
	var next *workflow.ContinueAsNewError
	require.ErrorAs(t, h.env.GetWorkflowError(), &next)
	require.InDelta(t, 250, asks, 2)
}

func TestBudgetWithoutWindowsIsRefused(t *testing.T) {
	for _, input := range []callbudget.Input{
		{Name: "account"},
		{Configured: []workflows.CallWindow{{Calls: 1, Span: time.Minute}}},
		{Name: "account", Configured: []workflows.CallWindow{{Calls: 0, Span: time.Minute}}},
	} {
		h := newHarness(t)
		h.env.ExecuteWorkflow(workflows.CallBudgetWorkflowName, input)
		var failed *temporal.ApplicationError
		require.True(t, errors.As(h.env.GetWorkflowError(), &failed))
		require.Equal(t, workflows.ErrorTypeInvalidInput, failed.Type())
		require.True(t, failed.NonRetryable())
	}
}

func TestStartOptionsNameTheOneBudget(t *testing.T) {
	options := callbudget.StartOptions(bot)
	require.Equal(t, "call-budget/"+bot, options.ID)
	require.Equal(t, workflows.CallBudgetTaskQueue, options.TaskQueue)
	value, ok := options.TypedSearchAttributes.GetKeyword(workflows.SearchAttributeBot)
	require.True(t, ok)
	require.Equal(t, bot, value)
	require.Zero(t, callbudget.StartOptions("account").TypedSearchAttributes.Size())
}

func TestMessagesKeepTheirForm(t *testing.T) {
	body, err := json.Marshal(callbudget.Ask{Worker: "w", Wants: []callbudget.Want{{BotID: "st-1", Level: 2, Batch: "b"}}, Patience: time.Second,
		Configured: []workflows.CallWindow{{Calls: 60, Span: time.Minute}}, ConfiguredAt: startTime})
	require.NoError(t, err)
	require.JSONEq(t, `{"worker":"w","wants":[{"bot":"st-1","level":2,"batch":"b"}],"patience":1000000000,"configured":["60/1m"],"configuredAt":"2026-03-05T12:00:00Z"}`, string(body))
	body, err = json.Marshal(callbudget.Answer{})
	require.NoError(t, err)
	require.JSONEq(t, `{}`, string(body))
}
