package callbudget

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// served returns whose wants get the next slots if asks go on waiting.
func servedInTurn(s *State, slots int, wants ...Want) []Want {
	var order []Want
	for range slots {
		var asks []*pending
		for i, want := range wants {
			asks = append(asks, &pending{Ask: Ask{Worker: fmt.Sprint(i), Wants: []Want{want}}, number: i, until: start.Add(1000 * time.Hour)})
		}
		chosen, at := s.choose(s.candidates(asks, start), start)
		s.handOut(at)
		s.served(chosen.want)
		order = append(order, chosen.want)
	}
	return order
}

func count(order []Want, batch string) int {
	n := 0
	for _, want := range order {
		if want.Batch == batch {
			n++
		}
	}
	return n
}

func TestMoreUrgentCallsComeFirst(t *testing.T) {
	s := newState("b", windows("60/1m"), start, start)
	wants := []Want{{BotID: "a", Level: 10}, {BotID: "b", Level: 2, Batch: "x"}, {BotID: "c", Level: 1}, {BotID: "d", Level: 2}}
	require.Equal(t, []Want{wants[2]}, servedInTurn(&s, 1, wants...))
	require.Equal(t, []Want{wants[1], wants[3], wants[1]}, servedInTurn(&s, 3, wants[0], wants[1], wants[3]), "of one level in turn")
}

func TestLevelsOfPriorities(t *testing.T) {
	for priority := 1; priority <= 5; priority++ {
		urgent, other := Level(priority, true), Level(priority, false)
		require.Equal(t, urgent+1, other)
		require.Equal(t, priority, Priority(urgent))
		require.Equal(t, priority, Priority(other))
	}
	require.Equal(t, FrontLevel, Level(1, true))
	require.Equal(t, LastLevel, Level(5, false))
	require.Equal(t, maxLiveLevel, Level(2, false))
}

func TestBatchesTakeTurnsHoweverManyCallsTheyHave(t *testing.T) {
	s := newState("b", windows("60/1m"), start, start)
	large, small := Want{BotID: "a", Level: 8, Batch: "large"}, Want{BotID: "b", Level: 8, Batch: "small"}
	order := servedInTurn(&s, 100, large, large, large, large, small)
	require.Equal(t, 50, count(order, "small"))
}

func TestBatchThatIsNewOrComesBackDoesNotMakeUpForThePast(t *testing.T) {
	for name, before := range map[string][]Want{
		"new":               nil,
		"served alone once": {{BotID: "b", Level: 8, Batch: "late"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newState("b", windows("60/1m"), start, start)
			first, late := Want{BotID: "a", Level: 8, Batch: "first"}, Want{BotID: "b", Level: 8, Batch: "late"}
			if before != nil {
				servedInTurn(&s, 1, before...)
			}
			servedInTurn(&s, 500, first)
			servedInTurn(&s, 1, late) // The other one does not wait just then.
			require.Equal(t, 10, count(servedInTurn(&s, 20, first, late), "late"))
		})
	}
}

func TestTurnsOfOneLevelDoNotDependOnAnother(t *testing.T) {
	s := newState("b", windows("60/1m"), start, start)
	a, b := Want{BotID: "a", Level: 8, Batch: "a"}, Want{BotID: "b", Level: 8, Batch: "b"}
	var order []Want
	for range 20 {
		servedInTurn(&s, 1, a, b, Want{BotID: "c", Level: 2, Batch: "single"})
		order = append(order, servedInTurn(&s, 1, a, b)...)
	}
	require.Equal(t, 10, count(order, "a"))
}

func TestAskThatCameFirstIsServedFirst(t *testing.T) {
	s := newState("b", windows("60/1m"), start, start)
	ask := func(number int) *pending {
		return &pending{Ask: Ask{Wants: []Want{{BotID: "a", Level: 8}}}, number: number, until: start.Add(time.Hour)}
	}
	asks := []*pending{ask(3), ask(1), ask(2)}
	candidates := s.candidates(asks, start)
	require.Same(t, asks[1], candidates[0].ask)
	require.Same(t, asks[0], candidates[2].ask)
}

func TestWorkersOfTwoBatchesShareTheSlots(t *testing.T) {
	s := simulate(t, 2, newVendor("60/1m"), "60/1m")
	for range 4 {
		s.worker(Want{BotID: "a", Level: 8, Batch: "large"})
	}
	s.worker(Want{BotID: "b", Level: 8, Batch: "small"})
	s.run(time.Hour)
	small := 0
	for _, c := range s.calls {
		if c.want.Batch == "small" {
			small++
		}
	}
	require.InDelta(t, len(s.calls)/2, small, float64(len(s.calls)/20))
}

func TestEachOfManyBatchesGetsItsTurn(t *testing.T) {
	s := newState("b", windows("60/1m"), start, start)
	var wants []Want
	for i := range maxPending * MaxWants {
		wants = append(wants, Want{BotID: "a", Level: 8, Batch: fmt.Sprint(i)})
	}
	order := servedInTurn(&s, 2*len(wants), wants...)
	for i := range wants {
		require.Equal(t, 2, count(order, fmt.Sprint(i)))
	}
	for i := range 1000 {
		s.served(Want{Batch: fmt.Sprint("old ", i)})
	}
	require.LessOrEqual(t, len(s.Served), maxServed)
}

func TestAsksThatNoLongerWaitGetNothing(t *testing.T) {
	s := newState("b", windows("60/1m"), start, start)
	want := []Want{{BotID: "a", Level: 1}}
	expired := &pending{Ask: Ask{Worker: "1", Wants: want}, until: start}
	answered := &pending{Ask: Ask{Worker: "2", Wants: want}, until: start.Add(time.Hour), answer: &Answer{}}
	require.Empty(t, s.candidates([]*pending{expired, answered}, start))
	chosen, at := s.choose(nil, start)
	require.Nil(t, chosen)
	require.Zero(t, at)
}

func TestWorstAskGivesWay(t *testing.T) {
	ask := func(levels ...int) *pending {
		p := &pending{}
		for _, level := range levels {
			p.Wants = append(p.Wants, Want{Level: level})
		}
		return p
	}
	asks := []*pending{ask(4), ask(10, 2), ask(8), ask(8), ask(6)}
	require.Same(t, asks[3], worst(asks, 5), "the latest of the worst")
	require.Same(t, asks[3], worst(asks, 7))
	require.Nil(t, worst(asks, 8), "none is worse")
	asks[3].answer = &Answer{}
	require.Same(t, asks[2], worst(asks, 5), "an answered one does not wait")
}

func TestPausedBudgetChoosesNothing(t *testing.T) {
	s := newState("b", windows("60/1m"), start, start)
	s.Paused = &pause{Reason: "audit"}
	asks := []*pending{{Ask: Ask{Worker: "1", Wants: []Want{{BotID: "a", Level: 1}}}, until: start.Add(time.Hour)}}
	chosen, at := s.choose(s.candidates(asks, start), start)
	require.Nil(t, chosen)
	require.Zero(t, at)
}

func testBudget(limits ...string) *budget {
	return &budget{state: newState("account", windows(limits...), start, start)}
}

func (b *budget) askFrom(t *testing.T, worker string, level int, now time.Time) *pending {
	t.Helper()
	ask := Ask{Worker: worker, Wants: []Want{{BotID: "st-1", Level: level}}, Patience: time.Minute}
	require.NoError(t, b.admit(ask, now))
	return b.enter(ask, now)
}

func TestLaterAskOfAWorkerReplacesTheEarlierOne(t *testing.T) {
	b := testBudget("60/1m")
	first := b.askFrom(t, "w", 8, start)
	second := b.askFrom(t, "w", 2, start)
	require.Equal(t, &Answer{}, first.answer)
	require.Nil(t, second.answer)
	require.Equal(t, []*pending{second}, b.asks)
}

func TestBetterAskTakesTheWorstOnesPlace(t *testing.T) {
	b := testBudget("60/1m")
	var waiting []*pending
	for i := range maxPending {
		waiting = append(waiting, b.askFrom(t, fmt.Sprint(i), 8, start))
	}
	err := b.admit(Ask{Worker: "x", Wants: []Want{{Level: 8}}, Patience: 1}, start)
	require.ErrorContains(t, err, "7 workers wait")
	require.NoError(t, b.admit(Ask{Worker: "3", Wants: []Want{{Level: 10}}, Patience: 1}, start), "one that waits already may ask again")
	better := b.askFrom(t, "x", 7, start)
	require.Len(t, b.asks, maxPending)
	require.NotNil(t, waiting[maxPending-1].answer)
	require.Nil(t, waiting[0].answer)
	require.Contains(t, b.asks, better)
}

// Workers that were killed while the budget handed out nothing must not keep others out.
func TestAsksOfWorkersThatAreGoneKeepNobodyOut(t *testing.T) {
	b := testBudget("60/1m")
	for i := range maxPending {
		b.askFrom(t, fmt.Sprint("killed ", i), 1, start)
	}
	later := start.Add(time.Minute)
	ask := b.askFrom(t, "new", 10, later)
	require.Equal(t, []*pending{ask}, b.asks)
}

func TestAskIsChecked(t *testing.T) {
	b := testBudget("60/1m")
	good := Ask{Worker: "w", Wants: []Want{{Level: 1}}, Patience: time.Minute}
	require.NoError(t, b.admit(good, start))
	for _, change := range []func(*Ask){
		func(a *Ask) { a.Worker = "" },
		func(a *Ask) { a.Wants = nil },
		func(a *Ask) { a.Patience = 0 },
		func(a *Ask) { a.Patience = maxPatience + 1 },
		func(a *Ask) { a.Worker = strings.Repeat("x", maxNameBytes+1) },
		func(a *Ask) { a.Wants = make([]Want, MaxWants+1) },
		func(a *Ask) { a.Wants = []Want{{Level: FrontLevel - 1}} },
		func(a *Ask) { a.Wants = []Want{{Level: LastLevel + 1}} },
		func(a *Ask) { a.Wants = []Want{{Level: 1, BotID: strings.Repeat("x", maxNameBytes+1)}} },
		func(a *Ask) { a.Wants = []Want{{Level: 1, Batch: strings.Repeat("x", maxNameBytes+1)}} },
	} {
		bad := good
		change(&bad)
		require.ErrorContains(t, b.admit(bad, start), "an ask needs")
	}
	b.closing = true
	require.ErrorContains(t, b.admit(good, start), "continues as new")
}

func TestWorkerThatStartedLastDecidesOnTheLimits(t *testing.T) {
	b := testBudget("60/1m")
	ask := Ask{Configured: windows("30/1m"), ConfiguredAt: start.Add(-time.Second)}
	b.adopt(ask, start.Add(time.Hour))
	require.Equal(t, windows("60/1m"), b.state.Configured, "it started before")
	ask.ConfiguredAt = start.Add(time.Second)
	b.adopt(ask, start.Add(time.Hour))
	require.Equal(t, windows("30/1m"), b.state.Configured)
	require.Equal(t, 30, b.state.Windows[0].Calls)
	require.Contains(t, b.state.Changes[0].Text, "30/1m")

	for _, bad := range [][]string{{}, {"1/1m", "2/1m"}} {
		ask.ConfiguredAt, ask.Configured = ask.ConfiguredAt.Add(time.Second), windows(bad...)
		b.adopt(ask, start.Add(time.Hour))
		require.Equal(t, windows("30/1m"), b.state.Configured)
	}

	b.state.Set = windows("10/1m")
	b.state.configure(b.state.Set)
	ask.ConfiguredAt, ask.Configured = ask.ConfiguredAt.Add(time.Second), windows("40/1m")
	b.adopt(ask, start.Add(time.Hour))
	require.Equal(t, windows("40/1m"), b.state.Configured)
	require.Equal(t, 10, b.state.Windows[0].Calls, "what an operator set holds")
}
