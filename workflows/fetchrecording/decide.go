package fetchrecording

import (
	"errors"
	"fmt"
	"slices"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/temporal"

	"github.com/callvault/callvault/internal/failure"
	"github.com/callvault/callvault/internal/status"
	"github.com/callvault/callvault/workflows"
)

// Every decision of a fetch: pure functions from what it knows and what a step
// returned to what comes next. Nothing here runs an activity or waits.

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
	// lastCheck: giveUpAfter cuts the wait short, and the step is run once more.
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
	state  State // a copy, which becomes next.state
	policy workflows.FetchPolicy
	now    time.Time
	jitter float64 // from 0 to 1
}

// maxQuickRetries is how often a recording that is not whole is requested again
// with the backoff of a poll; after that, only the vendor can fix it, and each
// check costs a call, so it is requested once a day.
const maxQuickRetries = 3

// afterFind: a session that has a manifest is never fetched again.
func (s situation) afterFind(found *workflows.FetchResult, err error) next {
	switch {
	case err != nil:
		return s.afterArchiveFailure(find, err)
	case found != nil:
		return next{state: s.state, result: found}
	}
	return s.proceed(check)
}

// afterMint is the decision when no token came.
func (s situation) afterMint(botID string, err error) next {
	if isTimeout(err) {
		return s.transient(check, fmt.Sprintf("no call slot came for bot %s: check that a worker serves it (SMARTASSIST_BOT_ID)", botID), 0)
	}
	return s.afterCheckFailure(err)
}

// afterStatus follows the table in package status.
func (s situation) afterStatus(response *CheckStatusResult) next {
	s.state.TransientFailures = 0
	if response.Status != s.state.LastStatus {
		s.state.Polls = 0
	}
	s.state.LastStatus = response.Status
	switch response.Action {
	case status.Download:
		s.state.Done = slices.DeleteFunc(slices.Clone(s.state.Done), func(done workflows.Recording) bool {
			return !slices.ContainsFunc(response.Files, func(file RemoteFile) bool { return file.Source == done.Source })
		})
		return s.proceed(download)
	case status.Poll:
		return s.poll(response)
	case status.RetryNextDay:
		return s.retryNextDay(response)
	case status.End:
		return s.end(response.Outcome, response.Text)
	default:
		return s.fail(fmt.Errorf("status %q has the action %q, which this version does not know: deploy the same version to all workers", response.Status, response.Action))
	}
}

// poll waits because the call or its media is in progress.
func (s situation) poll(response *CheckStatusResult) next {
	wait := pollWait(s.policy, s.state.Polls, response.MinWait, s.jitter)
	s.state.Polls++
	s.state.BlockedWaits = 0
	n := s.waitFor(check, wait, response.Phase, response.Text, fmt.Sprintf("%s, after check %d", response.Status, s.state.StatusChecks))
	n.lastCheck = s.now.Add(wait).After(s.state.GiveUpAt) && s.now.Before(s.state.GiveUpAt)
	return n
}

// retryNextDay waits because the vendor failed to get the media and retries by
// itself. A check in between, by checkNow, neither uses up a retry nor
// restarts the day.
func (s situation) retryNextDay(response *CheckStatusResult) next {
	if !s.now.Before(s.state.PartialDueAt) {
		if s.state.PartialRetries >= *s.policy.PartialMaxRetries {
			return s.end(workflows.OutcomeGaveUp, fmt.Sprintf("gave up after %d retries: %s: %s", s.state.PartialRetries, response.Status, response.Text))
		}
		s.state.PartialRetries++
		s.state.PartialDueAt = s.now.Add(partialWait(s.policy, s.jitter)).UTC()
	}
	s.state.BlockedWaits = 0
	return s.waitFor(check, s.state.PartialDueAt.Sub(s.now), response.Phase,
		fmt.Sprintf("%s (waiting %s plus up to %.0f %% jitter, which spreads the fetches of a batch)", response.Text, s.policy.PartialRetryAfter, 100*partialJitter),
		fmt.Sprintf("%s, retry %d of %d", response.Status, s.state.PartialRetries, *s.policy.PartialMaxRetries))
}

// afterCheckFailure is the decision when a status check failed.
func (s situation) afterCheckFailure(err error) next {
	if isTimeout(err) {
		return s.transient(check, "the worker did not respond in time", 0)
	}
	kind, text, retryAfter := classify(err)
	switch kind {
	case failure.RateLimited, failure.Transient, failure.TokenStale:
		return s.transient(check, text, retryAfter)
	case failure.Blocked:
		return s.blocked(check, text)
	default:
		return s.fail(err)
	}
}

// afterDownload is the decision when all missing files were tried. Of several
// failures the one that matters most decides: a cancellation, then what needs
// operator action.
func (s situation) afterDownload(errs ...error) next {
	err := worstOf(errs)
	kind, text, _ := classify(err)
	switch {
	case err == nil:
		return s.end(workflows.OutcomeArchived, "")
	case kind == "" && !isTimeout(err):
		return s.fail(err)
	case kind == failure.AlreadyArchived:
		return s.proceed(find)
	case kind == failure.ArchiveUnavailable:
		return s.transient(download, text, 0)
	case kind == failure.ArchiveBlocked:
		// The URLs may outlive the obstacle; requesting others would spend a
		// call at each attempt.
		n := s.blocked(download, text)
		n.onCheckNow = check
		return n
	case kind == failure.Blocked:
		// The URL itself is the obstacle: only a new check returns another.
		return s.blocked(check, text)
	default:
		return s.afterBadDownload(kind, text, err)
	}
}

// afterBadDownload waits before the next check. A URL that was refused, or
// returned a page instead of a recording, gets its new check at once the first
// time: it had probably just expired.
func (s situation) afterBadDownload(kind failure.Kind, text string, err error) next {
	note := text
	if isTimeout(err) {
		note, text = "A download ended without a response from its worker.", err.Error()
	}
	s.state.DownloadFailures++
	n := s.proceed(check)
	if s.state.DownloadFailures > 1 || kind != failure.MediaRefused && kind != failure.MediaInvalid {
		wait := pollWait(s.policy, s.state.DownloadFailures-1, 0, s.jitter)
		if s.state.DownloadFailures > maxQuickRetries && kind == failure.MediaInvalid {
			wait = max(wait, partialWait(s.policy, s.jitter))
		}
		n = s.waitFor(check, wait, workflows.PhaseChecking, text, "the download failed, next check")
	}
	n.note = note
	return n
}

// afterWrite ends the fetch with what the archive now says.
func (s situation) afterWrite(written *workflows.FetchResult, err error) next {
	kind, text, _ := classify(err)
	switch {
	case err == nil:
		return next{state: s.state, result: written}
	case kind == failure.ArchiveChanged:
		// An object was replaced between its download and the manifest.
		s.state.Done = nil
		return s.afterBadDownload(kind, text, err)
	default:
		return s.afterArchiveFailure(write, err)
	}
}

// afterArchiveFailure is the decision when a short request to the store failed
// in a way that Temporal does not retry.
func (s situation) afterArchiveFailure(step step, err error) next {
	if needsOperator(err) {
		_, text, _ := classify(err)
		return s.blocked(step, text)
	}
	return s.fail(err)
}

// afterWait follows the decision n after its wait, or gives up.
func (s situation) afterWait(n next, checkNow bool) next {
	switch {
	case checkNow:
		n.step = n.onCheckNow
	case !n.blocked && !n.lastCheck && !s.now.Before(s.state.GiveUpAt):
		return s.end(workflows.OutcomeGaveUp, fmt.Sprintf("gave up after %s: %s", s.policy.GiveUpAfter, n.reason))
	}
	n.state = s.state
	return n
}

// proceed is the step without a wait.
func (s situation) proceed(step step) next { return next{state: s.state, step: step} }

// end is the outcome, to be written to the manifest.
func (s situation) end(outcome workflows.Outcome, reason string) next {
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
	wait := transientWait(s.policy, s.state.TransientFailures, s.jitter)
	if retryAfter > 0 {
		wait = addJitter(max(wait, retryAfter), rateLimitJitter, s.jitter)
	}
	s.state.TransientFailures++
	return s.waitFor(step, wait, workflows.PhaseChecking, reason, "unavailable or over budget, next check")
}

// blocked waits with exponential backoff until an operator has acted.
func (s situation) blocked(step step, reason string) next {
	wait := pollWait(s.policy, s.state.BlockedWaits, 0, s.jitter)
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

func worstOf(errs []error) (worst error) {
	for _, err := range errs {
		if err != nil && (worst == nil || temporal.IsCanceledError(err) || needsOperator(err) && !temporal.IsCanceledError(worst)) {
			worst = err
		}
	}
	return worst
}

// maySpendCall reports whether a status check that ended with err may have
// spent a call of the budget.
func maySpendCall(err error) bool {
	var timeout *temporal.TimeoutError
	switch kind, _, _ := classify(err); {
	case errors.As(err, &timeout):
		return timeout.TimeoutType() == enumspb.TIMEOUT_TYPE_START_TO_CLOSE
	default:
		return kind != failure.TokenStale && !temporal.IsCanceledError(err)
	}
}

func needsOperator(err error) bool {
	kind, _, _ := classify(err)
	return kind == failure.Blocked || kind == failure.ArchiveBlocked
}

func isTimeout(err error) bool {
	var timeout *temporal.TimeoutError
	return errors.As(err, &timeout)
}
