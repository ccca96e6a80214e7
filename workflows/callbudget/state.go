package callbudget

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/callvault/callvault/workflows"
)

// State is what a budget knows and decides by. It survives a new run.
type State struct {
	// Name is the budget's: a bot's stream id, or an account's name.
	Name string `json:"name"`

	// Rules is the version of the rules that the run decides by; see CurrentRules.
	Rules int `json:"rules,omitempty"`

	// Configured are the windows of the worker that started last, at ConfiguredAt.
	Configured   []workflows.CallWindow `json:"configured"`
	ConfiguredAt time.Time              `json:"configuredAt"`

	// Set are the windows that an operator set while running, with the reason; none
	// if the configured ones hold.
	Set       []workflows.CallWindow `json:"set,omitempty"`
	SetReason string                 `json:"setReason,omitempty"`

	// Windows are those in force and what was learned of them, the shortest first.
	Windows []window `json:"windows"`

	// Slots are those handed out lately.
	Slots slots `json:"slots"`

	// Unused are the slots among them that the vendor did not count, as far as is known,
	// in milliseconds: they were refused by rate or withdrawn.
	Unused slots `json:"unused,omitempty"`

	// Offers are the slots among them that no worker has taken yet.
	Offers []offer `json:"offers,omitempty"`

	// GivenBack counts the slots that were handed out and certainly not used. They are
	// not among Slots.
	GivenBack int `json:"givenBack,omitempty"`

	// Notice is how long after an ask its slot is at least, if slots came too late.
	Notice time.Duration `json:"notice,omitempty"`

	// LateThrough is the last slot whose call may be late by maxLateness; see fast.go.
	LateThrough time.Time `json:"lateThrough,omitzero"`

	// Line is the earliest time of the next slot by the pace; see pace.go. It is
	// behind the clock by what may be caught up.
	Line time.Time `json:"line"`

	// StoppedUntil is when slots are handed out again after a refusal by rate.
	StoppedUntil time.Time `json:"stoppedUntil,omitzero"`

	// Paused is set while an operator has paused the budget.
	Paused *pause `json:"paused,omitempty"`

	// Blocks are the bots whose calls need operator action.
	Blocks map[string]block `json:"blocks,omitempty"`

	// Account is set while all bots of the account are blocked for one reason, and
	// AccountFreeAt when that was over last. Elsewhere are the last failures of bots of
	// the account that have other budgets.
	Account       *block                `json:"account,omitempty"`
	AccountFreeAt time.Time             `json:"accountFreeAt,omitzero"`
	Elsewhere     map[string]failedCall `json:"elsewhere,omitempty"`

	// Probing is when the last probe of a blocked bot was or is to be made; zero if its
	// result is known.
	Probing time.Time `json:"probing,omitzero"`

	// VoidThrough withdraws the slots up to that time.
	VoidThrough time.Time `json:"voidThrough,omitzero"`

	// Served tells, by batch, which of all slots was the last one of the batch, so that
	// batches take turns.
	Served map[string]int `json:"served,omitempty"`

	// Lanes are the queues that one batch alone has, by bot.
	Lanes map[string][]usedLane `json:"lanes,omitempty"`

	// Waiting counts the calls that wait in task queues, by bot and priority.
	Waiting map[string]map[int]int `json:"waiting,omitempty"`

	Handed   int                     `json:"handed,omitempty"`
	Refusals int                     `json:"refusals,omitempty"`
	Changes  []workflows.BudgetEvent `json:"changes,omitempty"`
}

// CurrentRules is the version of the rules by which a budget decides. A run keeps the rules
// that it began with, so that its history replays; the next run has the current ones.
const CurrentRules = rulesOfFastBudgets

// rulesOfFastBudgets are those in which fast budgets have rules of their own; see fast.go.
const rulesOfFastBudgets = 1

// firstBurst is how many slots a new budget may catch up. Nobody knows how much of the
// vendor's windows was used before.
const firstBurst = 5

func newState(name string, configured []workflows.CallWindow, configuredAt, now time.Time) State {
	s := State{Name: name, Rules: CurrentRules, Configured: configured, ConfiguredAt: configuredAt}
	s.configure(configured)
	even, _, _ := s.pace()
	s.Line = now.Add(-firstBurst * even)
	return s
}

type pause struct {
	Reason string    `json:"reason"`
	Since  time.Time `json:"since"`
}

// window is a call window in force.
type window struct {
	// Span is the window's length.
	Span time.Duration `json:"span"`

	// Calls is the limit that is configured or was set; 0 for a window that only the
	// vendor's refusals show.
	Calls int `json:"calls,omitempty"`

	// Learned is the lower limit that refusals show; 0 if none.
	Learned int `json:"learned,omitempty"`

	// LearnedAt is when a refusal showed Learned, while calls that were under way then
	// may still show that it is more.
	LearnedAt time.Time `json:"learnedAt,omitzero"`

	// Doubts counts refusals that taught nothing, the last one at DoubtAt, without an
	// accepted call since. Doubt is its level, if it has to come there twice.
	Doubt   int       `json:"doubt,omitempty"`
	DoubtAt time.Time `json:"doubtAt,omitzero"`
	Doubts  int       `json:"doubts,omitempty"`

	// EvidenceFrom is when the slots begin that say something about the limit: the
	// end of the last stop.
	EvidenceFrom time.Time `json:"evidenceFrom,omitzero"`

	// ProbeAt is when one call more than learned is tried, ProbeWait how long to wait
	// after the next failure, and Probing since when it is tried; zero if it is not.
	ProbeAt   time.Time     `json:"probeAt,omitzero"`
	ProbeWait time.Duration `json:"probeWait,omitempty"`
	Probing   time.Time     `json:"probing,omitzero"`
}

// limit is how many calls the window takes.
func (w window) limit() int {
	limit := w.Calls
	if limit == 0 {
		limit = workflows.MaxWindowCalls
	}
	switch {
	case w.Learned == 0:
		return limit
	case w.Probing.IsZero():
		return min(limit, w.Learned)
	default:
		return min(limit, w.Learned+1)
	}
}

// slack is how late calls reach the vendor, at most. One of lateParts of it is until they
// are made, the rest is for the messages that start them and for the network.
func (w window) slack() time.Duration { return min(maxSlack, w.Span/60) }

const (
	maxSlack  = time.Second
	lateParts = 4
)

// margin is how much longer than its span a window is taken to be, because calls reach
// the vendor later than their slots. A probe would fill no window with it.
func (w window) margin() time.Duration {
	if !w.Probing.IsZero() {
		return 0
	}
	return w.slack()
}

// configure takes over windows in place of those in force, and keeps what was
// learned of windows that stay.
func (s *State) configure(windows []workflows.CallWindow) {
	before := s.Windows
	s.Windows = nil
	for _, configured := range windows {
		w := window{Span: configured.Span}
		for _, old := range before {
			if old.Span == w.Span {
				w = old
			}
		}
		w.Calls = configured.Calls
		if w.Learned >= w.Calls {
			w = window{Span: w.Span, Calls: w.Calls}
		}
		s.Windows = append(s.Windows, w)
	}
	for _, old := range before {
		if old.Calls == 0 && !slices.ContainsFunc(s.Windows, func(w window) bool { return w.Span == old.Span }) {
			s.Windows = append(s.Windows, old)
		}
	}
	s.sortWindows()
}

func (s *State) sortWindows() {
	slices.SortFunc(s.Windows, func(a, b window) int { return cmp.Compare(a.Span, b.Span) })
}

// maxChanges bounds what is kept of the past.
const maxChanges = 20

// note keeps an event for people, newest first.
func (s *State) note(now time.Time, format string, args ...any) {
	event := workflows.BudgetEvent{At: now.UTC(), Text: fmt.Sprintf(format, args...)}
	s.Changes = append([]workflows.BudgetEvent{event}, s.Changes[:min(len(s.Changes), maxChanges-1)]...)
}

// longest is the longest window that the vendor may have: one that is known, or an hour.
func (s *State) longest() time.Duration {
	longest := time.Hour
	for _, w := range s.Windows {
		longest = max(longest, w.Span)
	}
	return longest
}

// forgetOld drops what no decision needs any more.
func (s *State) forgetOld(now time.Time) {
	longest := s.longest() + maxSlack
	if !s.LateThrough.IsZero() {
		longest += maxLateness
	}
	// Seldom, because it copies what is left.
	if len(s.Slots) == 0 || now.Sub(time.UnixMilli(s.Slots[0])) < longest+longest/10 {
		return
	}
	s.Slots.forget(now.Add(-longest))
	s.Unused.forget(now.Add(-longest))
}
