package fetchrecording

import (
	"errors"
	"fmt"
	"slices"
	"strings"
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
}

// afterFind: what the manifest says is believed while its objects are there. An
// archived session is never fetched again, and another one only on request.
func (s situation) afterFind(found *FindArchivedResult, err error) next {
	if err != nil {
		return s.afterArchiveFailure(find, err)
	}
	if found.Result == nil {
		return s.proceed(check)
	}
	damaged := len(found.Damaged) > 0
	switch found.Result.Outcome {
	case workflows.OutcomeArchived:
		if damaged {
			return s.repair(found)
		}
		return next{state: s.state, result: found.Result}
	case workflows.OutcomeDamaged:
		if s.refetch && damaged {
			return s.repair(found)
		}
		if s.refetch && found.Before != nil { // The lost objects are back.
			s.keepIntact(found)
			return s.end(workflows.OutcomeArchived, "")
		}
	default:
	}
	// A failure that another fetch wrote while this one was at work is replaced too.
	if s.refetch || s.state.StatusChecks > 0 && !s.v010 {
		s.keepIntact(found)
		return s.proceed(check)
	}
	return next{state: s.state, result: found.Result}
}

// repair fetches what is missing of an archived session, as long as the vendor
// still has it.
func (s situation) repair(found *FindArchivedResult) next {
	s.keepIntact(found)
	s.state.Damaged = nil
	for _, recording := range found.recordings() {
		if slices.Contains(found.Damaged, recording.Key) {
			s.state.Damaged = append(s.state.Damaged, recording)
		}
	}
	n := s.proceed(check)
	n.note = fmt.Sprintf("The session was archived, but objects are missing or changed: %s.", someOf(found.Damaged))
	return n
}

// keepIntact keeps the files of a manifest that is going to be replaced.
func (s *situation) keepIntact(found *FindArchivedResult) {
	s.state.Replaces = found.ETag
	s.state.Done = slices.DeleteFunc(slices.Clone(s.state.Done), func(done workflows.Recording) bool {
		return slices.Contains(found.Damaged, done.Key)
	})
	for _, recording := range found.recordings() {
		if !slices.Contains(found.Damaged, recording.Key) && !isIn(s.state.Done, recording.Source) {
			s.state.Done = append(s.state.Done, recording)
		}
	}
}

// isIn reports whether a file is among recordings.
func isIn(recordings []workflows.Recording, source string) bool {
	return slices.ContainsFunc(recordings, func(r workflows.Recording) bool { return r.Source == source })
}

// maxNamedKeys bounds how many keys a text names.
const maxNamedKeys = 5

func someOf(keys []string) string {
	named := strings.Join(keys[:min(len(keys), maxNamedKeys)], ", ")
	if more := len(keys) - maxNamedKeys; more > 0 {
		named += fmt.Sprintf(" and %d more", more)
	}
	return named
}

// afterMint is the decision when no token came.
func (s situation) afterMint(botID string, err error) next {
	if isTimeout(err) {
		// The first step finds out whether the bot is served at all.
		again := find
		if s.v010 {
			again = check
		}
		return s.transient(again, fmt.Sprintf("no call slot came for bot %s: check that a worker serves it (SMARTASSIST_BOT_ID)", botID), 0)
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

// answered takes over that the vendor sent a status. A status that is new to
// the fetch restarts the backoff; two that alternate do not.
func (s *situation) answered(response *CheckStatusResult) {
	var isNew bool
	s.state.Evidence, isNew = status.Add(s.state.Evidence, response.Status, s.now)
	if isNew && len(s.state.Evidence) <= maxRestarts || s.v010 && response.Status != s.state.LastStatus {
		s.state.Polls = 0
	}
	s.state.LastStatus = response.Status
	s.state.AnsweredAt = s.now.UTC()
	s.state.TransientFailures = 0
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
// mean "not yet". The age of the call decides, but one answer never outweighs
// that the vendor had the recording before.
func (s situation) settle(response *CheckStatusResult) next {
	age := s.now.Sub(s.callTime)
	seen := s.seen(response.Status)
	if age >= s.policy.UnavailableSettlesAfter && (s.seen(status.Success).Count == 0 || seen.Count > 1) {
		return s.end(response.Outcome, response.Text)
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
		return s.afterArchiveFailure(find, err)
	}
}

// afterDownload is the decision when all missing files were tried; progress
// reports whether one more of them is in the archive. Of several failures the
// one that matters most decides: a cancellation, then what needs operator
// action.
func (s situation) afterDownload(progress bool, errs ...error) next {
	err := worstOf(errs)
	kind, text, retryAfter := classify(err)
	if err == nil {
		s.unblock()
		if len(s.state.Done) == 0 {
			return s.transient(check, "no file was listed", 0)
		}
		return s.end(workflows.OutcomeArchived, "")
	}
	if progress && !s.v010 {
		s.state.DownloadFailures = 0
	}
	switch kind {
	case failure.AlreadyArchived:
		if s.v010 {
			return s.proceed(find)
		}
		return s.transient(find, text, 0) // With a wait, should the two steps disagree.
	case failure.ArchiveUnavailable, failure.HandedOver:
		return s.transient(download, text, 0)
	case failure.ArchiveBlocked:
		// The URLs may outlive the obstacle; requesting others would spend a
		// call at each attempt.
		n := s.blocked(download, text)
		n.onCheckNow = check
		return n
	case failure.Blocked:
		// The URL itself is the obstacle: only a new check returns another.
		return s.blocked(check, text)
	case "":
		if !isTimeout(err) {
			return s.fail(err)
		}
	default:
	}
	if s.v010 {
		return s.afterBadDownloadV010(kind, text, err)
	}
	return s.afterBadDownload(kind, text, retryAfter, err)
}

// afterBadDownload tries the same URL again, a few times over a minute or two,
// before it spends a call on another one. An expired URL is replaced at once
// the first time.
func (s situation) afterBadDownload(kind failure.Kind, text string, retryAfter time.Duration, err error) next {
	note := text
	if isTimeout(err) {
		note, text = "A download ended without a response from its worker.", err.Error()
	}
	s.unblock()
	s.state.DownloadFailures++
	step, wait := downloadWait(s.policy, s.state.DownloadFailures, s.jitter)
	switch {
	case kind == failure.MediaExpired:
		step = check
		if s.state.DownloadFailures == 1 {
			wait = 0
		}
	case kind == failure.ArchiveChanged && step == download && s.state.Replaces != "":
		step = find // It keeps what is intact.
	case step == download && !s.listed:
		step = check
	}
	n := s.proceed(step)
	if step == check && s.timeIsUp() {
		if !s.state.AnsweredAt.Before(s.state.GiveUpAt) {
			n = s.giveUp(text)
		}
	} else if wait > 0 {
		n = s.waitFor(step, max(wait, retryAfter), workflows.PhaseChecking, text, "the download failed, next attempt")
		n.onCheckNow = check
	}
	n.note = note
	return n
}

// afterWrite ends the fetch with what the archive now says.
func (s situation) afterWrite(written *workflows.FetchResult, err error) next {
	if err == nil {
		return next{state: s.state, result: written}
	}
	kind, text, _ := classify(err)
	if kind == failure.AlreadyArchived { // But not as its manifest says: the first step repairs it.
		return s.transient(find, text, 0)
	}
	if kind != failure.ArchiveChanged {
		return s.afterArchiveFailure(write, err)
	}
	// An object was replaced between its download and the manifest.
	s.state.Done = nil
	if s.v010 {
		return s.afterBadDownloadV010(kind, text, err)
	}
	return s.afterBadDownload(kind, text, 0, err)
}

// afterArchiveFailure is the decision when a short request to the store failed
// in a way that Temporal does not retry, or when the bot is not served.
func (s situation) afterArchiveFailure(step step, err error) next {
	if needsOperator(err) || isNotServed(err) && !s.v010 {
		_, text, _ := classify(err)
		return s.blocked(step, text)
	}
	return s.fail(err)
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
		outcome, reason = workflows.OutcomeDamaged, fmt.Sprintf("missing or changed in the archive: %s; the vendor: %s", someOf(missing), reason)
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
	longest := s.policy.PollMax
	if !s.v010 {
		if s.state.BlockedSince.IsZero() {
			s.state.BlockedSince = s.now.UTC()
		}
		longest = longestWait(s.policy, s.now.Sub(s.state.BlockedSince))
	}
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

func isNotServed(err error) bool {
	kind, _, _ := classify(err)
	return kind == failure.BotNotServed
}

func isTimeout(err error) bool {
	var timeout *temporal.TimeoutError
	return errors.As(err, &timeout)
}
