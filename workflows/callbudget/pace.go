package callbudget

import "time"

// When the next slot is. Three rules hold at once:
//
//   - Every rolling window has room for it.
//   - Slots follow each other at an even pace, that of the window that binds. What an
//     idle budget did not use is caught up at the pace of the next shorter window, so
//     that the minute is never spent at once.
//   - The last slots of a window are for calls that somebody waits for, unless the
//     window frees up as fast as it is used.

const (
	// catchUpShare is how much of its only window a budget catches up. With several
	// windows it is all of the longest.
	catchUpShare = 10

	// reserveShare is the share of a window that is kept for levels up to
	// maxLiveLevel.
	reserveShare = 100

	// maxAhead bounds how long before its time a slot is handed out, beside its notice.
	maxAhead = 5 * time.Second

	// minNotice is how long after an ask its slot is at least, so that the worker can
	// take it and the call gets to the worker that makes it. An idle
	// budget has more time, idleNotice, after idlePaces without a slot. If slots come
	// too late all the same, because workers or the Temporal server are overloaded, the
	// notice grows up to maxNotice; noticeDecay is in how many slots it shrinks again.
	minNotice   = 600 * time.Millisecond
	idleNotice  = time.Second
	idlePaces   = 5
	maxNotice   = 10 * time.Second
	noticeDecay = 20
)

// pace is the time between two slots: even of the window that binds, and least while
// catching up. credit is how much may be caught up.
func (s *State) pace() (even, least, credit time.Duration) {
	for _, w := range s.Windows {
		if each := w.pace(); each > even {
			even, credit = each, w.Span
		}
	}
	for _, w := range s.Windows {
		if w.Span < credit && w.Calls+w.Learned > 0 {
			least = max(least, w.pace())
		}
	}
	if least == 0 || least > even*9/10 { // One window binds and bounds bursts.
		least, credit = even/2, credit/catchUpShare
	}
	return even, least, credit
}

// pace is the time between two slots that use the window evenly.
func (w window) pace() time.Duration { return (w.Span + w.margin()) / time.Duration(w.limit()) }

// nextSlot returns the earliest time of a slot for a call of a level, which may be in
// the past: then the slot is now.
func (s *State) nextSlot(level int) time.Time {
	_, least, _ := s.pace()
	at := latest(s.Line, s.StoppedUntil)
	if !s.VoidThrough.IsZero() {
		at = latest(at, s.VoidThrough.Add(time.Millisecond))
	}
	if len(s.Slots) > 0 {
		at = latest(at, s.Slots.last().Add(least))
	}
	for _, w := range s.Windows {
		at = latest(at, s.roomIn(w, level))
	}
	return at
}

// roomIn returns when a window has room for one more slot.
func (s *State) roomIn(w window, level int) time.Time {
	room := s.leaves(w, w.limit())
	reserve := w.limit() / reserveShare
	if IsLive(level) || reserve == 0 || !w.Probing.IsZero() || len(s.Slots) < w.limit()-reserve {
		return room
	}
	// The reserve frees up as fast as it is used if as many slots leave the window
	// in the time in which it would be used twice.
	soon := 2 * time.Duration(reserve) * (w.Span / time.Duration(w.limit()))
	if len(s.Slots) >= w.limit() && !s.leaves(w, w.limit()-reserve).After(room.Add(soon)) {
		return room
	}
	return s.leaves(w, w.limit()-reserve)
}

// leaves returns when fewer than limit slots are in the window.
func (s *State) leaves(w window, limit int) time.Time {
	if len(s.Slots) < limit || limit < 1 {
		return time.Time{}
	}
	return s.lateEnd(time.UnixMilli(s.Slots[len(s.Slots)-limit])).Add(w.Span + w.margin())
}

// handOut records a slot and returns it.
func (s *State) handOut(at time.Time) Slot {
	at = at.Add(time.Millisecond - 1).Truncate(time.Millisecond) // Slots are remembered to the millisecond.
	even, _, credit := s.pace()
	line, within := latest(s.Line, at.Add(-credit)), time.Second
	for _, w := range s.Windows {
		if w.pace() == even { // What the window held back itself is not caught up.
			line = latest(line, s.leaves(w, w.limit()))
		}
		within = min(within, w.slack()/lateParts)
	}
	s.Line = line.Add(even)
	s.Slots.add(at)
	s.Handed++
	if !s.isFast() {
		s.decayNotice()
	}
	if s.mayBeLate(at) {
		within, s.LateThrough = maxLateness, at
	}
	return Slot{Budget: s.Name, At: at.UTC(), Within: within}
}

// catchUpFrom forgets how far ahead the pace of other limits was.
func (s *State) catchUpFrom(now time.Time) {
	if s.Line.After(now) {
		s.Line = now
	}
}

// late records that a slot came too late, by so much, to the worker that was to use
// it: the next ones are handed out earlier.
func (s *State) late(by time.Duration) {
	needed := s.usualNotice() + max(0, by)
	s.Notice = min(needed+needed/2, maxNotice)
}

// notice is how long after now a slot is at least.
func (s *State) notice(now time.Time) time.Duration {
	if even, _, _ := s.pace(); now.Sub(s.Slots.last()) > idlePaces*even {
		return max(idleNotice, s.Notice)
	}
	return s.usualNotice()
}

// ahead is how long before its time a slot is handed out: its notice, and one pace, so
// that the ask that takes a slot is answered with the next one and no timer is needed.
func (s *State) ahead() time.Duration {
	even, _, _ := s.pace()
	return s.usualNotice() + min(even, maxAhead)
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
