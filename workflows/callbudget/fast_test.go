package callbudget

import (
	"fmt"
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
		b.state.endOffers(now)
		require.NoError(t, b.admit(ask, now))
		waiting := b.enter(ask, now)
		require.Zero(t, b.answerDue(now), "no timer is needed for ask %d", i)
		require.NotNil(t, waiting.answer)
		require.Len(t, waiting.answer.More, 29)
		require.InDelta(t, waiting.answer.More[28].Slot.At.Sub(now)-b.state.notice(now), waiting.answer.TakeIn, 0, "when the next slots are due")
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
		"slots 50 ms apart": {1_220, CurrentRules, false},
		"and nearer":        {1_221, CurrentRules, true},
		"an earlier run":    {36_000, 0, false},
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
	late := 0
	for range 2000 {
		if s.handOut(s.nextSlot(LastLevel)).Within == maxLateness {
			late++
		}
	}
	require.Equal(t, 1500, late)
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

// A Temporal server's timers may be a second late. A fast budget that waited for one after
// each answer would be used to a fifth.
func TestSaturatedFastBudgetIsUsed(t *testing.T) {
	for _, c := range []struct {
		limit string
		held  int
		used  float64
	}{{"1300/1m", 5, 0.93}, {"2400/1m", 10, 0.93}, {"6000/1m", 25, 0.93}, {"36000/1m", 30, 0.75}} {
		for _, workers := range []int{1, 3} {
			t.Run(fmt.Sprint(c.limit, workers), func(t *testing.T) {
				s := simulate(t, uint64(workers), newVendor(c.limit), c.limit)
				s.timersLate = time.Second
				s.saturate(workers)
				for _, w := range s.workers {
					w.held = c.held
				}
				s.run(4 * time.Minute)
				require.Zero(t, s.refusals(start))
				s.requireWithin(c.limit)
				made := len(s.accepted(start.Add(time.Minute)))
				require.Greater(t, float64(made)/float64(3*windows(c.limit)[0].Calls), c.used)
			})
		}
	}
}

// Calls of a fast budget are late when it becomes slow: the first slot waits for them.
func TestLimitThatIsLoweredCountsTheCallsThatMayBeLate(t *testing.T) {
	s := newState("b", windows("36000/1m"), start, start)
	for range 36_000/emptyParts + 1200 {
		s.handOut(s.nextSlot(LastLevel))
	}
	require.Equal(t, 1200, s.Slots.within(time.Minute, s.Slots.last())-s.Slots.within(time.Minute, s.LateThrough), "the lowered limit's last slots are not late")
	s.configure(windows("1200/1m"))
	last := s.LateThrough.Add(maxLateness)
	require.False(t, s.nextSlot(LastLevel).Before(last.Add(time.Minute)), "a call that is late is in its window")
}
