package workflows

import (
	"errors"
	"fmt"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"
)

// checkStatus mints a token and spends it on one call of the upstream. It
// answers nil after a setback that it has waited out: the caller asks again.
func (f *fetch) checkStatus(ctx workflow.Context) (*CheckStatusResult, error) {
	f.enter(ctx, PhaseChecking, "waiting for a permit under the bot's call budget")
	var permit MintTokenResult
	err := workflow.ExecuteActivity(
		workflow.WithActivityOptions(ctx, permitOptions(f.req.BotID, f.resume.GiveUpAt.Sub(workflow.Now(ctx)))),
		ActivityMintToken,
		MintTokenInput{BotID: f.req.BotID},
	).Get(ctx, &permit)
	if isTimeout(err) {
		return nil, f.outOfOrder(ctx, fmt.Sprintf("no permit came for bot %s: check that a worker serves it (SMARTASSIST_BOT_ID)", f.req.BotID))
	}
	if err != nil {
		return nil, f.setback(ctx, err)
	}
	f.enter(ctx, PhaseChecking, "asking the upstream")

	var status CheckStatusResult
	err = workflow.ExecuteActivity(
		workflow.WithActivityOptions(ctx, callOptions(fmt.Sprintf("status check %d", f.resume.StatusChecks+1))),
		ActivityCheckStatus,
		CheckStatusInput{BotID: f.req.BotID, SessionID: f.req.SessionID, UserID: f.req.UserID, Token: permit.Token},
	).Get(ctx, &status)
	if reachedUpstream(err) {
		f.resume.StatusChecks++
	}
	if err != nil {
		return nil, f.setback(ctx, err)
	}

	f.resume.Setbacks = 0
	if status.Status != f.resume.LastStatus {
		f.resume.Polls = 0
	}
	f.resume.LastStatus = status.Status
	f.files = status.Files
	return &status, nil
}

// setback waits out an error that waiting can mend, and returns nil then.
func (f *fetch) setback(ctx workflow.Context, err error) error {
	var applicationError *temporal.ApplicationError
	switch {
	case isTimeout(err):
		return f.outOfOrder(ctx, "the worker did not answer in time")
	case !errors.As(err, &applicationError):
		return failure(err)
	}
	switch applicationError.Type() {
	case ErrorTypeRateLimited:
		var limit RateLimit
		if applicationError.HasDetails() {
			if err := applicationError.Details(&limit); err != nil {
				return err
			}
		}
		// What is asked for may be too little, again and again.
		wait := max(limit.Wait, setbackWait(f.policy, f.resume.Setbacks, f.chance()))
		f.resume.Setbacks++
		return f.waitOut(ctx, spread(wait, rateLimitJitter, f.chance()), applicationError.Message())
	case ErrorTypeBlocked:
		_, err := f.park(ctx, applicationError.Message())
		return err
	case ErrorTypeTransient, ErrorTypeTokenStale:
		return f.outOfOrder(ctx, applicationError.Message())
	default:
		return failure(err)
	}
}

// waitForMedia waits because the call or its media is in progress.
func (f *fetch) waitForMedia(ctx workflow.Context, status *CheckStatusResult) error {
	wait := pollWait(f.policy, f.resume.Polls, status.MinWait, f.chance())
	f.resume.Polls++
	f.resume.Parks = 0
	f.enter(ctx, status.Phase, status.Meaning)
	until := workflow.Now(ctx).Add(wait)
	shortened := until.After(f.resume.GiveUpAt) && workflow.Now(ctx).Before(f.resume.GiveUpAt)
	err := f.waitUntil(ctx, until, fmt.Sprintf("%s, after check %d", status.Status, f.resume.StatusChecks))
	if shortened && errors.Is(err, errGaveUp) {
		return nil // One last look: the recording may be there by now.
	}
	return err
}

// waitForNextDay waits because the vendor failed to get the media and tries
// again by itself. A check in between, by checkNow, neither uses up a retry
// nor starts the day anew.
func (f *fetch) waitForNextDay(ctx workflow.Context, status *CheckStatusResult) error {
	now := workflow.Now(ctx)
	if !now.Before(f.resume.PartialDueAt) {
		if f.resume.PartialRetries >= *f.policy.PartialMaxRetries {
			f.reason = fmt.Sprintf("gave up after %d retries: %s: %s", f.resume.PartialRetries, status.Status, status.Meaning)
			return errGaveUp
		}
		f.resume.PartialRetries++
		f.resume.PartialDueAt = now.Add(partialWait(f.policy, f.chance())).UTC()
	}
	f.resume.Parks = 0
	f.enter(ctx, PhasePartialWait, status.Meaning)
	return f.waitUntil(ctx, f.resume.PartialDueAt,
		fmt.Sprintf("%s, try %d of %d", status.Status, f.resume.PartialRetries, *f.policy.PartialMaxRetries))
}

// reachedUpstream tells whether a status check that ended with err may have
// spent a call.
func reachedUpstream(err error) bool {
	var timeout *temporal.TimeoutError
	queued := errors.As(err, &timeout) && timeout.TimeoutType() == enumspb.TIMEOUT_TYPE_SCHEDULE_TO_START
	return !queued && !isType(err, ErrorTypeTokenStale)
}

// isBlocked tells whether a person has to mend something.
func isBlocked(err error) bool {
	return isType(err, ErrorTypeBlocked) || isType(err, ErrorTypeArchiveBlocked)
}

func isTimeout(err error) bool {
	var timeout *temporal.TimeoutError
	return errors.As(err, &timeout)
}

// isType tells whether an activity failed with an error of that type.
func isType(err error, errorType string) bool {
	var applicationError *temporal.ApplicationError
	return errors.As(err, &applicationError) && applicationError.Type() == errorType
}

// failure is what the workflow fails with: the activity's own error, so that
// its type and message are the outermost ones, or the cancellation.
func failure(err error) error {
	var applicationError *temporal.ApplicationError
	if errors.As(err, &applicationError) {
		return temporal.NewNonRetryableApplicationError(applicationError.Message(), applicationError.Type(), nil)
	}
	return err
}

func (f *fetch) chance() float64 {
	f.waits++
	return chanceOf(f.workflowID, f.resume.StatusChecks<<16+f.waits)
}
