package workflows

import (
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"
)

// How the activities are run: their queues, timeouts and retries, each with
// the kind of work that it suits. How long a fetch waits between them stands
// in backoff.go.

const (
	// tokenUse is how long after its minting a token may still set out. It is
	// valid for a minute longer, for the way and for clocks that differ.
	tokenUse = 4 * time.Minute

	// permitGrace is how long a fetch waits for a permit though its time is
	// over, for the one last look.
	permitGrace = 10 * time.Minute
)

// archiveOptions suit short requests to the store. They are safe to repeat,
// and a store that is down comes back: retry until it does. What a person has
// to mend comes as a non-retryable [ErrorTypeBlocked].
func archiveOptions(summary string) workflow.ActivityOptions {
	return workflow.ActivityOptions{
		TaskQueue:           TaskQueue,
		StartToCloseTimeout: time.Minute,
		Summary:             summary,
		RetryPolicy: &temporal.RetryPolicy{
			InitialInterval:    time.Second,
			BackoffCoefficient: 2,
			MaximumInterval:    time.Minute,
		},
	}
}

// permitOptions suit minting: local work that may wait for hours on the
// bot's limited queue until the budget has room for it, but not for longer
// than the fetch has time left.
func permitOptions(botID string, timeLeft time.Duration) workflow.ActivityOptions {
	return workflow.ActivityOptions{
		TaskQueue:              APITaskQueue(botID),
		ScheduleToCloseTimeout: max(timeLeft, permitGrace),
		StartToCloseTimeout:    10 * time.Second,
		Summary:                "permit for one call",
		RetryPolicy: &temporal.RetryPolicy{
			InitialInterval:    time.Second,
			BackoffCoefficient: 2,
			MaximumInterval:    time.Minute,
		},
	}
}

// callOptions suit one call of the upstream with a token that is good for one
// request: never tried twice, and worthless once the token has expired.
func callOptions(summary string) workflow.ActivityOptions {
	return workflow.ActivityOptions{
		TaskQueue:              TaskQueue,
		ScheduleToStartTimeout: tokenUse,
		StartToCloseTimeout:    time.Minute,
		Summary:                summary,
		RetryPolicy:            &temporal.RetryPolicy{MaximumAttempts: 1},
	}
}

// transferOptions suit a download: hours if bytes move, half a minute if the
// worker is gone. A few tries with the same URL, then a new check. Cancelling
// waits until the transfer has cleaned up behind itself.
func transferOptions(summary string) workflow.ActivityOptions {
	return workflow.ActivityOptions{
		TaskQueue:           TransferTaskQueue,
		StartToCloseTimeout: 12 * time.Hour,
		HeartbeatTimeout:    30 * time.Second,
		WaitForCancellation: true,
		Summary:             summary,
		RetryPolicy: &temporal.RetryPolicy{
			InitialInterval:    time.Second,
			BackoffCoefficient: 2,
			MaximumInterval:    time.Minute,
			MaximumAttempts:    6,
		},
	}
}
