package callbudget

import (
	"slices"
	"time"
)

// How the true limits are learned. Only refusals tell of them:
//
//   - If the window had never been fuller than it was before the refused call, the
//     refusal says exactly how many calls it takes.
//   - If it had been fuller, with every call accepted, the limit was lowered since, or
//     somebody else shares it: the true one is lower than the use of the window, and
//     nobody knows by how much. All calls stop until the window has freed up, and the
//     next refusal is of the first kind.
//   - A limit may be raised too, which only a call beyond what was learned finds out.
//     Such a call is refused if nothing has changed, so it is tried seldom: an hour
//     after the limit was learned, and twice as long after each failure. If it
//     succeeds, the limit grows by steps that double until a refusal.
//
// So a limit that is found, or raised, costs one refusal; one that is lowered costs
// two. What is configured is never exceeded.

const (
	// maxStop bounds how long all calls stop for a window to free up, if the vendor
	// does not ask for more.
	maxStop = 15 * time.Minute

	// firstProbe and lastProbe are the shortest and the longest wait before one call
	// more than learned is tried; for long windows it is probeSpans of them at least.
	firstProbe = time.Hour
	lastProbe  = 24 * time.Hour
	probeSpans = 4

	// maxRetryAfter bounds what the vendor may ask for.
	maxRetryAfter = 24 * time.Hour
)

// refused takes over that the call of a slot was refused by rate. span is that of the
// window, 0 if the vendor did not say which.
func (s *State) refused(slot time.Time, span, retryAfter time.Duration, now time.Time) {
	s.Refusals++
	s.RefusedAt = append(s.RefusedAt, slot.UnixMilli())
	if now.Before(s.StoppedUntil) {
		s.note(now, "another call, of the slot at %s, was refused by rate", slot.UTC().Format(time.TimeOnly))
		return
	}
	w := s.windowOf(span, slot)
	level, highest := s.levelAt(*w, slot), s.highestBefore(*w, slot)
	exact := highest > 0 && level == highest+1
	learned := max(level-1, 1)
	if exact {
		if w.Step == 2 && learned == w.Learned-1 { // The first step beyond it failed.
			w.ProbeWait = min(2*w.ProbeWait, max(lastProbe, probeSpans*w.Span))
		} else {
			w.ProbeWait = max(firstProbe, probeSpans*w.Span)
		}
		s.StoppedUntil = now.Add(min(retryAfter, maxRetryAfter))
		s.note(now, "refused by rate: the vendor takes %d calls in %s", learned, w.Span)
	} else {
		s.StoppedUntil = now.Add(max(min(w.Span, maxStop), min(retryAfter, maxRetryAfter)))
		w.EvidenceFrom = s.StoppedUntil
		w.ProbeWait = 0
		s.note(now, "refused by rate: the vendor takes fewer than %d calls in %s, fewer than before; all calls stop until %s",
			level, w.Span, s.StoppedUntil.UTC().Format(time.TimeOnly))
	}
	w.Learned, w.Unsure, w.Step = learned, !exact, 1
	w.ProbeAt = now.Add(w.ProbeWait)
	if w.Calls > 0 && w.Learned >= w.Calls { // Calls came closer together than their slots.
		w.Learned, w.Unsure, w.ProbeAt = 0, false, time.Time{}
		if exact {
			s.StoppedUntil = latest(s.StoppedUntil, now.Add(w.margin()))
		}
	}
}

// windowOf returns the window that refused a call: the one of the span that the
// vendor names, or the one that is fullest.
func (s *State) windowOf(span time.Duration, slot time.Time) *window {
	if span > 0 {
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

// levelAt counts the slots in the window that ends with a slot, that one included,
// without those that were refused before.
func (s *State) levelAt(w window, slot time.Time) int {
	count := s.Slots.within(w.Span, slot)
	for _, at := range s.RefusedAt {
		if at < slot.UnixMilli() && at > slot.Add(-w.Span).UnixMilli() {
			count--
		}
	}
	return count
}

// highestBefore returns how full the window was, at most, with an accepted call
// during the span before a slot; 0 if nothing is known.
func (s *State) highestBefore(w window, slot time.Time) int {
	from := latest(slot.Add(-w.Span), w.EvidenceFrom)
	highest := 0
	for _, at := range s.Slots[s.Slots.after(from.UnixMilli()-1):s.Slots.after(slot.UnixMilli()-1)] {
		if !slices.Contains(s.RefusedAt, at) {
			highest = max(highest, s.levelAt(w, time.UnixMilli(at)))
		}
	}
	return highest
}

// grow tries what was learned again, when it is time. It is called before each slot.
func (s *State) grow(now time.Time) {
	for i := range s.Windows {
		w := &s.Windows[i]
		if w.Learned == 0 || w.Unsure || now.Before(w.ProbeAt) {
			continue
		}
		if w.Step > 1 && s.highestBefore(*w, now) < w.Learned {
			continue // The last step was not used yet.
		}
		w.Learned += w.Step
		w.Step *= 2
		w.ProbeAt = now.Add(w.Span)
		if w.Calls > 0 && w.Learned >= w.Calls {
			s.note(now, "the configured %d calls in %s are tried again", w.Calls, w.Span)
			w.Learned, w.ProbeAt, w.ProbeWait = 0, time.Time{}, 0
		}
	}
}
