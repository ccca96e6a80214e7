package simulator

import (
	"fmt"
	"hash/fnv"
	"math"
	"slices"
	"time"
)

// ListFaults are what is wrong with one of the session lists. Which sessions a share concerns follows from their ids and the
// Seed, so that it stays the same from call to call.
type ListFaults struct {
	// Lacks are the ids of sessions that the list does not have, LackShare the share of all sessions, 0 to 1, that it does not
	// have either. Default to none.
	Lacks     []string
	LackShare float64
	// LackUntil is when the list has them after all, by Config.Now. Defaults to never.
	LackUntil time.Time
	// RepeatShare is the share of sessions whose rows are in the list twice, one after the other. Defaults to none.
	RepeatShare float64
	// AppearShare and DisappearShare are the shares of sessions that the list has only from some call on, or only up to one,
	// so that rows shift while the list is paged: each at one of the ShiftCalls calls after the faults were set. Default to
	// none.
	AppearShare, DisappearShare float64
	// ShiftCalls is required with these shares.
	ShiftCalls int
	// TotalOff is added to the total of a window: total, or numResults with Config.InteractionTotals. Defaults to 0.
	TotalOff int
	// Outage replaces the responses of calls that passed all checks, so that they cost budget; it accepts what SetOutage does.
	// Defaults to none. To have the scope refused see SetSessionsScope and SetAnalyticsScope.
	Outage *Fault
	// Seed changes which sessions the shares concern. Defaults to 0.
	Seed uint64
}

// listState is a list's faults, and how many pages it has sent since they were set. The simulator's mutex guards it.
type listState struct {
	ListFaults
	lacks map[string]bool
	calls int
}

// SetListFaults changes what is wrong with a list, KindSessions or KindInteractions, from the next call on. Calls of the
// session list that name sessions have no faults but Outage.
func (s *Simulator) SetListFaults(kind CallKind, faults ListFaults) error {
	if kind != KindSessions && kind != KindInteractions {
		return fmt.Errorf("simulator: %q is no list of sessions: use KindSessions or KindInteractions", kind)
	}
	for name, share := range map[string]float64{
		"LackShare": faults.LackShare, "RepeatShare": faults.RepeatShare, "AppearShare": faults.AppearShare, "DisappearShare": faults.DisappearShare,
	} {
		if !(share >= 0 && share <= 1) {
			return fmt.Errorf("simulator: %s is %v: use 0 to 1", name, share)
		}
	}
	if faults.AppearShare+faults.DisappearShare > 1 || faults.AppearShare+faults.DisappearShare > 0 && faults.ShiftCalls < 1 {
		return fmt.Errorf("simulator: AppearShare %v and DisappearShare %v need a sum of at most 1, and ShiftCalls", faults.AppearShare, faults.DisappearShare)
	}
	if faults.Outage != nil {
		checked, err := faults.Outage.forOutage()
		if err != nil {
			return err
		}
		faults.Outage = &checked
	}
	state := &listState{ListFaults: faults, lacks: map[string]bool{}}
	for _, id := range faults.Lacks {
		state.lacks[id] = true
	}
	state.Lacks = slices.Clone(faults.Lacks)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lists[kind] = state
	return nil
}

func (s *Simulator) listOutage(kind CallKind) *Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.lists[kind].Outage
}

// rows returns the rows that the list has of sessions at its next call: a session twice for two rows.
func (l *listState) rows(sessions []*sessionState, now time.Time) []*sessionState {
	l.calls++
	rows := make([]*sessionState, 0, len(sessions))
	for _, st := range sessions {
		if !l.has(st, now) {
			continue
		}
		rows = append(rows, st)
		if l.chooses(st, 2, l.RepeatShare) {
			rows = append(rows, st)
		}
	}
	return rows
}

// has reports whether the list has the session at its present call.
func (l *listState) has(st *sessionState, now time.Time) bool {
	if (l.LackUntil.IsZero() || now.Before(l.LackUntil)) && (l.lacks[st.SessionID] || l.chooses(st, 1, l.LackShare)) {
		return false
	}
	shift := l.AppearShare + l.DisappearShare
	if shift == 0 || !l.chooses(st, 3, shift) {
		return true
	}
	begun := l.calls > int(l.rank(st, 4)%uint64(l.ShiftCalls))
	return begun == l.chooses(st, 3, l.AppearShare)
}

// chooses reports whether a share that serves one purpose concerns the session.
func (l *listState) chooses(st *sessionState, purpose uint64, share float64) bool {
	return share > 0 && float64(l.rank(st, purpose)) < share*math.MaxUint64
}

// rank mixes the session's rank with the seed and a purpose.
func (l *listState) rank(st *sessionState, purpose uint64) uint64 {
	x := st.rank ^ (l.Seed+1)*0x9e3779b97f4a7c15 ^ purpose*0xd1342543de82ef95
	x ^= x >> 32
	x *= 0xd6e8feb86659fd93
	x ^= x >> 32
	x *= 0xd6e8feb86659fd93
	return x ^ x>>32
}

func rankOf(sessionID string) uint64 {
	hash := fnv.New64a()
	_, _ = hash.Write([]byte(sessionID)) // never fails
	return hash.Sum64()
}

// Listed returns the ids of the bot's sessions that a list has at its next call, KindSessions or KindInteractions, whatever
// their channel; it is no call.
func (s *Simulator) Listed(kind CallKind, botID string) map[string]bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	ids, now := map[string]bool{}, s.now()
	list := s.lists[kind]
	if list == nil {
		return ids
	}
	next := *list
	next.calls++
	for key, st := range s.sessions {
		if key.botID == botID && next.has(st, now) {
			ids[key.sessionID] = true
		}
	}
	return ids
}
