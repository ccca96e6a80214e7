package callbudget

import (
	"hash/fnv"
	"slices"
	"time"

	"go.temporal.io/sdk/workflow"
)

// What needs operator action often concerns a whole account: a secret that was replaced,
// or a scope that was withdrawn. If the calls of two bots failed for the same reason
// lately, all bots of the account are blocked together, and one call at a time, of
// whatever bot, finds out whether that is over. Where each bot has a budget of its own,
// the workers tell every budget what happened elsewhere in the account, and the budgets
// spread their probes: the first one that fails puts off the others.

const (
	// alikeWithin is how long ago another bot may have begun to fail for the same reason.
	alikeWithin = 2 * time.Minute

	// ownProbe is how long the probes of others may put off that of a bot that has not
	// failed itself: the others may be wrong alone.
	ownProbe = time.Minute

	// ownShare is the share of the wait that such a bot waits in a budget that it shares.
	ownShare = 4

	// firstSpread is how far apart the first probes of an account's budgets are.
	firstSpread = 30 * time.Second
)

// failedCall is a call of another budget's bot that needed operator action.
type failedCall struct {
	Reason string    `json:"reason"`
	At     time.Time `json:"at"`
}

// blockAccount records that a call needs operator action, and reports whether all bots
// are blocked from now on.
func (s *State) blockAccount(report CallReport, now time.Time) (news bool) {
	if !report.Slot.At.After(s.AccountFreeAt) { // It was under way when that was over.
		return false
	}
	if report.Elsewhere {
		s.failedElsewhere(report, now)
	}
	switch {
	case s.Account != nil && !report.Slot.ForAccount:
		return false // It was under way.
	case s.Account != nil && now.Before(s.Account.CountsAt): // Another budget's failed just before.
		s.probed(report)
		s.Account.FailedAt = now.UTC()
		s.Account.ProbeAt = s.nextAccountProbe(now)
		return false
	case s.Account == nil && !report.Slot.ForAccount && (report.Slot.Probe || !s.isAlike(report, now)):
		return false // Another failure of a bot that is blocked tells nothing of others.
	}
	news = s.Account == nil
	if news {
		s.Account = &block{Since: now.UTC()}
	}
	if report.Slot.ForAccount && news { // This budget did not know of it.
		s.Account.Failures++
	}
	s.Account.Failures++
	s.Account.Reason, s.Account.FailedAt = report.Reason, now.UTC()
	s.probed(report)
	s.Account.CountsAt = now.Add(s.Account.wait() / 2)
	s.Account.ProbeAt = s.nextAccountProbe(now)
	if s.Account.Failures == 2 {
		s.note(now, "blocked: %s (all bots of the account)", report.Reason)
	}
	return news
}

// probed records that the result of a probe is known.
func (s *State) probed(report CallReport) {
	if !report.Elsewhere {
		s.Probing = time.Time{}
	}
}

// failedElsewhere remembers a call of another budget's bot.
func (s *State) failedElsewhere(report CallReport, now time.Time) {
	recent := map[string]failedCall{report.BotID: {report.Reason, now.UTC()}}
	for _, bot := range workflow.DeterministicKeys(s.Elsewhere) {
		failed := s.Elsewhere[bot]
		if bot != report.BotID && now.Sub(failed.At) < alikeWithin && len(recent) < maxBlocks {
			recent[bot] = failed
		}
	}
	s.Elsewhere = recent
}

// isAlike reports whether a call of another bot failed for the same reason lately.
func (s *State) isAlike(report CallReport, now time.Time) bool {
	isRecent := func(bot, reason string, at time.Time) bool {
		return bot != report.BotID && reason == report.Reason && now.Sub(at) < alikeWithin && at.After(s.AccountFreeAt)
	}
	alike := func(bot string) bool { return isRecent(bot, s.Blocks[bot].Reason, s.Blocks[bot].Since) }
	alikeElsewhere := func(bot string) bool { return isRecent(bot, s.Elsewhere[bot].Reason, s.Elsewhere[bot].At) }
	return slices.ContainsFunc(workflow.DeterministicKeys(s.Blocks), alike) ||
		slices.ContainsFunc(workflow.DeterministicKeys(s.Elsewhere), alikeElsewhere)
}

// nextAccountProbe returns when this budget probes the account after a failure.
func (s *State) nextAccountProbe(now time.Time) time.Time {
	wait := s.Account.wait()
	if len(s.Elsewhere) == 0 {
		return now.Add(wait)
	}
	next := now.Add(wait/2 + s.spread(max(firstSpread, wait/2)))
	own := s.Account.Since.Add(ownProbe + s.spread(ownProbe))
	if len(s.Blocks) == 0 && own.Before(next) {
		return latest(now, own)
	}
	return next
}

// accountProbeDue returns when a call of a want may be the probe. In a budget that the
// account's bots share, one that has not failed itself does not wait for long.
func (s *State) accountProbeDue(want Want, failed bool) time.Time {
	due := s.Account.due(want)
	if own := s.Account.FailedAt.Add(max(ownProbe, s.Account.wait()/ownShare)); !failed && len(s.Elsewhere) == 0 && own.Before(due) {
		due = own
	}
	return s.afterProbe(due)
}

// spread is how much later than others this budget probes the account, less than longest.
func (s *State) spread(longest time.Duration) time.Duration {
	sum := fnv.New64a()
	_, _ = sum.Write([]byte(s.Name))                    // It never fails.
	return time.Duration(sum.Sum64() % uint64(longest)) //nolint:gosec // less than longest
}

// unblockAccount records that the account, which was blocked, can be called again.
func (s *State) unblockAccount(now time.Time) {
	if s.Account.isSure() {
		s.note(now, "no longer blocked after %s (all bots of the account)", now.Sub(s.Account.Since).Round(time.Second))
	}
	s.Account, s.Elsewhere, s.AccountFreeAt, s.Probing = nil, nil, now.UTC(), time.Time{}
	s.probeAll(now)
}
