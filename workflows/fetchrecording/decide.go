package fetchrecording

import (
	"errors"
	"fmt"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/temporal"

	"github.com/callvault/callvault/internal/failure"
	"github.com/callvault/callvault/internal/shortlist"
	"github.com/callvault/callvault/workflows"
)

// Every decision of a fetch, here and in the files decide_*.go: pure functions
// from what it knows and what a step returned to what comes next. Nothing in them
// runs an activity or waits.

// step is what a fetch does between two decisions.
type step int

const (
	find     step = iota + 1 // read the session's manifest
	check                    // spend a call slot on a status check
	download                 // download the missing files
	write                    // write the manifest
)

// next is a decision: what to do, and how long to wait before.
type next struct {
	state State
	step  step

	// wait before the step; 0 for none. summary is the timer's.
	wait    time.Duration
	summary string
	// phase and reason are shown during the wait.
	phase  workflows.FetchPhase
	reason string
	// note is kept for the operator after the wait is over.
	note string
	// blocked: the wait is for an operator, and giveUpAfter's clock stops.
	blocked bool
	// slack is how far the wait may pass giveUpAfter, which cuts it short.
	slack time.Duration
	// lastCheck is used by v0.1.0 alone, see v010.go.
	lastCheck bool
	// onCheckNow is the step if checkNow ends the wait.
	onCheckNow step

	// outcome, if set, is how the fetch ends, by reason; the step writes it down.
	outcome workflows.Outcome
	// result or err, if set, ends the workflow.
	result *workflows.FetchResult
	err    error
}

// situation is what a decision depends on.
type situation struct {
	state    State // a copy, which becomes next.state
	policy   workflows.FetchPolicy
	refetch  bool
	callTime time.Time
	now      time.Time
	jitter   float64 // from 0 to 1
	listed   bool    // the vendor's list of files is known to this run
	v010     bool    // the fetch began under v0.1.0, see v010.go
	placed   bool    // the budget's workflow hands out the bot's call slots

	// retention is how long the vendor keeps the recording; 0 if that is not known.
	retention time.Duration
	// endsAtPurge: "no recording" is final once the session is purged, however young it is.
	endsAtPurge bool
}

// afterWait follows the decision n after its wait.
func (s situation) afterWait(n next, checkNow bool) next {
	switch {
	case checkNow:
		n.step = n.onCheckNow
	case s.v010 && !n.blocked && !n.lastCheck && s.timeIsUp():
		return s.giveUp(n.reason)
	}
	n.state = s.state
	return n
}

// timeIsUp reports whether giveUpAfter is spent.
func (s situation) timeIsUp() bool { return !s.now.Before(s.state.GiveUpAt) }

// giveUp is the outcome of a fetch whose time is up.
func (s situation) giveUp(reason string) next {
	return s.end(workflows.OutcomeGaveUp, fmt.Sprintf("gave up after %s: %s", s.policy.GiveUpAfter, reason))
}

// unblock lets the clock of giveUpAfter run again.
func (s *situation) unblock() {
	s.state.BlockedWaits = 0
	if !s.state.BlockedSince.IsZero() {
		s.state.GiveUpAt = s.state.GiveUpAt.Add(s.now.Sub(s.state.BlockedSince))
		s.state.BlockedSince = time.Time{}
	}
}

// longestWait returns the longest wait for a call of this age.
func (s situation) longestWait() time.Duration {
	if s.v010 {
		return s.policy.PollMax
	}
	return longestWait(s.policy, s.now.Sub(s.callTime))
}

// proceed is the step without a wait.
func (s situation) proceed(step step) next { return next{state: s.state, step: step} }

// end is the outcome, to be written to the manifest. A session of which files
// are missing that were archived once is damaged, whatever the vendor says, and
// archived again once it has them.
func (s situation) end(outcome workflows.Outcome, reason string) next {
	var missing []string
	for _, damaged := range s.state.Damaged {
		if !isIn(s.state.Done, damaged.Source) {
			missing = append(missing, damaged.Key)
		}
	}
	if len(missing) > 0 {
		if outcome == workflows.OutcomeArchived {
			reason = "it lists other files"
		}
		outcome, reason = workflows.OutcomeDamaged, fmt.Sprintf("missing or changed in the archive: %s; the vendor: %s", shortlist.Of(missing, maxNamedKeys), reason)
	} else if len(s.state.Damaged) > 0 {
		outcome, reason = workflows.OutcomeArchived, "" // It has all that was archived before.
	}
	return next{state: s.state, step: write, outcome: outcome, reason: reason}
}

// fail ends the workflow with the activity's own error, so that its type and
// message are the outermost ones, or with the cancellation.
func (s situation) fail(err error) next {
	if kind, text, _ := classify(err); kind != "" {
		err = temporal.NewNonRetryableApplicationError(text, string(kind), nil)
	}
	return next{state: s.state, err: err}
}

// waitFor is the step after a wait, which checkNow may end.
func (s situation) waitFor(step step, wait time.Duration, phase workflows.FetchPhase, reason, summary string) next {
	return next{state: s.state, step: step, onCheckNow: step, wait: wait, phase: phase, reason: reason, summary: summary}
}

// transient waits with exponential backoff, and not shorter than the other side
// asks for. What it asks for may be too short, again and again.
func (s situation) transient(step step, reason string, retryAfter time.Duration) next {
	wait := transientWait(s.policy, s.state.TransientFailures, s.longestWait(), s.jitter)
	if retryAfter > 0 {
		wait = addJitter(max(wait, retryAfter), rateLimitJitter, s.jitter)
	}
	s.state.TransientFailures++
	return s.waitFor(step, wait, workflows.PhaseChecking, reason, "unavailable or over budget, next check")
}

// blocked waits with exponential backoff until an operator has acted, and the
// clock of giveUpAfter stands still until the next answer.
func (s situation) blocked(step step, reason string) next {
	if s.v010 {
		return s.blockedUpTo(s.policy.PollMax, step, reason)
	}
	if s.state.BlockedSince.IsZero() {
		s.state.BlockedSince = s.now.UTC()
	}
	return s.blockedUpTo(longestWait(s.policy, s.now.Sub(s.state.BlockedSince)), step, reason)
}

// blockedTogether is blocked by what blocks all calls of the bot. It waits at most
// pollMax, and then for a call slot: the budget's workflow makes one call at a time.
func (s situation) blockedTogether(reason string) next {
	if s.state.BlockedSince.IsZero() {
		s.state.BlockedSince = s.now.UTC()
	}
	return s.blockedUpTo(s.policy.PollMax, check, reason)
}

func (s situation) blockedUpTo(longest time.Duration, step step, reason string) next {
	wait := pollWait(s.policy, s.state.BlockedWaits, 0, longest, s.jitter)
	s.state.BlockedWaits++
	n := s.waitFor(step, wait, workflows.PhaseBlocked, reason, "blocked, next check")
	n.blocked = true
	return n
}

// classify returns what an activity's error says. The kind is empty if it is not
// one of the activities' own errors.
func classify(err error) (kind failure.Kind, text string, retryAfter time.Duration) {
	var failed *temporal.ApplicationError
	if !errors.As(err, &failed) {
		return "", "", 0
	}
	var detail FailureDetail
	if failed.HasDetails() && failed.Details(&detail) != nil {
		detail.RetryAfter = 0
	}
	return failure.Kind(failed.Type()), failed.Message(), detail.RetryAfter
}

// resumeOf returns where another download may continue the one that has failed; empty if
// it cannot.
func resumeOf(err error) SealedText {
	var failed *temporal.ApplicationError
	var detail FailureDetail
	if errors.As(err, &failed) && failed.HasDetails() && failed.Details(&detail) == nil {
		return detail.Resume
	}
	var timeout *temporal.TimeoutError
	var progress DownloadProgress
	if errors.As(err, &timeout) && timeout.HasLastHeartbeatDetails() && timeout.LastHeartbeatDetails(&progress) == nil {
		return progress.Resume
	}
	return ""
}

// isNotStarted reports whether no worker took an activity in time.
func isNotStarted(err error) bool {
	var timeout *temporal.TimeoutError
	return errors.As(err, &timeout) && timeout.TimeoutType() == enumspb.TIMEOUT_TYPE_SCHEDULE_TO_START
}

func isTimeout(err error) bool {
	var timeout *temporal.TimeoutError
	return errors.As(err, &timeout)
}
