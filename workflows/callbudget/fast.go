package callbudget

import "time"

// A budget whose slots are less than 50 ms apart, of over 1,200 calls a minute, is faster
// than the messages to it. Its calls get their slots together. It is seldom used to its
// limit: the Temporal server or the store bounds the calls, and is busy then.

const (
	// fastPace is how close to each other the slots of a fast budget are.
	fastPace = 50 * time.Millisecond

	// answerSpan is how far apart the slots of one answer are, at most: what is used while
	// some messages are under way. answerSpanBefore was it before rulesOfFastBudgets, for
	// every budget.
	answerSpan       = 250 * time.Millisecond
	answerSpanBefore = 50 * time.Millisecond

	// maxLateness is how late a call may be as long as no window is used to more than one of
	// emptyParts. It is counted as if it were made that late, so the windows hold in any
	// case. In fuller ones the longer count would cost calls.
	maxLateness = 3 * time.Second
	emptyParts  = 4
)

// isFast reports whether the budget is faster than the messages to it.
func (s *State) isFast() bool {
	even, _, _ := s.pace()
	return s.Rules >= rulesOfFastBudgets && even < fastPace
}

// leastNotice is the notice if slots are not late.
func (s *State) leastNotice() time.Duration {
	if s.isFast() {
		return idleNotice
	}
	return minNotice
}

// usualNotice is the notice of a budget that is not idle.
func (s *State) usualNotice() time.Duration { return max(s.leastNotice(), s.Notice) }

// decayNotice has the notice shrink again: with each slot, of a fast budget with each answer.
func (s *State) decayNotice() {
	s.Notice = max(s.leastNotice(), s.Notice-s.Notice/noticeDecay)
}

// answerSpan is how far apart the slots of one answer are, at most; zero for one slot.
func (s *State) answerSpan() time.Duration {
	switch {
	case s.Rules < rulesOfFastBudgets:
		return answerSpanBefore
	case s.isFast():
		return answerSpan
	default:
		return 0
	}
}

// mayBeLate reports whether the call of a slot may be late by maxLateness.
func (s *State) mayBeLate(at time.Time) bool {
	if !s.isFast() {
		return false
	}
	for _, w := range s.Windows {
		if s.Slots.within(w.Span, at) > w.limit()/emptyParts {
			return false
		}
	}
	return true
}

// lateEnd returns until when the calls of the slots up to a time may be made, apart from what
// every call may be late. (Of all of them, because a limit may have been lowered: then this
// slot may be in time, and one before it late.)
func (s *State) lateEnd(at time.Time) time.Time {
	switch {
	case s.LateThrough.IsZero():
		return at
	case at.After(s.LateThrough):
		return latest(at, s.LateThrough.Add(maxLateness))
	default:
		return at.Add(maxLateness)
	}
}
