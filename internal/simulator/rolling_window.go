package simulator

import (
	"sort"
	"time"
)

// windows holds the two rolling windows of one bot: they count the calls of the last 60 s and of the last hour, not of the
// clock's minute or hour. Both apply at once: when the hour is spent, calls are refused even with minute budget left
// (vendor docs). It is not safe for concurrent use.
type windows struct {
	perMinute, perHour int
	refusedCount       bool
	calls              []time.Time // oldest first, at most the larger of the two limits
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

func (w *windows) record(now time.Time) {
	bound := max(w.perMinute, w.perHour)
	if bound == Unlimited {
		return
	}
	if len(w.calls) >= bound {
		w.calls = w.calls[len(w.calls)-bound+1:]
	}
	w.calls = append(w.calls, now)
}

// dropExpired drops the calls that have left both windows.
func (w *windows) dropExpired(now time.Time) {
	edge := now.Add(-time.Hour)
	if w.perHour == Unlimited {
		edge = now.Add(-time.Minute)
	}
	n := sort.Search(len(w.calls), func(i int) bool { return w.calls[i].After(edge) })
	w.calls = w.calls[n:]
}
