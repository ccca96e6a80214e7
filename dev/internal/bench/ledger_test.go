package bench_test

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/dev/internal/bench"
	"github.com/callvault/callvault/workflows"
)

var noon = time.Date(2026, time.January, 2, 12, 0, 0, 0, time.UTC)

// atSeconds returns times so many seconds after noon.
func atSeconds(seconds ...float64) []time.Time {
	var all []time.Time
	for _, s := range seconds {
		all = append(all, noon.Add(time.Duration(s*float64(time.Second))))
	}
	return all
}

// every returns n times, the first one at noon.
func every(interval time.Duration, n int) []time.Time {
	var all []time.Time
	for i := range n {
		all = append(all, noon.Add(time.Duration(i)*interval))
	}
	return all
}

func TestShareIsOneWhenCallsComeAsFastAsTheBindingWindowAllows(t *testing.T) {
	t.Parallel()
	require.InDelta(t, 1, bench.Share(every(time.Second, 61), minute), 1e-9)
	require.InDelta(t, 1, bench.Share(every(2*time.Second, 61), minute, hour), 1e-9, "the hour binds")
	require.InDelta(t, .5, bench.Share(every(2*time.Second, 61), minute), 1e-9)
}

func TestShareOfLessThanTwoCallsIsZero(t *testing.T) {
	t.Parallel()
	require.Zero(t, bench.Share(nil, minute))
	require.Zero(t, bench.Share(every(time.Second, 1), minute))
}

func TestAllowedIsThatOfTheWindowThatBinds(t *testing.T) {
	t.Parallel()
	require.InDelta(t, 120, bench.Allowed(2*time.Minute, minute), 1e-9)
	require.InDelta(t, 60, bench.Allowed(2*time.Minute, minute, hour), 1e-9)
	require.Equal(t, math.Inf(1), bench.Allowed(time.Minute))
}

func TestMostWithinCountsTimesLessThanASpanApart(t *testing.T) {
	t.Parallel()
	require.Equal(t, 0, bench.MostWithin(time.Minute, nil))
	require.Equal(t, 1, bench.MostWithin(time.Minute, atSeconds(0, 60, 120)))
	require.Equal(t, 2, bench.MostWithin(time.Minute, atSeconds(0, 59.999, 120)))
	require.Equal(t, 3, bench.MostWithin(time.Minute, atSeconds(0, 100, 110, 120, 200)))
}

func TestBetweenLeavesBothEndsOut(t *testing.T) {
	t.Parallel()
	calls := atSeconds(1, 2, 3, 4)
	require.Equal(t, 2, bench.Between(calls, calls[0], calls[3]))
	require.Equal(t, 4, bench.Between(calls, noon, noon.Add(time.Hour)))
	require.Zero(t, bench.Between(calls, calls[3], calls[0]), "the wrong way round")
	require.Zero(t, bench.Between(calls, calls[1], calls[1]))
}

func TestFromAndUntilDivideTheTimes(t *testing.T) {
	t.Parallel()
	calls := atSeconds(1, 2, 3)
	require.Equal(t, calls[1:], bench.From(calls, calls[1]))
	require.Equal(t, calls[:1], bench.Until(calls, calls[1]))
	require.Empty(t, bench.From(calls, calls[2].Add(1)))
	require.Empty(t, bench.Until(calls, noon))
}

func TestReachedIsTheFirstCallThatFillsAWindowToTheShare(t *testing.T) {
	t.Parallel()
	window := workflows.CallWindow{Calls: 4, Span: 10 * time.Second}
	calls := atSeconds(0, 1, 20, 24, 28, 29)
	at, ok := bench.Reached(calls, noon, window, .75)
	require.True(t, ok)
	require.Equal(t, calls[4], at)
	_, ok = bench.Reached(calls, calls[3], window, .75)
	require.True(t, ok, "24, 28 and 29")
	_, ok = bench.Reached(calls, calls[4], window, .75)
	require.False(t, ok, "calls before the time do not count")
	_, ok = bench.Reached(atSeconds(0, 5, 10), noon, window, .75)
	require.False(t, ok, "the first and the last are a whole window apart")
}

func TestPercentileIsTheValueBelowWhichTheShareIs(t *testing.T) {
	t.Parallel()
	values := []int{4, 1, 3, 2}
	require.Equal(t, 1, bench.Percentile(values, 0))
	require.Equal(t, 3, bench.Percentile(values, .5))
	require.Equal(t, 4, bench.Percentile(values, 1))
	require.Equal(t, []int{4, 1, 3, 2}, values, "the values are not sorted in place")
	require.Zero(t, bench.Percentile([]int(nil), .5))
}
