package callbudget

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/workflows"
)

// configured is what is configured by default; minute60 and hour60 are 60 % of it.
var (
	configured = []string{"60/1m", "1800/1h"}
	minute60   = []string{"36/1m", "1800/1h"}
	hour60     = []string{"60/1m", "1080/1h"}
)

// requireRefusals checks how many refusals there were since a time, without those of
// calls that were under way.
func (s *simulation) requireRefusals(want int, since time.Time) {
	s.t.Helper()
	require.LessOrEqual(s.t, s.learned(since), want, "%v", s.budget.state.Changes)
	require.LessOrEqual(s.t, s.refusals(since), want*(1+s.underWay))
}

// learned counts the refusals that told something new.
func (s *simulation) learned(since time.Time) int {
	count := 0
	for _, change := range s.budget.state.Changes {
		if !change.At.Before(since) && strings.HasPrefix(change.Text, "refused by rate:") {
			count++
		}
	}
	return count
}

// requireShare checks which share of a window the calls of the last hours used.
func (s *simulation) requireShare(share float64, window string, hours int) {
	s.t.Helper()
	w := windows(window)[0]
	allowed := float64(hours) * float64(w.Calls) * float64(time.Hour/w.Span)
	require.GreaterOrEqual(s.t, float64(len(s.accepted(s.now.Add(-time.Duration(hours)*time.Hour))))/allowed, share, "%v", s.budget.state.Changes)
}

func TestHiddenLimitIsFoundByOneRefusal(t *testing.T) {
	for name, c := range map[string]struct {
		configured, true []string
		binding          string
		refusals         int
	}{
		"of the minute":              {[]string{"60/1m"}, []string{"36/1m"}, "36/1m", 1},
		"of the hour":                {configured, hour60, "1080/1h", 1},
		"of an hour nobody knew of":  {[]string{"60/1m"}, hour60, "1080/1h", 2},
		"of a minute nobody knew of": {[]string{"1800/1h"}, []string{"20/1m", "1800/1h"}, "20/1m", 2},
		"of one call less":           {[]string{"60/1m"}, []string{"59/1m"}, "59/1m", 1},
		"of five calls":              {[]string{"60/1m"}, []string{"5/1m"}, "5/1m", 2},
		// Of ten calls in a second, a few arrive in another order than that of their slots.
		"of a large minute": {[]string{"600/1m"}, []string{"360/1m"}, "360/1m", 2},
	} {
		for _, refusedCount := range []bool{false, true} {
			for _, workers := range []int{1, 3} {
				t.Run(fmt.Sprint(name, refusedCount, workers), func(t *testing.T) {
					v := newVendor(c.true...)
					v.refusedCount = refusedCount
					s := simulate(t, uint64(len(name)), v, c.configured...)
					s.saturate(workers)
					s.run(55 * time.Minute)
					s.requireRefusals(c.refusals, start)
					s.run(3*time.Hour + 5*time.Minute)
					s.requireShare(0.95, c.binding, 3)
				})
			}
		}
	}
}

func TestWindowIsFoundThoughTheVendorDoesNotNameIt(t *testing.T) {
	for binding, c := range map[string][2][]string{
		"36/1m":   {{"60/1m"}, {"36/1m"}},
		"20/1m":   {configured, {"20/1m", "1800/1h"}},
		"1080/1h": {configured, hour60},
	} {
		t.Run(binding, func(t *testing.T) {
			v := newVendor(c[1]...)
			v.mute = true
			s := simulate(t, 3, v, c[0]...)
			s.saturate(3)
			s.run(4 * time.Hour)
			s.requireRefusals(4, start) // One to learn it, and probes.
			s.requireShare(0.95, binding, 3)
		})
	}
}

func TestMinuteThatIsNeverFullIsLearnedWhileCatchingUp(t *testing.T) {
	s := simulate(t, 3, newVendor(minute60...), configured...)
	s.saturate(3)
	s.run(10 * time.Minute)
	require.Zero(t, s.refusals(start), "the hour's pace is slower than the minute's limit")
	s.rest(time.Hour)
	s.run(50 * time.Minute)
	s.requireRefusals(1, start)
	require.Equal(t, 36, s.budget.state.Windows[0].Learned)
}

func TestLimitThatIsLoweredCostsTwoRefusals(t *testing.T) {
	for name, c := range map[string]struct {
		limits, lowered []string
		refusals        int
		binding         string
	}{
		"of a minute": {[]string{"60/1m"}, []string{"36/1m"}, 2, "36/1m"},
		// Two calls half a second apart may arrive in the other order.
		"of a minute to 5": {[]string{"60/1m"}, []string{"5/1m"}, 3, "5/1m"},
		"by one":           {[]string{"60/1m"}, []string{"59/1m"}, 2, "59/1m"},
		// All calls stop for a quarter of an hour at a time, until the hour has freed up.
		"of an hour": {configured, hour60, 4, "1080/1h"},
	} {
		t.Run(name, func(t *testing.T) {
			s := simulate(t, 4, newVendor(c.limits...), c.limits...)
			s.saturate(3)
			s.run(2 * time.Hour)
			lowered := s.now
			s.vendor.limit(c.lowered...)
			s.run(55 * time.Minute)
			s.requireRefusals(c.refusals, lowered)
			s.run(4*time.Hour + 5*time.Minute)
			s.requireShare(0.96, c.binding, 3) // Two windows later.
		})
	}
}

// Retry-After says when to ask again, and is not believed to say more.
func TestLimitThatIsLoweredCostsTwoRefusalsAlsoIfTheVendorSaysWhenToRetry(t *testing.T) {
	for name, c := range map[string]struct {
		limits, lowered []string
		binding         string
	}{
		"of a minute": {[]string{"60/1m"}, []string{"36/1m"}, "36/1m"},
		"of an hour":  {configured, hour60, "1080/1h"},
	} {
		t.Run(name, func(t *testing.T) {
			v := newVendor(c.limits...)
			v.retryAfter = func(wait time.Duration) time.Duration { return wait.Truncate(time.Second) + time.Second }
			s := simulate(t, 5, v, c.limits...)
			s.saturate(3)
			s.run(2 * time.Hour)
			lowered := s.now
			s.vendor.limit(c.lowered...)
			s.run(55 * time.Minute)
			s.requireRefusals(2, lowered)
			s.run(3*time.Hour + 5*time.Minute)
			s.requireShare(0.95, c.binding, 3)
		})
	}
}

func TestLimitThatIsRaisedIsFoundByTheNextProbe(t *testing.T) {
	for name, c := range map[string]struct {
		limits, first, raised []string
		refusals              int
		after                 time.Duration // the first probe
		binding               string
	}{
		"to the configured one":     {[]string{"60/1m"}, []string{"36/1m"}, []string{"60/1m"}, 0, time.Hour, "60/1m"},
		"a little":                  {[]string{"60/1m"}, []string{"36/1m"}, []string{"45/1m"}, 1, time.Hour, "45/1m"},
		"by one":                    {[]string{"60/1m"}, []string{"36/1m"}, []string{"37/1m"}, 1, time.Hour, "37/1m"},
		"of a large minute":         {[]string{"600/1m"}, []string{"360/1m"}, []string{"450/1m"}, 1, time.Hour, "450/1m"},
		"of an hour":                {configured, hour60, configured, 0, 4 * time.Hour, "1800/1h"},
		"of an hour nobody knew of": {[]string{"60/1m"}, hour60, []string{"60/1m"}, 0, 4 * time.Hour, "60/1m"},
	} {
		t.Run(name, func(t *testing.T) {
			s := simulate(t, 6, newVendor(c.first...), c.limits...)
			s.saturate(3)
			s.run(50 * time.Minute)
			s.requireRefusals(2, start)
			raised := s.now
			s.vendor.limit(c.raised...)
			s.run(c.after - 5*time.Minute)
			s.requireRefusals(c.refusals, raised)
			s.run(10 * time.Minute)
			if c.after > time.Hour {
				s.run(2 * time.Hour) // Until the hour is used evenly again.
			}
			s.run(time.Hour)
			s.requireShare(0.94, c.binding, 1)
			s.requireRefusals(c.refusals+1, raised) // With the next probe.
		})
	}
}

func TestLimitThatStaysIsProbedSeldomAndEverLess(t *testing.T) {
	s := simulate(t, 7, newVendor("36/1m"), "60/1m")
	s.saturate(3)
	s.run(12 * time.Hour)
	var at []time.Duration
	for _, change := range s.budget.state.Changes {
		if change.Text == "refused by rate: the vendor still takes 36 calls in 1m0s" {
			at = append(at, change.At.Sub(start).Round(10*time.Minute))
		}
	}
	require.Equal(t, []time.Duration{7 * time.Hour, 3 * time.Hour, time.Hour}, at)
	s.requireRefusals(4, start)
	s.requireShare(0.97, "36/1m", 12)
}

func TestProbesOfAnUnchangedLimitAreADayApartAtMost(t *testing.T) {
	s := newState("b", windows("60/1m"), start, start)
	w := &s.Windows[0]
	w.learn(36, start)
	for range 20 {
		w.Probing = start
		s.refused(s.handOut(start), time.Minute, 0, start)
		w.Learned = 1 // so that the level is that of a probe
	}
	require.Equal(t, lastProbe, w.ProbeWait)
}

func TestRefusalOfACallUnderWayTellsNothingNew(t *testing.T) {
	s := newState("b", windows("60/1m"), start, start)
	var last Slot
	for i := range 20 {
		last = s.handOut(start.Add(time.Duration(i) * time.Second))
	}
	s.VoidThrough = last.At
	s.refused(last, time.Minute, 0, last.At)
	require.Zero(t, s.Windows[0].Learned)
	require.Equal(t, 1, s.Refusals)
	s.refused(last, time.Minute, 5*time.Minute, last.At)
	require.Equal(t, last.At.Add(5*time.Minute), s.StoppedUntil, "what the vendor asks for counts")
}

func TestVendorIsNotAskedBeforeItAllows(t *testing.T) {
	for retryAfter, stop := range map[time.Duration]time.Duration{
		5 * time.Second:     5 * time.Second,
		10 * time.Minute:    10 * time.Minute,
		3 * time.Hour:       time.Hour, // as long as that, nobody waits
		90 * 24 * time.Hour: time.Hour,
	} {
		v := newVendor("36/1m")
		v.retryAfter = func(time.Duration) time.Duration { return retryAfter }
		s := simulate(t, 8, v, "60/1m")
		s.saturate(1)
		s.run(40 * time.Second)
		require.NotZero(t, s.refusals(start))
		refused := s.calls[len(s.calls)-1].at
		s.run(25 * time.Hour)
		next := slices.IndexFunc(s.calls, func(c call) bool { return c.at.After(refused) })
		require.Positive(t, next)
		require.InDelta(t, stop, s.calls[next].at.Sub(refused), float64(2*time.Minute))
		require.GreaterOrEqual(t, s.calls[next].at.Sub(refused), stop-time.Second)
	}
}

func TestNegativeRetryAfterIsNone(t *testing.T) {
	s := newState("b", windows("60/1m"), start, start)
	slot := s.handOut(start)
	s.refused(slot, time.Minute, -time.Hour, start)
	require.False(t, s.StoppedUntil.Before(start.Add(time.Minute)))
}

// Whoever else has used up the minute when the first call is made says nothing about
// the limit.
func TestRefusedFirstCallTeachesNoLimit(t *testing.T) {
	v := newVendor("60/1m")
	for range 60 {
		v.take(start)
	}
	s := simulate(t, 9, v, "60/1m")
	s.saturate(3)
	s.run(2 * time.Hour)
	s.requireRefusals(1, start)
	s.run(time.Hour)
	s.requireShare(0.97, "60/1m", 1)
}

// A vendor that refuses everything is asked once a minute, and used in full again when
// that is over.
func TestVendorThatRefusesEverythingIsAskedOnceAMinute(t *testing.T) {
	s := simulate(t, 10, newVendor("60/1m"), "60/1m")
	s.saturate(3)
	s.run(time.Hour)
	down := s.now
	s.vendor.down = true
	s.run(30 * time.Minute)
	require.LessOrEqual(t, s.refusals(down), 30*(1+s.underWay))
	require.Empty(t, s.accepted(down))
	s.vendor.down = false
	s.run(3 * time.Hour)
	s.requireShare(0.95, "60/1m", 1)
}

// Somebody else takes a part of the minute, all the time or now and then.
func TestSharedMinuteIsUsedAsFarAsTheOthersLeaveIt(t *testing.T) {
	for name, c := range map[string]struct {
		every time.Duration
		share float64
	}{
		"evenly": {3 * time.Second, 0.85},
	} {
		t.Run(name, func(t *testing.T) {
			s := simulate(t, 11, newVendor("60/1m"), "60/1m")
			s.saturate(3)
			others := 0
			s.every(c.every, func() {
				if s.vendor.take(s.now).span == 0 {
					others++
				}
			})
			s.run(6 * time.Hour)
			used := float64(len(s.accepted(start))+others) / (6 * 3600)
			t.Logf("used %.3f, others %d, refusals %d", used, others, s.refusals(start))
			require.GreaterOrEqual(t, used, c.share)
		})
	}
}

// filled is a state with slots that follow each other at a pace, and the next slot.
func filled(slots int, pace time.Duration, limits ...string) (State, time.Time) {
	s := newState("b", windows(limits...), start, start)
	for i := range slots {
		s.handOut(start.Add(time.Duration(i) * pace))
	}
	last := s.Slots.last()
	return s, last
}

func TestExactRefusalStopsNothing(t *testing.T) {
	s, last := filled(37, time.Second, "60/1m")
	s.refused(Slot{At: last}, time.Minute, 0, last)
	require.Equal(t, 36, s.Windows[0].Learned)
	require.False(t, s.StoppedUntil.After(last))
	require.Zero(t, s.Windows[0].EvidenceFrom)
	require.Equal(t, last.Add(firstProbe), s.Windows[0].ProbeAt)
}

func TestUnusedSlotsAreNoEvidence(t *testing.T) {
	s, last := filled(37, time.Second, "60/1m")
	for i := range 5 {
		s.unused(time.UnixMilli(s.Slots[3*i]))
	}
	s.unused(last)
	s.refused(Slot{At: last}, time.Minute, 0, last)
	require.Equal(t, 31, s.Windows[0].Learned)
	require.Len(t, s.Unused, 6, "each is noted once")
}

func TestProbeCountsAsAcceptedOnceItsReportWouldHaveCome(t *testing.T) {
	s := newState("b", windows("60/1m"), start, start)
	s.Windows[0].learn(36, start)
	s.Windows[0].Probing, s.Windows[0].ProbeAt = start, start
	for i := range 37 {
		s.handOut(start.Add(time.Duration(i) * time.Second))
	}
	last := s.Slots.last()
	s.grow(last.Add(settled - time.Second))
	require.Equal(t, 36, s.Windows[0].Learned)
	s.grow(last.Add(settled + time.Second))
	require.Zero(t, s.Windows[0].Learned)
	require.Zero(t, s.Windows[0].Probing)
}

func TestLimitJustBelowTheConfiguredOneIsForgottenInTime(t *testing.T) {
	s := newState("b", windows("60/1m"), start, start)
	w := &s.Windows[0]
	w.learn(59, start)
	w.ProbeAt = start.Add(time.Hour)
	s.grow(start.Add(59 * time.Minute))
	require.Equal(t, 59, w.Learned)
	s.grow(start.Add(time.Hour))
	require.Zero(t, w.Learned, "one more is what is configured")
	require.Zero(t, w.Probing)
	require.Equal(t, time.Second, w.margin(), "of which nothing is risked")
}

func TestWindowsThatShowLaterAreSorted(t *testing.T) {
	s, last := filled(30, time.Second, "1800/1h")
	s.refused(Slot{At: last}, time.Minute, 0, last)
	require.Equal(t, []time.Duration{time.Minute, time.Hour}, []time.Duration{s.Windows[0].Span, s.Windows[1].Span})
	require.Zero(t, s.Windows[0].Learned, "it has to come there twice")
	require.Equal(t, 30, s.Windows[0].Doubt)
	require.Zero(t, s.Windows[1].Learned)
}

func TestSpanThatIsNoneIsNotBelieved(t *testing.T) {
	for _, span := range []time.Duration{-time.Hour, 0, time.Millisecond, 1000 * time.Hour} {
		s := newState("b", windows(configured...), start, start)
		s.refused(s.handOut(start), span, 0, start)
		require.Len(t, s.Windows, 2)
	}
}

func TestConfiguredLimitIsNotLearned(t *testing.T) {
	s := newState("b", windows("3/1m"), start, start)
	for i := range 3 {
		s.handOut(start.Add(time.Duration(i) * time.Second))
	}
	slot := s.handOut(start.Add(10 * time.Second)) // The vendor took it for the 4th.
	s.refused(slot, time.Minute, 0, slot.At)
	require.Zero(t, s.Windows[0].Learned)
	require.Equal(t, 3, s.Windows[0].limit())
}

func TestEvidenceBeginsAfterTheLastStop(t *testing.T) {
	s := newState("b", windows("60/1m"), start, start)
	at := start
	for range 120 {
		at = s.nextSlot(LastLevel)
		s.handOut(at)
	}
	s.refused(Slot{At: s.Slots.last()}, time.Minute, 0, at)
	require.Equal(t, at.Add(time.Minute), s.StoppedUntil)
	require.Equal(t, s.StoppedUntil, s.Windows[0].EvidenceFrom)
	require.Zero(t, s.highest(s.Windows[0], start, at.Add(time.Hour)))
}

func TestWindowsThatStayKeepWhatWasLearned(t *testing.T) {
	learned := func() State {
		s := newState("b", windows(configured...), start, start)
		s.Windows[0].learn(36, start)
		s.Windows[0].ProbeAt, s.Windows[0].EvidenceFrom = start.Add(time.Hour), start
		s.Windows[1].learn(1080, start)
		s.Windows[1].Probing = start
		s.Windows = append(s.Windows, window{Span: 2 * time.Hour, Learned: 3000})
		return s
	}
	s := learned()
	before := s.Windows
	s.configure(windows("50/1m", "1700/1h"))
	require.Len(t, s.Windows, 3)
	before[0].Calls, before[1].Calls = 50, 1700
	require.Equal(t, before, s.Windows, "with its probes, and the one that nobody configured")

	s = learned()
	s.configure(windows("20/1m"))
	require.Equal(t, []window{{Span: time.Minute, Calls: 20}, {Span: 2 * time.Hour, Learned: 3000}}, s.Windows,
		"not of a window that is gone, nor more than what is configured now")

	s = learned()
	s.configure(windows("7000/2h", "100/10s"))
	require.Equal(t, []window{{Span: 10 * time.Second, Calls: 100}, {Span: 2 * time.Hour, Calls: 7000, Learned: 3000}}, s.Windows, "the shortest first")
}

func TestLimitsMayChangeOnTheWay(t *testing.T) {
	s := simulate(t, 12, newVendor("60/1m", "1800/1h"), "60/1m", "1800/1h")
	s.saturate(3)
	s.run(time.Hour)
	s.send(func() { s.budget.state.configure(windows("30/1m", "600/1h")) })
	s.run(90 * time.Minute)
	var last []time.Time
	for _, c := range s.calls {
		if c.at.After(s.now.Add(-time.Hour)) {
			last = append(last, c.at)
		}
	}
	require.LessOrEqual(t, most(last, time.Minute), 30)
	require.LessOrEqual(t, len(last), 600)
	s.send(func() { s.budget.state.configure([]workflows.CallWindow{{Calls: 60, Span: time.Minute}}) })
	s.vendor.limit("60/1m")
	s.run(time.Hour)
	s.requireWithin("60/1m")
	require.Greater(t, len(s.accepted(s.now.Add(-30*time.Minute))), 29*59, "without the hour the minute binds")
}

// Calls overtake each other: the one that is refused is not always the first that was
// too much.
func TestLimitThatWasLearnedTooLowIsCorrected(t *testing.T) {
	s := newState("b", windows("60/1m"), start, start)
	var made []Slot
	for i := range 7 {
		made = append(made, s.handOut(start.Add(time.Duration(i)*500*time.Millisecond)))
	}
	s.refused(made[4], time.Minute, 0, start.Add(4*time.Second))
	s.refused(made[6], time.Minute, 0, start.Add(4*time.Second))
	s.Windows[0].learn(4, start.Add(4*time.Second))
	s.Windows[0].EvidenceFrom = start
	s.grow(start.Add(30 * time.Second))
	require.Equal(t, 4, s.Windows[0].Learned, "another one may still be reported as refused")
	s.grow(start.Add(2 * time.Minute))
	require.Equal(t, 5, s.Windows[0].Learned)
}
