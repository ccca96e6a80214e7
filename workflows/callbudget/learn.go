package callbudget

import (
	"slices"
	"time"

	"github.com/callvault/callvault/workflows"
)

// How the true limits are learned. Only refusals tell of them, and one refusal may be
// an accident: an odd session, a firewall, somebody else's burst.
//
//   - If the window had never been fuller than it was before the refused call, and it was
//     half full at least, the refusal says exactly how many calls it takes.
//   - Otherwise all calls stop for a minute, and for the window or a quarter of an hour
//     after another refusal. Then the window is filled from nothing that is known, so
//     that the next refusal says it exactly. One that comes at a low level has to come
//     there twice.
//   - A limit may be raised too, which only one call more than what was learned finds
//     out. It is refused if nothing has changed, so it is tried seldom: an hour after
//     the limit was learned, and twice as long after each failure. If it is accepted,
//     what was learned is forgotten.
//   - The fetch whose last call was refused tells nothing by another refusal.
//
// What is configured is never exceeded.

const (
	// firstStop and maxStop bound how long all calls stop for a window to free up, the
	// first time and then, if the vendor does not ask for more.
	firstStop = time.Minute
	maxStop   = 15 * time.Minute

	// firstProbe and lastProbe are the shortest and the longest wait before one call
	// more than learned is tried; for long windows it is probeSpans of them at least.
	firstProbe = time.Hour
	lastProbe  = 24 * time.Hour
	probeSpans = 4

	// minDoubt and doubtSpans are for how long a refusal at a low level is remembered: for
	// so many windows, if that is longer.
	minDoubt   = 10 * time.Minute
	doubtSpans = 3

	// underWay is how long after a refusal calls are made whose slots were handed out
	// before.
	underWay = 10 * time.Second

	// settled is when a call that was not reported as refused counts as accepted.
	settled = time.Minute

	// maxUnused bounds the slots that are remembered as unused; the oldest are forgotten
	// first.
	maxUnused = 1000
)

// refused records that the call of a slot was refused by rate. span is that of the
// window, 0 if the vendor did not say which.
func (s *State) refused(slot Slot, span, retryAfter time.Duration, now time.Time) {
	s.Refusals++
	s.unused(slot.At)
	if !slot.Suspect {
		s.StoppedUntil = latest(s.StoppedUntil, now.Add(min(retryAfter, s.longest())))
	}
	switch {
	case !slot.At.After(s.VoidThrough), now.Sub(slot.At) > settled:
		s.note(now, "another call, of the slot at %s, was refused by rate", slot.At.UTC().Format(time.TimeOnly))
		return
	case slot.Suspect:
		s.note(now, "a call was refused by rate whose fetch was refused before")
		return
	}
	w := s.windowOf(span, slot.At)
	level, highest := s.levelAt(*w, slot.At), s.highest(*w, slot.At.Add(-w.Span), slot.At)
	exact := highest > 0 && level == highest+1
	likely := w.Calls > 0 && 2*highest >= w.limit()
	switch {
	case !w.Probing.IsZero() && level >= w.Learned:
		w.Probing = time.Time{}
		w.ProbeWait = min(2*w.ProbeWait, max(lastProbe, probeSpans*w.Span))
		w.ProbeAt = now.Add(w.ProbeWait)
		s.note(now, "refused by rate: the vendor still takes %d calls in %s", w.Learned, w.Span)
	case exact && likely, w.isRepeated(level, now):
		w.learn(max(level-1, 1), now)
		s.note(now, "refused by rate: the vendor takes %d calls in %s", max(level-1, 1), w.Span)
	default:
		stop := min(w.Span, firstStop)
		if w.Doubts > 0 {
			stop = min(w.Span, maxStop)
		}
		w.Doubt, w.DoubtAt, w.Doubts = 0, now.UTC(), w.Doubts+1
		if exact {
			w.Doubt = level
		}
		s.StoppedUntil = latest(s.StoppedUntil, now.Add(stop))
		w.EvidenceFrom = s.StoppedUntil
		s.note(now, "refused by rate after %d calls in %s; all calls stop until %s", level-1, w.Span, s.StoppedUntil.UTC().Format(time.TimeOnly))
	}
}

// isRepeated reports whether the window refused a call at about the same level lately.
func (w window) isRepeated(level int, now time.Time) bool {
	return w.Doubt > 0 && now.Sub(w.DoubtAt) < max(minDoubt, doubtSpans*w.Span) && max(level-w.Doubt, w.Doubt-level) <= 1+w.Doubt/10
}

// learn records a limit.
func (w *window) learn(limit int, now time.Time) {
	*w = window{Span: w.Span, Calls: w.Calls, EvidenceFrom: w.EvidenceFrom}
	if limit == 0 || w.Calls > 0 && limit >= w.Calls { // Calls came closer together than their slots.
		return
	}
	w.Learned, w.ProbeWait = limit, max(firstProbe, probeSpans*w.Span)
	w.ProbeAt = now.Add(w.ProbeWait)
	w.LearnedAt = now.UTC()
}

// windowOf returns the window that refused a call: the one of the span that the
// vendor names, or the one that is fullest.
func (s *State) windowOf(span time.Duration, slot time.Time) *window {
	if span >= workflows.MinWindowSpan && span <= workflows.MaxWindowSpan {
		isNamed := func(w window) bool { return w.Span == span }
		if !slices.ContainsFunc(s.Windows, isNamed) {
			s.Windows = append(s.Windows, window{Span: span})
			s.sortWindows()
		}
		return &s.Windows[slices.IndexFunc(s.Windows, isNamed)]
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

// unused records that the vendor does not count the call of a slot.
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
		if w.Doubts > 0 && s.highest(*w, w.EvidenceFrom, now.Add(-settled)) > 0 {
			w.Doubts = 0 // Calls are accepted again.
		}
		if !w.LearnedAt.IsZero() && now.Sub(w.LearnedAt) >= settled {
			s.correct(w, now)
		}
		switch {
		case w.Learned == 0 || now.Before(w.ProbeAt):
		case w.Learned+1 >= w.Calls && w.Calls > 0:
			s.note(now, "the configured %d calls in %s are tried again", w.Calls, w.Span)
			w.learn(0, now)
		case w.Probing.IsZero():
			w.Probing = now
		case s.highest(*w, w.Probing, now.Add(-settled)) > w.Learned:
			s.note(now, "the vendor takes more than %d calls in %s again", w.Learned, w.Span)
			w.learn(0, now)
		}
	}
}

// correct records that calls which were under way when a limit was learned were
// accepted: calls overtake each other, so that the one that was refused is not always the
// first that was too much.
func (s *State) correct(w *window, now time.Time) {
	took := s.highest(*w, w.LearnedAt.Add(-w.Span), w.LearnedAt.Add(underWay))
	if took > w.Learned {
		s.note(now, "the vendor took %d calls in %s all the same", took, w.Span)
		w.learn(took, w.LearnedAt)
	}
	w.LearnedAt = time.Time{}
}
