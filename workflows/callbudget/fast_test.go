package callbudget

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestFastBudgetAnswersAtOnceWhateverIsUnderWay(t *testing.T) {
	now := start
	b := budgetOf(36_000, now)
	ask := Ask{Worker: "w", Wants: []Want{{BotID: "st-1", Level: 8}}, Held: []int{30}, Takes: true, Patience: time.Minute}
	for i := range 20 {
		ask.Number++
		waiting := b.enter(ask, now)
		require.Zero(t, b.answerDue(now), "no timer is needed for ask %d", i)
		require.NotNil(t, waiting.answer)
		require.Len(t, waiting.answer.More, 29)
		require.Equal(t, gather, waiting.answer.TakeIn, "further calls may come meanwhile")
		require.Less(t, waiting.answer.TakeIn, b.state.Offers[0].Until.Sub(now), "the offer is taken in time")
		ask.Took = waiting.answer.Slot.At
		now = now.Add(waiting.answer.TakeIn + 100*time.Millisecond)
	}
	require.Zero(t, b.state.GivenBack)
}

func TestFastRulesHoldForRunsThatBeganWithThem(t *testing.T) {
	for name, row := range map[string]struct {
		perMinute, rules int
		fast             bool
	}{
		"faster than the messages": {1_250, CurrentRules, true},
		"not faster":               {600, CurrentRules, false},
		"an earlier run":           {36_000, 0, false},
	} {
		t.Run(name, func(t *testing.T) {
			b := budgetOf(row.perMinute, start)
			b.state.Rules = row.rules
			require.Equal(t, row.fast, b.state.isFast())
			require.Equal(t, row.fast, b.state.handOut(start).Within == maxLateness)
		})
	}
}

func TestCallsMayBeLateOnlyWhileTheWindowsAreNearlyEmpty(t *testing.T) {
	s := newState("b", windows("6000/1m"), start, start)
	handed := 0
	for s.handOut(s.nextSlot(LastLevel)).Within == maxLateness {
		handed++
	}
	require.Equal(t, 6000/roomyParts, handed)
	require.True(t, s.Slots.last().After(s.LateThrough))
}

// A vendor that has the configured limit refuses no call of a fast budget, however late the
// calls are within what is allowed: after each pause some seconds' calls are as late as they
// may be, and those of the next minute in time.
func TestLateCallsAreCountedAsLate(t *testing.T) {
	for seed := range uint64(20) {
		t.Logf("seed %d", seed)
		random := rand.New(rand.NewPCG(seed, 9))
		s := newState("b", windows("6000/1m"), start, start)
		network := s.Windows[0].slack() / lateParts * (lateParts - 1)
		var calls []time.Time
		late := 0
		for now := start; now.Before(start.Add(5 * time.Minute)); {
			now = now.Add(time.Duration(random.Int64N(int64(70 * time.Second))))
			inTimeFrom := now.Add(time.Duration(random.Int64N(int64(4 * time.Second))))
			for now.Before(inTimeFrom.Add(time.Minute)) {
				slot := s.handOut(latest(s.nextSlot(LastLevel), now.Add(s.notice(now))))
				at := slot.At
				if now.Before(inTimeFrom) {
					at = at.Add(slot.Within + network)
				}
				if at.Sub(slot.At) > maxLateness {
					late++
				}
				calls = append(calls, at)
				now = latest(now, slot.At.Add(-s.notice(now)))
			}
		}
		slices.SortFunc(calls, time.Time.Compare)
		vendor := newVendor("6000/1m")
		for i, at := range calls {
			require.Zero(t, vendor.take(at).span, "call %d of %d, at %s", i, len(calls), at.Sub(start))
		}
		require.Positive(t, late)
		require.Greater(t, most(calls, time.Minute), 5800, "the window is used")
	}
}
