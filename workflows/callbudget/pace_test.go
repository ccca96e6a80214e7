package callbudget

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// demands are the ways in which calls are asked for and made.
var demands = map[string]func(*simulation){
	"saturating": func(s *simulation) { s.saturate(3) },
	"one worker": func(s *simulation) { s.saturate(1) },
	"idle, then saturating": func(s *simulation) {
		s.saturate(3)
		s.run(20 * time.Minute)
		s.rest(70 * time.Minute)
	},
	"on and off": func(s *simulation) {
		s.saturate(3)
		for range 20 {
			s.run(time.Duration(s.random.Int64N(int64(3 * time.Minute))))
			s.rest(time.Duration(s.random.Int64N(int64(3 * time.Minute))))
		}
	},
	"every call as late as it may be": func(s *simulation) {
		s.used = func() float64 { return 1 }
		s.saturate(3)
	},
	"calls late or in time": func(s *simulation) {
		s.used = func() float64 { return float64(s.random.IntN(2)) }
		s.saturate(3)
	},
	"no call late": func(s *simulation) {
		s.used = func() float64 { return 0 }
		s.saturate(3)
	},
	"the workflow stalls": func(s *simulation) {
		s.saturate(3)
		s.every(90*time.Second, func() { s.stalled = s.now.Add(time.Duration(s.random.Int64N(int64(8 * time.Second)))) })
	},
	"workers are killed": func(s *simulation) {
		s.saturate(3)
		s.every(3*time.Minute, func() { s.workers[s.random.IntN(3)].kills = true })
		s.every(7*time.Minute, func() { s.workers[s.random.IntN(3)].killsLate = true })
	},
	"the network is slow": func(s *simulation) {
		s.latency = time.Second
		s.saturate(3)
	},
}

// A vendor that has the configured limits never refuses a call, whatever is asked for
// and however late the calls are within what is allowed.
func TestNoWindowEverHoldsMoreThanItsLimit(t *testing.T) {
	for _, limits := range [][]string{
		{"60/1m", "1800/1h"}, {"60/1m"}, {"5/1m"}, {"30/1m", "1800/1h"}, {"100/10s", "60/1m", "1800/1h"}, {"1/10s"}, {"1/1m"},
	} {
		for name, demand := range demands {
			for _, refusedCount := range []bool{false, true} {
				t.Run(fmt.Sprint(limits, name, refusedCount), func(t *testing.T) {
					v := newVendor(limits...)
					v.refusedCount = refusedCount
					s := simulate(t, uint64(len(t.Name())), v, limits...)
					demand(s)
					s.run(80 * time.Minute)
					require.Zero(t, s.refusals(start))
					s.requireWithin(limits...)
				})
			}
		}
	}
}

func TestSaturatedBudgetIsUsedToTheLastCall(t *testing.T) {
	for _, c := range []struct {
		binding string
		limits  []string
		hours   int
	}{
		{"1800/1h", []string{"60/1m", "1800/1h"}, 4},
		{"60/1m", []string{"60/1m"}, 2},
		{"18000/1h", []string{"600/1m", "18000/1h"}, 1},
		{"30/1m", []string{"30/1m"}, 2},
		{"5/1m", []string{"5/1m"}, 4},
	} {
		for _, workers := range []int{1, 3, 7, 12} {
			t.Run(fmt.Sprint(c.limits, workers), func(t *testing.T) {
				s := simulate(t, uint64(workers), newVendor(c.limits...), c.limits...)
				s.saturate(workers)
				s.run(time.Duration(c.hours) * time.Hour)
				require.GreaterOrEqual(t, s.share(c.binding, start), 0.97)
				w := windows(c.binding)[0]
				require.GreaterOrEqual(t, float64(len(s.accepted(start)))/(float64(w.Calls)*float64(c.hours)*float64(time.Hour/w.Span)), 0.97, "also over the whole time")
			})
		}
	}
}

// The workers' stalls and kills cost what they take, no more: the windows that bind for
// an hour make up for it.
func TestStallsAreCaughtUp(t *testing.T) {
	for _, name := range []string{"the workflow stalls", "workers are killed"} {
		t.Run(name, func(t *testing.T) {
			s := simulate(t, 4, newVendor("60/1m", "1800/1h"), "60/1m", "1800/1h")
			demands[name](s)
			s.run(4 * time.Hour)
			require.GreaterOrEqual(t, s.share("1800/1h", start)+float64(s.lost)/(4*1800), 0.97)
		})
	}
}

func TestIdleBudgetCatchesUpAsFarAsItsWindowsAllow(t *testing.T) {
	s := simulate(t, 5, newVendor("60/1m", "1800/1h"), "60/1m", "1800/1h")
	s.saturate(3)
	s.run(10 * time.Minute)
	s.rest(2 * time.Hour)
	since := s.now
	s.run(time.Hour)
	times := s.accepted(since)
	require.Greater(t, most(times, 30*time.Minute), 1700, "nearly the whole hour in half of it")
	require.LessOrEqual(t, most(times, 10*time.Second), 11, "the minute is not spent at once")
}

func TestIdleMinuteIsNotSpentAtOnce(t *testing.T) {
	for _, limits := range [][]string{{"60/1m"}, {"100/10s", "60/1m", "1800/1h"}, {"60/1m", "3600/1h"}} {
		s := simulate(t, 6, newVendor(limits...), limits...)
		s.saturate(3)
		s.run(10 * time.Minute)
		s.rest(2 * time.Hour)
		since := s.now
		s.run(10 * time.Minute)
		require.LessOrEqual(t, most(s.accepted(since), 10*time.Second), 20, "%s", limits)
	}
}

// After the one catch-up that an idle time allows, slots are even again: the time in
// which the hour was spent is no idle time.
func TestCatchingUpEmptiesTheHourOnce(t *testing.T) {
	s := simulate(t, 7, newVendor("60/1m", "1800/1h"), "60/1m", "1800/1h")
	s.saturate(3)
	s.run(10 * time.Minute)
	s.rest(2 * time.Hour)
	s.run(90 * time.Minute)
	since := s.now
	s.run(3 * time.Hour)
	times := s.accepted(since)
	for i := range times[1:] {
		require.Less(t, times[i+1].Sub(times[i]), 2*time.Minute)
	}
	require.Greater(t, len(times), 3*1800*97/100)
}

// In an hour that a backfill has nearly spent, a hundredth is kept for calls that
// somebody waits for.
func TestCallsThatSomebodyWaitsForFindAReserve(t *testing.T) {
	for _, limits := range [][]string{{"60/1m", "1800/1h"}, {"600/1m", "18000/1h"}} {
		s := simulate(t, 8, newVendor(limits...), limits...)
		s.saturate(3)
		s.run(5 * time.Minute)
		s.rest(2 * time.Hour)
		s.run(35 * time.Minute) // The hour is spent now.
		caller := s.workers[0]
		for i := range 17 { // As many as are kept, over the rest of the hour.
			s.after(time.Duration(i)*75*time.Second, func() { caller.call(Want{BotID: "st-1", Level: maxLiveLevel}) })
		}
		s.run(3 * time.Hour)
		require.Len(t, caller.waits, 17)
		require.Less(t, slices.Max(caller.waits), 3*time.Second, "%s", limits)
		s.requireWithin(limits...)
	}
}

// Beside a backfill that takes all slots, such a call waits for a few slots.
func TestCallsThatSomebodyWaitsForPassABackfill(t *testing.T) {
	for _, limits := range [][]string{{"60/1m", "1800/1h"}, {"60/1m"}, {"600/1m", "18000/1h"}, {"100/10s", "60/1m", "1800/1h"}} {
		s := simulate(t, 9, newVendor(limits...), limits...)
		s.saturate(3)
		even, _, _ := s.budget.state.pace()
		caller := s.workers[0]
		s.every(97*time.Second, func() { caller.call(Want{BotID: "st-1", Level: 3}) })
		s.run(3 * time.Hour)
		require.Greater(t, len(caller.waits), 100)
		require.Less(t, slices.Max(caller.waits), max(3*even, 2*time.Second), "%s", limits)
	}
}

func TestNewBudgetBeginsWithAFewSlotsOnly(t *testing.T) {
	s := simulate(t, 10, newVendor("60/1m", "1800/1h"), "60/1m", "1800/1h")
	s.saturate(3)
	s.run(time.Minute)
	require.InDelta(t, 30+firstBurst, len(s.usedSlots), 3, "nobody knows what was used before")
}

func TestSlotsAreRememberedAsTheyAreHandedOut(t *testing.T) {
	s := newState("b", windows("60/1m"), start, start)
	for i := range 100 {
		slot := s.handOut(start.Add(time.Duration(i) * 1234567891))
		require.True(t, slot.At.Equal(s.Slots.last()))
		require.False(t, slot.At.Before(start.Add(time.Duration(i)*1234567891)))
	}
}

func TestSlotHasToBeUsedWithinAQuarterOfTheMargin(t *testing.T) {
	for limit, within := range map[string]time.Duration{"60/1m": 250 * time.Millisecond, "1800/1h": 250 * time.Millisecond, "6/12s": 50 * time.Millisecond} {
		s := newState("b", windows(limit), start, start)
		for range 10 { // However empty the window is: a late call is late for the next one too.
			require.Equal(t, within, s.handOut(s.nextSlot(LastLevel)).Within)
		}
	}
}
