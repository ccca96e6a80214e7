package callbudget

import (
	"slices"
	"time"
)

// A slot is an offer until the worker that asked for it takes it with its next ask. So
// the slot of a worker that was killed while it waited is not lost: nobody takes it, and
// the next call has its place in the windows.

const (
	// noticeParts: a slot has to be taken before the last one of so many parts of its
	// notice, which are left to the call.
	noticeParts = 3

	// offerWake is how long after the end of an offer the workflow wakes for it, at most,
	// while others wait. Usually it is awake before.
	offerWake = 30 * time.Second
)

// offer is a slot that was handed out and is not taken yet.
type offer struct {
	Worker string    `json:"worker"`
	Want   Want      `json:"want"`
	Slot   Slot      `json:"slot"`
	Until  time.Time `json:"until"`
}

// offer records that a slot was offered to a worker.
func (s *State) offer(worker string, want Want, slot Slot, notice time.Duration) {
	s.Offers = append(s.Offers, offer{Worker: worker, Want: want, Slot: slot, Until: slot.At.Add(-notice / noticeParts)})
}

// retract takes back the first slot from a time on that was offered for a less urgent
// call, for one that somebody waits for. ok is false if there is none, or if the worker
// of that call has it for the same bot: it gives its slots to its most urgent calls itself.
func (s *State) retract(c candidate, from time.Time) (slot Slot, ok bool) {
	if _, blocked := s.probeDue(c.want); blocked || !IsLive(c.want.Level) {
		return Slot{}, false
	}
	i := slices.IndexFunc(s.Offers, func(o offer) bool {
		isOfSibling := o.Worker == c.ask.Worker && o.Want.BotID != c.want.BotID
		return o.Want.Level > c.want.Level && !o.Slot.Probe && !o.Slot.At.Before(from) && !isOfSibling
	})
	if i < 0 || s.Offers[i].Worker == c.ask.Worker {
		return Slot{}, false
	}
	slot = s.Offers[i].Slot
	s.Offers = slices.Delete(s.Offers, i, i+1)
	return slot, true
}

func (o offer) is(worker string, at time.Time) bool { return o.Worker == worker && o.Slot.At.Equal(at) }

// isOffered reports whether a worker can take a slot.
func (s *State) isOffered(worker string, at time.Time) bool {
	return slices.ContainsFunc(s.Offers, func(o offer) bool { return o.is(worker, at) })
}

// take records that a worker uses a slot.
func (s *State) take(worker string, at time.Time) {
	s.Offers = slices.DeleteFunc(s.Offers, func(o offer) bool { return o.is(worker, at) })
}

// endOffers gives back what nobody has taken in time. If that is because messages are
// slow, the next slots are handed out earlier.
func (s *State) endOffers(now time.Time) {
	ended := s.retractIf(now, func(o offer) bool { return !now.Before(o.Until) })
	for range ended {
		s.late(0)
	}
}

// retractIf gives back the offers that a condition selects, and returns their number.
func (s *State) retractIf(now time.Time, selected func(offer) bool) int {
	before := len(s.Offers)
	s.Offers = slices.DeleteFunc(s.Offers, func(o offer) bool {
		if !selected(o) {
			return false
		}
		s.giveBack(o.Slot.At)
		if o.Slot.Probe {
			s.probeUnused(o.Want.BotID, o.Slot, now)
		}
		return true
	})
	return before - len(s.Offers)
}

// giveBack records that the call of a slot is certainly not made: its place in the
// windows is free again.
func (s *State) giveBack(at time.Time) {
	if !s.Slots.remove(at) {
		return
	}
	s.Unused.remove(at)
	s.GivenBack++
	even, _, _ := s.pace()
	s.Line = s.Line.Add(-even)
}
