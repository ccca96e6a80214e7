package bench

import (
	"math"
	"slices"
	"time"

	"github.com/callvault/callvault/workflows"
)

// Share returns how many calls were made after the first one, in relation to what the
// window that binds allows from the first call to the last. The times are sorted.
func Share(calls []time.Time, windows ...workflows.CallWindow) float64 {
	if len(calls) < 2 {
		return 0
	}
	allowed := Allowed(calls[len(calls)-1].Sub(calls[0]), windows...)
	return float64(len(calls)-1) / allowed
}

// Allowed returns how many calls the window that binds allows in a time, on average.
func Allowed(span time.Duration, windows ...workflows.CallWindow) float64 {
	allowed := math.Inf(1)
	for _, window := range windows {
		allowed = min(allowed, float64(window.Calls)*span.Seconds()/window.Span.Seconds())
	}
	return allowed
}

// MostWithin returns how many of the sorted times are within one span, at most.
func MostWithin(span time.Duration, times []time.Time) int {
	most, first := 0, 0
	for i, at := range times {
		for at.Sub(times[first]) >= span {
			first++
		}
		most = max(most, i-first+1)
	}
	return most
}

// Between counts the sorted times after one time and before another.
func Between(times []time.Time, after, before time.Time) int {
	return max(0, len(From(times, after.Add(1)))-len(From(times, before)))
}

// From returns the sorted times that are not before a time.
func From(times []time.Time, from time.Time) []time.Time {
	i, _ := slices.BinarySearchFunc(times, from, time.Time.Compare)
	return times[i:]
}

// Until returns the sorted times before a time.
func Until(times []time.Time, until time.Time) []time.Time {
	return times[:len(times)-len(From(times, until))]
}

// Reached returns when the calls of one span before it were first, from a time on, a
// share of what the window allows, and whether they ever were. The times are sorted.
func Reached(calls []time.Time, from time.Time, window workflows.CallWindow, share float64) (time.Time, bool) {
	want := int(math.Ceil(share * float64(window.Calls)))
	for i, at := range calls {
		if at.Before(from) || i+1 < want {
			continue
		}
		if first := calls[i+1-want]; !first.Before(from) && at.Sub(first) < window.Span {
			return at, true
		}
	}
	return time.Time{}, false
}

// Percentile returns the value below which the share of the values is; 0 of none.
func Percentile[T int | time.Duration | float64](values []T, share float64) T {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	return sorted[min(len(sorted)-1, int(share*float64(len(sorted))))]
}
