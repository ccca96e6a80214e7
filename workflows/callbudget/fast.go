package callbudget

import "time"

// A budget of more than 1,200 calls a minute is faster than the messages to it. Its calls
// get their slots together, and it is seldom used to its limit: it is the Temporal server
// or the store that bounds the calls, and both are busy then.

const (
	// together is how close to each other the slots of a fast budget are, and of those
	// that one answer hands out.
	together = 50 * time.Millisecond

	// gather is how long a worker waits for further calls before it asks again.
	gather = idleNotice / 4

	// maxLateness is how late a call may be while no window is used to more than one of
	// roomyParts. It is counted as if it were made that late.
	maxLateness = 3 * time.Second
	roomyParts  = 4
)

// isFast reports whether the budget is faster than the messages to it.
func (s *State) isFast() bool {
	even, _, _ := s.pace()
	return s.Rules >= rulesOfFastBudgets && even < together
}

// leastNotice is the notice if slots are not late.
func (s *State) leastNotice() time.Duration {
	if s.isFast() {
		return idleNotice
	}
	return minNotice
}

// takeIn returns how long a worker waits before it takes a slot that is in so much time.
func (s *State) takeIn(in, notice time.Duration) time.Duration {
	if s.isFast() {
		return max(gather, in-notice)
	}
	return max(0, in-notice)
}

// mayBeLate reports whether the call of a slot may be late by maxLateness.
func (s *State) mayBeLate(at time.Time) bool {
	if !s.isFast() {
		return false
	}
	for _, w := range s.Windows {
		if s.Slots.within(w.Span+maxLateness, at) > w.limit()/roomyParts {
			return false
		}
	}
	return true
}
