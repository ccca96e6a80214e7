package callbudget

import (
	"cmp"
	"slices"
	"time"

	"go.temporal.io/sdk/workflow"
)

// maxPending bounds the asks that wait in the workflow: a Temporal server takes 10
// updates at a time, and one has to remain for a better ask.
const maxPending = 7

// pending is an ask that waits for its answer.
type pending struct {
	Ask
	number int       // in the order of arrival
	until  time.Time // when the worker no longer waits
	answer *Answer
}

// candidate is a want of a pending ask.
type candidate struct {
	ask  *pending
	want Want
}

// candidates returns the wants of the asks that still wait, best first. While a bot is
// blocked, the fetches that met that are the last of it: another one's call tells more.
// Then it goes by level, then the batch whose last slot is longest ago, then the ask that came first.
func (s *State) candidates(asks []*pending, now time.Time) []candidate {
	var all []candidate
	for _, ask := range asks {
		if ask.answer != nil || !now.Before(ask.until) {
			continue
		}
		for _, want := range ask.Wants {
			all = append(all, candidate{ask, want})
		}
	}
	slices.SortStableFunc(all, func(a, b candidate) int {
		return cmp.Or(
			cmp.Compare(s.suspicion(a.want), s.suspicion(b.want)),
			cmp.Compare(a.want.Level, b.want.Level),
			cmp.Compare(s.Served[a.want.Batch], s.Served[b.want.Batch]),
			cmp.Compare(a.ask.number, b.ask.number),
		)
	})
	return all
}

// suspicion is higher for a want that is tried last: of a bot whose calls failed already,
// while all bots of the account are blocked, or of a fetch whose own call failed.
func (s *State) suspicion(want Want) int {
	_, blocked := s.Blocks[want.BotID]
	switch {
	case blocked && want.Suspect:
		return 2
	case blocked && s.Account != nil:
		return 1
	default:
		return 0
	}
}

// maxServed bounds the batches that are remembered for their turns: as many as the asks
// that wait can name, or some would never get one.
const maxServed = maxPending * MaxWants

// served records that a want got the latest slot. So batches take turns, and one that
// is new or comes back does not make up for the past.
func (s *State) served(want Want) {
	if s.Served == nil {
		s.Served = make(map[string]int)
	}
	s.Served[want.Batch] = s.Handed
	if len(s.Served) > maxServed {
		delete(s.Served, slices.MinFunc(workflow.DeterministicKeys(s.Served), func(a, b string) int { return cmp.Compare(s.Served[a], s.Served[b]) }))
	}
}

// countDown takes a call from those that wait, until the workers count them again.
func (s *State) countDown(want Want) {
	if waiting := s.Waiting[want.BotID]; waiting[Priority(want.Level)] > 0 {
		waiting[Priority(want.Level)]--
	}
}

// worst returns the ask that gives way to a better one, or nil if all are better
// than level.
func worst(asks []*pending, level int) *pending {
	var last *pending
	for _, ask := range asks {
		if ask.answer == nil && ask.best() > level && (last == nil || ask.best() >= last.best()) {
			last = ask
		}
	}
	return last
}

// best returns the ask's most urgent level.
func (a Ask) best() int {
	best := LastLevel
	for _, want := range a.Wants {
		best = min(best, want.Level)
	}
	return best
}

// choose returns the candidate that gets the next slot and when, or nil and the time
// zero if there is none. A blocked bot's call is chosen only once it may be a probe.
func (s *State) choose(candidates []candidate, now time.Time) (chosen *candidate, at time.Time) {
	if s.Paused != nil {
		return nil, time.Time{}
	}
	s.grow(now)
	for i := range candidates {
		want := candidates[i].want
		due := s.nextSlot(want.Level)
		if probe, blocked := s.probeDue(want); blocked {
			due = latest(due, probe)
		}
		if chosen == nil || due.Before(at) {
			chosen, at = &candidates[i], due
		}
		if !due.After(now) {
			break // A worse one cannot be due before.
		}
	}
	return chosen, at
}
