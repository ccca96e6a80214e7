package fetchrecording

import (
	"errors"
	"fmt"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/temporal"

	"github.com/callvault/callvault/internal/failure"
	"github.com/callvault/callvault/internal/status"
	"github.com/callvault/callvault/workflows"
)

// The decisions about a status check: no slot, no response, or a status.

// afterMint is the decision when no token came.
func (s situation) afterMint(botID string, err error) next {
	if isTimeout(err) {
		// The first step finds out whether the bot is served at all.
		again := find
		if s.v010 {
			again = check
		}
		return s.transient(again, fmt.Sprintf("no call slot came for bot %s: check that a worker serves it, and that its call budget is not paused", botID), 0)
	}
	return s.afterCheckFailure(err)
}

// afterStatus follows the table in package status. Only an answer that came
// after the fetch's time was up may end it, here or, if it named files, after
// their last download.
func (s situation) afterStatus(response *CheckStatusResult) next {
	s.answered(response)
	switch response.Action {
	case status.Download:
		s.forgetUnlistedV010(response.Files)
		return s.proceed(download)
	case status.Poll:
		if response.Settles() {
			return s.settle(response)
		}
		return s.poll(response)
	case status.RetryNextDay:
		return s.retryNextDay(response)
	case status.End:
		return s.end(response.Outcome, response.Text)
	default:
		return s.fail(fmt.Errorf("status %q has the action %q, which this version does not know: deploy the same version to all workers", response.Status, response.Action))
	}
}

// maxRestarts bounds how many different statuses restart the backoff.
const maxRestarts = 8

// answered records that the vendor sent a status. A status that is new to
// the fetch restarts the backoff; two that alternate do not.
func (s *situation) answered(response *CheckStatusResult) {
	var isNew bool
	s.state.Evidence, isNew = status.Add(s.state.Evidence, response.Status, s.now)
	if isNew && len(s.state.Evidence) <= maxRestarts || s.v010 && response.Status != s.state.LastStatus {
		s.state.Polls = 0
	}
	s.state.LastStatus = response.Status
	s.state.AnsweredAt = s.now.UTC()
	s.state.TransientFailures, s.state.Refused = 0, false
	if !response.Settles() {
		s.state.SaidNoneAt = time.Time{}
	}
	if response.Action != status.Download { // A download may be blocked still.
		s.unblock()
	}
}

// poll waits because the call or its media is in progress.
func (s situation) poll(response *CheckStatusResult) next {
	if s.timeIsUp() && !s.v010 {
		return s.giveUp(response.Text)
	}
	wait := pollWait(s.policy, s.state.Polls, response.MinWait, s.longestWait(), s.jitter)
	s.state.Polls++
	n := s.waitFor(check, wait, response.Phase, response.Text, fmt.Sprintf("%s, after check %d", response.Status, s.state.StatusChecks))
	n.lastCheck = s.now.Add(wait).After(s.state.GiveUpAt) && !s.timeIsUp()
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
	if s.timeIsUp() && !s.v010 {
		return s.giveUp(response.Text)
	}
	n := s.waitFor(check, s.state.PartialDueAt.Sub(s.now), response.Phase,
		fmt.Sprintf("%s (waiting %s plus up to %.0f %% jitter, which spreads the fetches of a batch)", response.Text, s.policy.PartialRetryAfter, 100*partialJitter),
		fmt.Sprintf("%s, retry %d of %d", response.Status, s.state.PartialRetries, *s.policy.PartialMaxRetries))
	n.slack = time.Duration(partialSlack * float64(s.policy.PartialRetryAfter))
	return n
}

// settle waits because the vendor says that there is no recording, which may
// mean "not yet".
func (s situation) settle(response *CheckStatusResult) next {
	age := s.now.Sub(s.callTime)
	seen := s.seen(response.Status)
	if age >= s.policy.UnavailableSettlesAfter {
		s.saysNone(s.now)
	}
	if s.isSettled(seen) || s.timeIsUp() && s.isLost() {
		return s.endWithout(response)
	}
	if s.timeIsUp() {
		return s.giveUp(response.Text)
	}
	s.state.Polls++
	return s.waitFor(check, settleWait(s.policy, s.now.Sub(seen.First), age, s.jitter), response.Phase,
		fmt.Sprintf("%s (final %s after the call's begin)", response.Text, s.policy.UnavailableSettlesAfter),
		fmt.Sprintf("%s, after check %d", response.Status, s.state.StatusChecks))
}

// seen returns when and how often the vendor sent a status.
func (s situation) seen(name string) status.Evidence {
	for _, evidence := range s.state.Evidence {
		if evidence.Status == name {
			return evidence
		}
	}
	return status.Evidence{}
}

// afterCheckFailure is the decision when a status check failed.
func (s situation) afterCheckFailure(err error) next {
	switch {
	case s.placed && isNotStarted(err): // The account may have another name now.
		return s.transient(find, "no worker of the account took the status check in time", 0)
	case isTimeout(err):
		return s.transient(check, "the worker did not respond in time", 0)
	}
	kind, text, retryAfter := classify(err)
	if kind == failure.RateLimited && s.placed {
		s.state.Refused = true
		retryAfter = 0 // The budget's workflow waits, for all.
	}
	switch kind {
	case failure.RateLimited, failure.Transient:
		return s.transient(check, text, retryAfter)
	case failure.TokenStale:
		n := s.transient(check, text, 0)
		n.summary = "the call slot was lost, next slot"
		return n
	case failure.Blocked:
		if s.placed {
			return s.blockedTogether(text)
		}
		return s.blocked(check, text)
	default:
		return s.afterArchiveFailure(find, err)
	}
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
