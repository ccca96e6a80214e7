package callbudget

import (
	"slices"
	"time"
)

// more hands out further slots for calls of the chosen ask, as long as they are the next
// ones anyway and close to the first. With one slot for each message, a budget that is
// faster than the messages would be used at their pace. A worker that is killed loses
// what it was given so, which is little of such a budget.
func (b *budget) more(chosen *candidate, first Slot, now time.Time) []MoreSlot {
	if first.Probe || first.Suspect || len(chosen.ask.Held) == 0 {
		return nil
	}
	used := map[Want]int{chosen.want: 1}
	var more []MoreSlot
	for {
		next, at := b.state.choose(b.state.withHeld(chosen.ask, b.asks, used, now), now)
		if next == nil || next.ask != chosen.ask || next.want.Suspect || at.After(first.At.Add(b.state.answerSpan())) {
			return more
		}
		if _, blocked := b.state.probeDue(next.want); blocked {
			return more
		}
		used[next.want]++
		slot := b.state.handOut(latest(at, first.At))
		b.state.served(next.want)
		b.state.countDown(next.want)
		more = append(more, MoreSlot{Slot: slot, Want: next.want})
	}
}

// withHeld returns the candidates of all asks, but of one only those of which more calls
// are held than have got a slot.
func (s *State) withHeld(ask *pending, asks []*pending, used map[Want]int, now time.Time) []candidate {
	return slices.DeleteFunc(s.candidates(asks, now), func(c candidate) bool {
		return c.ask == ask && used[c.want] >= ask.held(c.want)
	})
}

// held returns how many calls of a want the worker holds.
func (a Ask) held(want Want) int {
	i := slices.Index(a.Wants, want)
	if i < 0 || i >= len(a.Held) {
		return 1
	}
	return a.Held[i]
}
