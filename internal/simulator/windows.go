package simulator

import (
	"sort"
	"time"
)

// windows holds the two rolling windows of one bot: what counts is what was called in the 60 s and in the 1 h before,
// not what the clock's minute or hour is. Both hold at once; when the hour is spent everything is refused though the
// minute is free (vendor docs). It is not safe for concurrent use.
type windows struct {
	perMinute, perHour int
	refusedCount       bool
	calls              []time.Time // oldest first, at most the larger of the two limits
}

// take spends one call, or says which window refuses it and after how long that one lets a call through again.
func (w *windows) take(now time.Time) (Reason, time.Duration) {
	w.forget(now)
	reason, wait := w.full(now)
	if reason == "" || w.refusedCount {
		w.remember(now)
	}
	return reason, wait
}

func (w *windows) full(now time.Time) (Reason, time.Duration) {
	if wait := w.wait(now, w.perHour, time.Hour); wait > 0 {
		return ReasonHour, wait
	}
	if wait := w.wait(now, w.perMinute, time.Minute); wait > 0 {
		return ReasonMinute, wait
	}
	return "", 0
}

// wait is zero when fewer than limit calls lie within the span before now. A call made exactly one span ago is out.
func (w *windows) wait(now time.Time, limit int, span time.Duration) time.Duration {
	if limit == Unlimited || len(w.calls) < limit {
		return 0
	}
	// Once the limit-th call from the end leaves the window there is room for one more.
	leaves := w.calls[len(w.calls)-limit].Add(span)
	return max(0, leaves.Sub(now))
}

func (w *windows) remember(now time.Time) {
	bound := max(w.perMinute, w.perHour)
	if bound == Unlimited {
		return
	}
	if len(w.calls) >= bound {
		w.calls = w.calls[len(w.calls)-bound+1:]
	}
	w.calls = append(w.calls, now)
}

// forget drops what both windows have left behind.
func (w *windows) forget(now time.Time) {
	edge := now.Add(-time.Hour)
	if w.perHour == Unlimited {
		edge = now.Add(-time.Minute)
	}
	n := sort.Search(len(w.calls), func(i int) bool { return w.calls[i].After(edge) })
	w.calls = w.calls[n:]
}
