package callbudget

import (
	"slices"
	"time"

	"github.com/callvault/callvault/workflows"
)

// How the true limits are learned. Only refusals tell of them:
//
//   - If the window had never been fuller than it was before the refused call, the
//     refusal says exactly how many calls it takes.
//   - If it had been fuller, with every call accepted, the limit was lowered since, or
//     somebody else shares it. Retry-After says how many calls are left in the window
//     when the vendor takes one more, and so the limit. Without it all calls stop until
//     the window has freed up, and the next refusal is of the first kind.
//   - A limit may be raised too, which only one call more than what was learned finds
//     out. It is refused if nothing has changed, so it is tried seldom: an hour after
//     the limit was learned, and twice as long after each failure. If it is accepted,
//     what was learned is forgotten, and the next refusal is of the first kind.
//
// What is configured is never exceeded.

const (
	// maxStop bounds how long all calls stop for a window to free up, if the vendor
	// does not ask for more.
	maxStop = 15 * time.Minute

	// firstProbe and lastProbe are the shortest and the longest wait before one call
	// more than learned is tried; for long windows it is probeSpans of them at least.
	firstProbe = time.Hour
	lastProbe  = 24 * time.Hour
	probeSpans = 4

	// settled is when a call that was not reported as refused counts as accepted.
	settled = time.Minute

	// maxUnused bounds the slots that are remembered as unused; the oldest are forgotten
	// first.
	maxUnused = 1000

	// maxRetryAfter bounds what the vendor may ask for.
	maxRetryAfter = 24 * time.Hour
)

// refused takes over that the call of a slot was refused by rate. span is that of the
// window, 0 if the vendor did not say which.
func (s *State) refused(slot time.Time, span, retryAfter time.Duration, now time.Time) {
	s.Refusals++
	s.unused(slot)
	retryAfter = min(retryAfter, maxRetryAfter)
	s.StoppedUntil = latest(s.StoppedUntil, now.Add(retryAfter))
	if !slot.After(s.VoidThrough) { // It was under way when another was refused.
		s.note(now, "another call, of the slot at %s, was refused by rate", slot.UTC().Format(time.TimeOnly))
		return
	}
	w := s.windowOf(span, slot)
	level, highest := s.levelAt(*w, slot), s.highest(*w, slot.Add(-w.Span), slot)
	switch {
	case !w.Probing.IsZero() && level >= w.Learned:
		w.Probing = time.Time{}
		w.ProbeWait = min(2*w.ProbeWait, max(lastProbe, probeSpans*w.Span))
		s.note(now, "refused by rate: the vendor still takes %d calls in %s", w.Learned, w.Span)
	case highest > 0 && level == highest+1:
		w.learn(highest)
		s.note(now, "refused by rate: the vendor takes %d calls in %s", w.Learned, w.Span)
	case retryAfter > 0 && retryAfter < w.Span:
		w.learn(1 + s.accepted(now.Add(retryAfter-w.Span), slot))
		s.note(now, "refused by rate: the vendor takes about %d calls in %s, fewer than before", w.Learned, w.Span)
	default:
		w.learn(max(level, highest) - 1)
		s.StoppedUntil = latest(s.StoppedUntil, now.Add(min(w.Span, maxStop)))
		w.EvidenceFrom = s.StoppedUntil
		s.note(now, "refused by rate: the vendor takes fewer than %d calls in %s, fewer than before; all calls stop until %s",
			level, w.Span, s.StoppedUntil.UTC().Format(time.TimeOnly))
	}
	if w.Learned > 0 {
		w.ProbeAt = now.Add(w.ProbeWait)
	}
}

// learn takes over a limit.
func (w *window) learn(limit int) {
	w.Learned, w.Probing, w.ProbeAt, w.ProbeWait = limit, time.Time{}, time.Time{}, max(firstProbe, probeSpans*w.Span)
	if w.Calls > 0 && limit >= w.Calls { // Calls came closer together than their slots.
		w.Learned, w.ProbeWait = 0, 0
	}
}

// windowOf returns the window that refused a call: the one of the span that the
// vendor names, or the one that is fullest.
func (s *State) windowOf(span time.Duration, slot time.Time) *window {
	if span >= workflows.MinWindowSpan && span <= workflows.MaxWindowSpan {
		i := slices.IndexFunc(s.Windows, func(w window) bool { return w.Span == span })
		if i >= 0 {
			return &s.Windows[i]
		}
		s.Windows = append(s.Windows, window{Span: span})
		s.sortWindows()
		i = slices.IndexFunc(s.Windows, func(w window) bool { return w.Span == span })
		return &s.Windows[i]
	}
	fullest := &s.Windows[0]
	use := func(w window) float64 { return float64(s.levelAt(w, slot)) / float64(w.limit()) }
	for i := range s.Windows {
		if use(s.Windows[i]) > use(*fullest) {
			fullest = &s.Windows[i]
		}
	}
	return fullest
}

// unused takes over that the vendor does not count the call of a slot.
func (s *State) unused(slot time.Time) {
	at := slot.UnixMilli()
	i, known := slices.BinarySearch(s.Unused, at)
	if known {
		return
	}
	s.Unused = slices.Insert(s.Unused, i, at)
	if len(s.Unused) > maxUnused {
		s.Unused = s.Unused[len(s.Unused)-maxUnused:]
	}
}

// levelAt counts the slots in the window that ends with a slot, that one included,
// without those that the vendor did not count.
func (s *State) levelAt(w window, slot time.Time) int { return 1 + s.accepted(slot.Add(-w.Span), slot) }

// accepted counts the slots between two times that the vendor counted, as far as is
// known.
func (s *State) accepted(after, before time.Time) int {
	count := max(0, s.Slots.after(before.UnixMilli()-1)-s.Slots.after(after.UnixMilli()))
	count -= max(0, s.Unused.after(before.UnixMilli()-1)-s.Unused.after(after.UnixMilli()))
	return max(0, count)
}

// highest returns how full the window was, at most, with an accepted call from a time
// until before another; 0 if nothing is known.
func (s *State) highest(w window, from, to time.Time) int {
	from = latest(from, w.EvidenceFrom)
	highest := 0
	for _, at := range s.Slots[s.Slots.after(from.UnixMilli()-1):] {
		if at >= to.UnixMilli() {
			break
		}
		if _, unused := slices.BinarySearch(s.Unused, at); !unused {
			highest = max(highest, s.levelAt(w, time.UnixMilli(at)))
		}
	}
	return highest
}

// grow tries one call more than what was learned, when it is time. If that is accepted
// the limit was raised, and what was learned is forgotten. It is called before each
// slot.
func (s *State) grow(now time.Time) {
	for i := range s.Windows {
		w := &s.Windows[i]
		switch {
		case w.Learned == 0 || now.Before(w.ProbeAt):
		case w.Learned+1 >= w.Calls && w.Calls > 0:
			s.note(now, "the configured %d calls in %s are tried again", w.Calls, w.Span)
			w.learn(w.Calls)
		case w.Probing.IsZero():
			w.Probing = now
		case s.highest(*w, w.Probing, now.Add(-settled)) > w.Learned:
			s.note(now, "the vendor takes more than %d calls in %s again", w.Learned, w.Span)
			w.learn(0)
		}
	}
}
