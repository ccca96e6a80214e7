package callbudget

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/callvault/callvault/workflows"
	"github.com/stretchr/testify/require"
)

const (
	manyBots = 50
	outage   = time.Hour
)

// account are the budgets of an account.
type account struct{ budgets []*simulation }

func botNamed(i int) string { return fmt.Sprintf("st-%d", i) }

// add adds a budget of one bot.
func (a *account) add(t *testing.T, seed uint64, botID string, phase time.Duration) {
	s := simulate(t, seed, newVendor("60/1m", "1800/1h"), "60/1m", "1800/1h")
	s.budget.state.Name = botID
	s.budget.state.Line = s.budget.state.Line.Add(phase) // The budgets are not in step.
	s.worker(Want{BotID: botID, Level: LastLevel})
	a.budgets = append(a.budgets, s)
}

// join has the budgets share the time, and hear of each other.
func (a *account) join() {
	for i, s := range a.budgets {
		if i > 0 {
			for _, e := range s.events {
				a.budgets[0].at(e.at, e.do)
			}
			s.timeline = a.budgets[0].timeline
		}
		for _, other := range a.budgets {
			if other != s {
				s.siblings = append(s.siblings, other)
			}
		}
	}
}

// budgetEach are many bots with a budget each.
func budgetEach(t *testing.T, seed uint64) *account {
	a := &account{}
	for i := range manyBots {
		a.add(t, seed+uint64(i), botNamed(i), time.Duration(i)*2*time.Second/manyBots)
	}
	a.join()
	return a
}

// oneBudget are many bots that share one.
func oneBudget(t *testing.T, seed uint64) *account {
	s := simulate(t, seed, newVendor("60/1m", "1800/1h"), "60/1m", "1800/1h")
	for range 3 {
		var wants []Want
		for i := range manyBots {
			wants = append(wants, Want{BotID: botNamed(i), Level: LastLevel, Batch: botNamed(i)})
		}
		s.worker(wants...)
	}
	return &account{budgets: []*simulation{s}}
}

func (a *account) run(d time.Duration) { a.budgets[0].run(d) }

// fail has the calls of some bots fail from now on.
func (a *account) fail(which func(botID string) bool) {
	for _, s := range a.budgets {
		s.fails = which
	}
}

func all(string) bool  { return true }
func none(string) bool { return false }

// failed counts the calls that failed since a time.
func (a *account) failed(since time.Time) (count int) {
	for _, s := range a.budgets {
		for _, c := range s.calls {
			if c.failed && !c.at.Before(since) {
				count++
			}
		}
	}
	return count
}

func (a *account) accepted(since time.Time) (count int) {
	for _, s := range a.budgets {
		count += len(s.accepted(since))
	}
	return count
}

func TestWrongSecretIsLearnedByTheAccountNotByEachBot(t *testing.T) {
	for name, c := range map[string]struct {
		open func(*testing.T, uint64) *account

		// atFirst bounds the calls in the first half minute. Budgets of their own have
		// calls under way, and hear of each other later.
		atFirst, inAll int
	}{
		"one budget":    {oneBudget, 6, 35},
		"a budget each": {budgetEach, 50, 110},
	} {
		t.Run(name, func(t *testing.T) {
			a := c.open(t, 21)
			a.fail(none)
			a.run(10 * time.Minute)
			began := a.budgets[0].now
			a.fail(all)
			a.run(30 * time.Second)
			t.Logf("%d calls at first", a.failed(began))
			require.LessOrEqual(t, a.failed(began), c.atFirst)
			a.run(outage)
			t.Logf("%d calls in an hour", a.failed(began))
			require.LessOrEqual(t, a.failed(began), c.inAll)
			for _, s := range a.budgets {
				require.True(t, s.budget.state.isBlocked())
				require.Contains(t, s.budget.status(s.now).Reason, "(all bots of the account)")
			}

			a.fail(none)
			fixed := a.budgets[0].now
			a.run(lastBlockWait + 2*time.Minute)
			require.LessOrEqual(t, a.failed(began), c.inAll)
			for _, s := range a.budgets {
				require.False(t, s.budget.state.isBlocked())
				require.NotEmpty(t, s.accepted(fixed))
				require.Empty(t, s.budget.state.Blocks)
			}
		})
	}
}

// A bot id with a typing mistake is refused like wrong credentials.
func TestBotsThatAreWrongAloneHoldBackNoOther(t *testing.T) {
	for name, open := range map[string]func(*testing.T, uint64) *account{"one budget": oneBudget, "a budget each": budgetEach} {
		t.Run(name, func(t *testing.T) {
			undisturbed, a := open(t, 22), open(t, 22)
			for _, each := range []*account{undisturbed, a} {
				each.fail(none)
				each.run(5 * time.Minute)
			}
			since := a.budgets[0].now
			a.fail(func(botID string) bool { return botID == botNamed(1) || botID == botNamed(2) })
			for _, each := range []*account{undisturbed, a} {
				each.run(20 * time.Minute)
			}
			t.Logf("%d calls, %d without the two", a.accepted(since), undisturbed.accepted(since))
			require.Greater(t, float64(a.accepted(since)), 0.92*float64(undisturbed.accepted(since)))
			require.Less(t, a.failed(since), 40)
		})
	}
}

// failing reports a call that needs operator action to a budget.
func (b *budget) failing(botID, why string, slot Slot, elsewhere bool, now time.Time) {
	if slot.At.IsZero() {
		slot.At = now
	}
	b.takeReport(CallReport{BotID: botID, SessionID: nextSession(), Slot: slot, Result: Blocked, Reason: why, Elsewhere: elsewhere}, now)
}

func TestOnlyTwoBotsWithOneReasonLatelyBlockTheAccount(t *testing.T) {
	later := start.Add(alikeWithin)
	for name, c := range map[string]struct {
		second    func(*budget)
		isBlocked bool
	}{
		"another bot":                    {func(b *budget) { b.failing("b", reason, Slot{}, false, start.Add(time.Second)) }, true},
		"another bot of another budget":  {func(b *budget) { b.failing("b", reason, Slot{}, true, start.Add(time.Second)) }, true},
		"the same bot":                   {func(b *budget) { b.failing("a", reason, Slot{}, false, start.Add(time.Second)) }, false},
		"for another reason":             {func(b *budget) { b.failing("b", "another", Slot{}, false, start.Add(time.Second)) }, false},
		"long after":                     {func(b *budget) { b.failing("b", reason, Slot{}, false, later) }, false},
		"another failure of a blocked":   {func(b *budget) { b.failing("b", reason, Slot{Probe: true}, false, start.Add(time.Second)) }, false},
		"a probe for the account failed": {func(b *budget) { b.failing("b", "another", Slot{Probe: true, ForAccount: true}, true, later) }, true},
	} {
		t.Run(name, func(t *testing.T) {
			b := testBudget("60/1m")
			b.failing("a", reason, Slot{}, false, start)
			require.Nil(t, b.state.Account)
			c.second(b)
			require.Equal(t, c.isBlocked, b.state.Account != nil)
			_, blocked := b.state.probeDue(Want{BotID: "c"})
			require.Equal(t, c.isBlocked, blocked)
			require.Equal(t, strings.HasPrefix(name, "a probe"), b.state.Account != nil && b.state.Account.isSure(), "a third call makes sure, or a probe that others made for that")
		})
	}
}

func TestCallThatWasUnderWayWhenTheAccountWasFreeAgainTellsNothing(t *testing.T) {
	b := testBudget("60/1m")
	under := Slot{At: start.Add(2 * time.Second)}
	b.failing("a", reason, Slot{}, false, start)
	b.failing("b", reason, Slot{}, false, start.Add(time.Second))
	require.NotNil(t, b.state.Account)
	b.takeReport(CallReport{BotID: "c", SessionID: "1", Slot: Slot{Probe: true, ForAccount: true}, Result: Answered}, start.Add(3*time.Second))
	require.Nil(t, b.state.Account)
	b.failing("d", reason, under, true, start.Add(4*time.Second))
	b.failing("e", reason, under, true, start.Add(4*time.Second))
	require.Nil(t, b.state.Account)
	b.failing("d", reason, Slot{}, true, start.Add(5*time.Second))
	require.Nil(t, b.state.Account, "what failed before tells nothing")
	at, _ := b.state.probeDue(Want{BotID: "a"})
	require.Equal(t, start.Add(3*time.Second), at, "it is tried at once")
	b.failing("e", reason, Slot{}, true, start.Add(5*time.Second))
	require.NotNil(t, b.state.Account)
}

func TestBotThatDidNotFailYetProbesTheAccount(t *testing.T) {
	b := testBudget("60/1m")
	b.failing("a", reason, Slot{}, false, start)
	b.failing("b", reason, Slot{}, false, start)
	waiting := b.enter(Ask{Worker: "w", Patience: time.Minute, Wants: []Want{{BotID: "a", Level: 1}, {BotID: "c", Level: 8}}}, start)
	b.answerDue(start)
	require.Equal(t, "c", waiting.answer.Want.BotID)
	require.True(t, waiting.answer.Slot.ForAccount)
	next := b.enter(Ask{Worker: "w", Patience: time.Minute, Wants: []Want{{BotID: "d", Level: 8}}}, start)
	b.answerDue(start)
	require.Nil(t, next.answer, "one probe at a time")
	b.failing("c", reason, *waiting.answer.Slot, false, start.Add(time.Second))
	at, _ := b.state.probeDue(Want{BotID: "d"})
	require.Equal(t, start.Add(time.Second+firstBlockWait), at)
	require.Equal(t, workflows.BudgetBlocked, b.status(start).State)
	require.Equal(t, start, b.status(start).Since)
}

// The bots of some budgets may be wrong alone, and probe first each time.
func TestHealthyBotIsNotPutOffForLongByBrokenOnes(t *testing.T) {
	for names := range 10 {
		a := &account{}
		for i := range 3 {
			a.add(t, uint64(names), botNamed(3*names+i), time.Duration(i)*time.Second)
		}
		a.join()
		healthy := a.budgets[0]
		a.fail(none)
		a.run(time.Minute)
		began := healthy.now
		a.fail(func(botID string) bool { return botID != healthy.budget.state.Name })
		a.run(5 * time.Minute)
		require.Greater(t, len(healthy.accepted(began)), 60, healthy.budget.state.Name)
		require.False(t, healthy.budget.state.isBlocked())
		require.True(t, a.budgets[1].budget.state.isBlocked())
	}
}

func TestProbeOfABotTellsNothingOfTheAccount(t *testing.T) {
	b := testBudget("60/1m")
	b.failing("a", reason, Slot{}, false, start)
	probe := Slot{At: start.Add(time.Millisecond), Probe: true}
	b.failing("b", reason, Slot{}, false, start.Add(time.Second))
	b.failing("c", reason, Slot{Probe: true, ForAccount: true}, false, start.Add(2*time.Second))
	before := b.state.Account.ProbeAt
	for _, result := range []CallResult{Late, Unused, Unknown} {
		b.takeReport(CallReport{BotID: "a", Slot: probe, Result: result}, start.Add(3*time.Second))
		require.Equal(t, before, b.state.Account.ProbeAt, result)
	}
	b.takeReport(CallReport{BotID: "a", Slot: probe, Result: Answered}, start.Add(3*time.Second))
	require.NotNil(t, b.state.Account, "it was made before the last one failed")
}

// Many people may ask for a check of many fetches.
func TestCallsSentToTheFrontProbeTheAccountOneAfterAnother(t *testing.T) {
	for _, elsewhere := range []bool{false, true} {
		b := testBudget("60/1m")
		b.failing("a", reason, Slot{}, elsewhere, start)
		b.failing("b", reason, Slot{}, false, start)
		now, probes := start, 0
		for now.Before(start.Add(10 * time.Minute)) {
			at, _ := b.state.probeDue(Want{BotID: "b", Level: FrontLevel, Front: true})
			now = latest(now.Add(500*time.Millisecond), at)
			b.failing("b", reason, Slot{At: now, Probe: true, ForAccount: true}, false, now)
			probes++
		}
		require.LessOrEqual(t, probes, int(10*time.Minute/frontWait)+1)
	}
}

// Two bots of a shared budget may be wrong alone.
func TestHealthyBotThatComesLateIsTriedSoon(t *testing.T) {
	b := testBudget("60/1m")
	b.failing("a", reason, Slot{}, false, start)
	b.failing("b", reason, Slot{}, false, start)
	now := start
	for range 10 {
		now = now.Add(lastBlockWait)
		b.failing("a", reason, Slot{At: now, Probe: true, ForAccount: true}, false, now)
	}
	at, _ := b.state.probeDue(Want{BotID: "a"})
	require.Equal(t, now.Add(lastBlockWait), at)
	at, _ = b.state.probeDue(Want{BotID: "healthy"})
	require.Equal(t, now.Add(lastBlockWait/ownShare), at)
}

func TestAccountIsProbedAfterTheLongestWaitAtLatest(t *testing.T) {
	for i := range 100 {
		b := testBudget("60/1m")
		b.state.Name = botNamed(i)
		now := start
		for range 12 {
			b.failing("a", reason, Slot{At: now, Probe: true, ForAccount: true}, true, now)
			b.failing(b.state.Name, reason, Slot{At: now, Probe: true, ForAccount: true}, false, now)
			require.LessOrEqual(t, b.state.Account.ProbeAt.Sub(now), lastBlockWait)
			now = now.Add(lastBlockWait)
		}
		require.GreaterOrEqual(t, b.state.Account.ProbeAt.Sub(now), -lastBlockWait/2)
	}
}

func TestReasonsAreBounded(t *testing.T) {
	b := testBudget("60/1m")
	b.failing("a", strings.Repeat("ä", 10_000), Slot{}, false, start)
	require.Len(t, b.state.Blocks["a"].Reason, maxReasonBytes)
}

func TestProbesThatFailAtOnceCountOnce(t *testing.T) {
	b := testBudget("60/1m")
	b.failing("a", reason, Slot{}, true, start)
	b.failing("b", reason, Slot{}, true, start)
	for i := range 5 {
		b.failing(botNamed(i), reason, Slot{Probe: true, ForAccount: true}, true, start.Add(time.Duration(i)*time.Second))
	}
	require.Equal(t, 2, b.state.Account.Failures)
	require.Less(t, b.state.Account.ProbeAt, start.Add(2*firstBlockWait))
	require.False(t, b.state.Account.ProbeAt.Before(start.Add(firstBlockWait/2)))
}

func TestProbeThatFailsJustAfterAnotherBudgetsIsOver(t *testing.T) {
	b := testBudget("60/1m")
	b.failing("a", reason, Slot{}, true, start)
	b.failing("b", reason, Slot{}, true, start)
	b.failing("c", reason, Slot{Probe: true, ForAccount: true}, true, start)
	b.state.Probing = start
	b.failing("d", reason, Slot{Probe: true, ForAccount: true}, true, start.Add(time.Second))
	require.NotZero(t, b.state.Probing, "another budget's")
	b.failing("e", reason, Slot{Probe: true, ForAccount: true}, false, start.Add(time.Second))
	require.Zero(t, b.state.Probing)
}

func TestFailuresElsewhereAreForgotten(t *testing.T) {
	b := testBudget("60/1m")
	for i := range 10 {
		b.failing(botNamed(i), fmt.Sprint("reason ", i), Slot{}, true, start.Add(time.Duration(i)*alikeWithin/2))
	}
	require.Len(t, b.state.Elsewhere, 2)
}

func TestResumeProbesTheAccountAtOnce(t *testing.T) {
	b := testBudget("60/1m")
	b.failing("a", reason, Slot{}, false, start)
	b.failing("b", reason, Slot{}, false, start)
	b.failing("c", reason, Slot{Probe: true, ForAccount: true}, false, start)
	b.state.probeAll(start.Add(time.Second))
	at, _ := b.state.probeDue(Want{BotID: "d"})
	require.Equal(t, start.Add(time.Second), at)
}

func TestProbeOfTheAccountThatTellsNothingIsRepeated(t *testing.T) {
	for result, wait := range map[CallResult]time.Duration{Unused: 0, Late: 0, Unknown: firstBlockWait} {
		b := testBudget("60/1m")
		b.failing("a", reason, Slot{}, false, start)
		b.failing("b", reason, Slot{}, false, start)
		b.state.Probing = start
		now := start.Add(time.Second)
		b.takeReport(CallReport{BotID: "c", Slot: Slot{At: start, Probe: true, ForAccount: true}, Result: result}, now)
		at, _ := b.state.probeDue(Want{BotID: "d"})
		require.Equal(t, now.Add(wait), at, result)
	}
}
