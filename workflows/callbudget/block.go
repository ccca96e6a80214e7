package callbudget

import (
	"slices"
	"time"

	"go.temporal.io/sdk/workflow"
)

// What needs operator action concerns every call of a bot, or one session alone that
// an API, a proxy or a firewall answers oddly. So after the first such call, the next one
// is a probe: calls go on if it is answered, and otherwise the bot is blocked. Then one
// call at a time, with backoff, finds out whether that is over. When one bot of a budget
// can be called again, the others that are blocked are tried at once.

const (
	// firstBlockWait and lastBlockWait bound the wait before the next probe.
	firstBlockWait = 30 * time.Second
	lastBlockWait  = 10 * time.Minute

	// frontWait is how long after a failure somebody may have it tried again.
	frontWait = 5 * time.Second

	// probeTimeout is when a probe whose result was not reported counts as lost.
	probeTimeout = 90 * time.Second

	// maxBlocks bounds the bots that are remembered as blocked.
	maxBlocks = 1000
)

// block is a bot whose calls need operator action.
type block struct {
	Reason string    `json:"reason"`
	Since  time.Time `json:"since"`

	// Failures counts the calls that met it, one after another. The first proves
	// nothing.
	Failures int `json:"failures"`

	// Session is that of the last of these calls, and FailedAt its time.
	Session  string    `json:"session,omitempty"`
	FailedAt time.Time `json:"failedAt,omitzero"`

	// ProbeAt is when the next call finds out whether it is over.
	ProbeAt time.Time `json:"probeAt"`

	// CountsAt is when the next failure counts. Of an account's budgets several may probe
	// at once.
	CountsAt time.Time `json:"countsAt,omitzero"`
}

// isSure reports whether the bot is blocked for all that is known.
func (b block) isSure() bool { return b.Failures > 1 }

// blockBot records that a call needs operator action, and reports whether that makes
// it sure that the bot is blocked: that takes the calls of two sessions. Calls that were
// under way when it became sure tell nothing new.
func (s *State) blockBot(report CallReport, now time.Time) (sure bool) {
	b, known := s.Blocks[report.BotID]
	switch {
	case known && b.isSure() && !report.Slot.Probe, !known && len(s.Blocks) >= maxBlocks:
		return false
	case known && !b.isSure() && b.Session == report.SessionID:
		s.probeUnused(report.BotID, report.Slot, now)
		return false
	case !known:
		b.Since = now.UTC()
	}
	b.Reason, b.Session, b.FailedAt = report.Reason, report.SessionID, now.UTC()
	b.Failures++
	b.ProbeAt = now.Add(b.wait())
	if report.Slot.Probe {
		s.Probing = time.Time{}
	}
	if s.Blocks == nil {
		s.Blocks = make(map[string]block)
	}
	s.Blocks[report.BotID] = b
	if b.Failures != 2 {
		return false
	}
	s.note(now, "blocked: %s (bot %s)", report.Reason, report.BotID)
	return true
}

// wait is how long after its last failure a bot is tried again.
func (b block) wait() time.Duration {
	if !b.isSure() {
		return 0
	}
	wait := firstBlockWait
	for n := b.Failures; n > 2 && wait < lastBlockWait; n-- {
		wait *= 2
	}
	return min(wait, lastBlockWait)
}

// answered records that a probe was answered.
func (s *State) answered(report CallReport, now time.Time) {
	s.unblockBot(report.BotID, now)
	if s.Account != nil && (report.Slot.ForAccount || report.Slot.At.After(s.Account.FailedAt)) {
		s.unblockAccount(now)
	}
}

// unblockBot records that the bot can be called again.
func (s *State) unblockBot(botID string, now time.Time) {
	b, known := s.Blocks[botID]
	if !known {
		return
	}
	delete(s.Blocks, botID)
	s.Probing = time.Time{}
	if b.isSure() {
		s.note(now, "no longer blocked after %s (bot %s)", now.Sub(b.Since).Round(time.Second), botID)
	}
	s.probeAll(now)
}

// probeAll has every suspected bot tried at once, one after the other.
func (s *State) probeAll(now time.Time) {
	if s.Account != nil {
		s.Account.ProbeAt = now
	}
	for _, botID := range s.suspected() {
		blocked := s.Blocks[botID]
		blocked.ProbeAt = now
		s.Blocks[botID] = blocked
	}
}

// probeUnused records that a slot was not used: if it was a probe, another one follows
// at once.
func (s *State) probeUnused(botID string, slot Slot, now time.Time) {
	if slot.Probe {
		s.probeAgain(botID, slot, func(block) time.Time { return now })
	}
}

// probeUnknown records that a probe had no response: the next one follows as if
// it had failed.
func (s *State) probeUnknown(botID string, slot Slot, now time.Time) {
	s.probeAgain(botID, slot, func(b block) time.Time { return now.Add(max(b.wait(), firstBlockWait)) })
}

// probeAgain has what the probe of a slot was for tried again at a time.
func (s *State) probeAgain(botID string, slot Slot, at func(block) time.Time) {
	if s.Account != nil && slot.ForAccount {
		s.Probing, s.Account.ProbeAt = time.Time{}, at(*s.Account)
	}
	if b, known := s.Blocks[botID]; known {
		s.Probing, b.ProbeAt = time.Time{}, at(b)
		s.Blocks[botID] = b
	}
}

// probeDue returns when a call of a want may be made for a blocked bot or account. ok is
// false if neither is blocked.
func (s *State) probeDue(want Want) (at time.Time, ok bool) {
	b, blocked := s.Blocks[want.BotID]
	if s.Account != nil {
		return s.accountProbeDue(want, blocked), true
	}
	if !blocked {
		return time.Time{}, false
	}
	return s.afterProbe(b.due(want)), true
}

// afterProbe returns when a probe may be made that is due at a time: there is one at a
// time.
func (s *State) afterProbe(due time.Time) time.Time {
	if s.Probing.IsZero() {
		return due
	}
	return latest(due, s.Probing.Add(probeTimeout))
}

// due returns when a call of a want may be a probe. One that somebody sent to the front
// is tried at once.
func (b block) due(want Want) time.Time {
	at := b.ProbeAt
	if early := b.FailedAt.Add(frontWait); want.Front && early.Before(at) {
		at = early
	}
	return at
}

// isBlocked reports whether a bot needs operator action for all that is known.
func (s *State) isBlocked() bool {
	return s.Account != nil && s.Account.isSure() || len(s.blocked()) > 0
}

// blocked returns the bots that are surely blocked, the one that is blocked longest
// first.
func (s *State) blocked() []string {
	return slices.DeleteFunc(s.suspected(), func(bot string) bool { return !s.Blocks[bot].isSure() })
}

// suspected returns the bots whose last call needed operator action.
func (s *State) suspected() []string {
	bots := workflow.DeterministicKeys(s.Blocks)
	slices.SortStableFunc(bots, func(a, b string) int { return s.Blocks[a].Since.Compare(s.Blocks[b].Since) })
	return bots
}
