package simulator

import (
	"sort"
	"time"
)

// windows holds two rolling windows: they count the calls of the last 60 s and of the last hour, not of the clock's minute
// or hour. Both apply at once: when the hour is spent, calls are refused even with minute budget left (vendor docs). The
// limits may change between calls. It is not safe for concurrent use.
type windows struct {
	perMinute, perHour int
	refusedCount       bool
	calls              []time.Time // of the last hour, whatever the limits are; oldest first, at most maxWindowCalls
}

func (w *windows) setLimits(perMinute, perHour int, refusedCount bool) {
	w.perMinute, w.perHour, w.refusedCount = perMinute, perHour, refusedCount
}

// take spends one call, or returns which window refuses it and how long until that window accepts a call again.
func (w *windows) take(now time.Time) (Reason, time.Duration) {
	w.dropExpired(now)
	reason, wait := w.exceeded(now)
	if reason == "" || w.refusedCount {
		w.record(now)
	}
	return reason, wait
}

func (w *windows) exceeded(now time.Time) (Reason, time.Duration) {
	if wait := w.wait(now, w.perHour, time.Hour); wait > 0 {
		return ReasonHour, wait
	}
	if wait := w.wait(now, w.perMinute, time.Minute); wait > 0 {
		return ReasonMinute, wait
	}
	return "", 0
}

// wait returns zero if fewer than limit calls are within the span before now. A call made exactly one span ago is not.
func (w *windows) wait(now time.Time, limit int, span time.Duration) time.Duration {
	if limit == Unlimited || len(w.calls) < limit {
		return 0
	}
	// The window accepts another call once the limit-th call from the end has left it.
	leaves := w.calls[len(w.calls)-limit].Add(span)
	return max(0, leaves.Sub(now))
}

// left returns how many calls both windows accept now, at most maxWindowCalls.
func (w *windows) left(now time.Time) int {
	w.dropExpired(now)
	left := maxWindowCalls
	if w.perMinute != Unlimited {
		left = min(left, w.perMinute-(len(w.calls)-w.firstWithin(time.Minute, now)))
	}
	if w.perHour != Unlimited {
		left = min(left, w.perHour-len(w.calls))
	}
	return max(0, left)
}

// record stores a call. Of more than maxWindowCalls, the oldest decide nothing: no limit is larger.
func (w *windows) record(now time.Time) {
	if len(w.calls) >= maxWindowCalls {
		w.calls = w.calls[1:]
	}
	w.calls = append(w.calls, now)
}

func (w *windows) dropExpired(now time.Time) {
	w.calls = w.calls[w.firstWithin(time.Hour, now):]
}

// firstWithin returns the index of the first call within the span before now.
func (w *windows) firstWithin(span time.Duration, now time.Time) int {
	edge := now.Add(-span)
	return sort.Search(len(w.calls), func(i int) bool { return w.calls[i].After(edge) })
}
