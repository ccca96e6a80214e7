package verify

import (
	"slices"

	"github.com/callvault/callvault/workflows"
)

// maxGrowths bounds how often a log that grows while it is verified is read again.
const maxGrowths = 3

// followGrowth reads the checkpoint again if something was found that a log which has grown
// meanwhile explains: everything that was found was there before, so it is judged by what the
// log has now. What is verified stays what the first checkpoint has, which the later ones have
// to extend.
func (v *run) followGrowth() error {
	if v.signed == nil {
		return nil // What is not signed is extended by nothing.
	}
	base := v
	for range maxGrowths {
		if !v.mayBeOutdated() {
			return nil
		}
		next, err := v.readAgain(base)
		if err != nil || next == nil {
			return err
		}
		if err := v.judgeBy(next); err != nil {
			return err
		}
		base = next
	}
	return nil
}

// mayBeOutdated reports whether something does not hold by the latest checkpoint that could hold
// by one that was written since.
func (v *run) mayBeOutdated() bool {
	return slices.ContainsFunc(v.later, func(s stamped) bool { return s.Size > v.latest.Size }) ||
		slices.ContainsFunc(v.unentered, func(u unentered) bool { return !v.isEntered(u) }) ||
		slices.ContainsFunc(v.report.failures, func(f Failure) bool { return isOfSession(f.Kind) })
}

// readAgain reads the checkpoint and the log once more. It returns nil if it has not grown, or
// if what is there now does not hold, which is reported.
func (v *run) readAgain(base *run) (*run, error) {
	next := &run{Options: v.Options, ctx: v.ctx, source: v.source, kept: base.checkpoint, days: make(map[workflows.Day]*day)}
	next.Kept = base.signed
	isReadable, err := next.readCheckpoint()
	if err != nil {
		return nil, err
	}
	if isReadable && next.checkpoint == base.checkpoint && next.signed != nil {
		return nil, nil //nolint:nilnil // It is the same.
	}
	isWhole := false
	if isReadable {
		if isWhole, err = next.checkLog(); err != nil {
			return nil, err
		}
	}
	if isWhole && next.report.count == 0 {
		return next, nil
	}
	v.report.merge(&next.report)
	return nil, nil //nolint:nilnil // What does not hold is no measure.
}

// judgeBy takes the entries of a later log. A day that has got a revision, and sessions that do
// not hold by the one before, is checked by the later one: a manifest may have been replaced.
func (v *run) judgeBy(next *run) error {
	for at, before := range v.days {
		now := next.days[at]
		if now == nil || now.latest == before.latest || !v.report.dropSessions(at) {
			continue
		}
		if err := next.checkDay(now); err != nil {
			return err
		}
	}
	v.days, v.latest = next.days, next.checkpoint
	v.report.merge(&next.report)
	return nil
}

// isOfSession reports whether a kind of failures is of a session as it is now, and not of what was
// sealed of it, which never changes.
func isOfSession(kind Kind) bool {
	return kind == KindManifest || kind == KindFile || kind == KindAttachment
}

// dropSessions forgets what does not hold of the sessions of a day, and reports whether there
// was something. It keeps all if more was found than is kept.
func (r *report) dropSessions(of workflows.Day) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.count > len(r.failures) {
		return false
	}
	r.failures = slices.DeleteFunc(r.failures, func(f Failure) bool {
		return f.BotID == of.BotID && f.Date == of.Date && isOfSession(f.Kind)
	})
	dropped := r.count - len(r.failures)
	r.count -= dropped
	return dropped > 0
}

// merge adds the failures of another report that this one does not have yet.
func (r *report) merge(other *report) {
	for _, found := range other.failures {
		if !slices.Contains(r.failures, found) {
			r.fail(found)
		}
	}
}
