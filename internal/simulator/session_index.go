package simulator

import (
	"slices"
	"sort"
	"strings"
	"time"
)

// sessionIndex has the sessions of one bot in the order of their ids, which is that of their begins. The simulator's mutex
// guards it.
type sessionIndex struct {
	states   []*sessionState
	unsorted bool
}

// add takes time only when the sessions are listed next, and none if they are added in order.
func (x *sessionIndex) add(st *sessionState) {
	if n := len(x.states); n > 0 && x.states[n-1].SessionID >= st.SessionID {
		x.unsorted = true
	}
	x.states = append(x.states, st)
}

func (x *sessionIndex) remove(st *sessionState) {
	st.removed, x.unsorted = true, true
}

// between returns the sessions that began from from to to, both included, oldest first. The slice is the index's own.
func (x *sessionIndex) between(from, to time.Time) []*sessionState {
	if x == nil {
		return nil
	}
	if x.unsorted {
		x.states = slices.DeleteFunc(x.states, func(st *sessionState) bool { return st.removed })
		slices.SortFunc(x.states, func(a, b *sessionState) int { return strings.Compare(a.SessionID, b.SessionID) })
		x.unsorted = false
	}
	first := sort.Search(len(x.states), func(i int) bool { return !x.states[i].begin.Before(from) })
	last := sort.Search(len(x.states), func(i int) bool { return x.states[i].begin.After(to) })
	return x.states[first:max(first, last)]
}
