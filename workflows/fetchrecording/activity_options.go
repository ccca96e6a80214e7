package fetchrecording

import (
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/callvault/callvault/internal/timing"
	"github.com/callvault/callvault/workflows"
)

// How the activities are run: their queues, timeouts and retries, each with
// the kind of work that it suits. How long a fetch waits between them is in
// patience.go.

// callSlotWait is how long a fetch waits for a call slot before it finds out
// whether its bot is served at all. It loses its place in the queue then, so a
// long queue of slots must not cost it that often.
const callSlotWait = 24 * time.Hour

// untilItSucceeds retries what only an unavailable store or worker can fail.
// What needs operator action comes as a non-retryable error.
func untilItSucceeds() *temporal.RetryPolicy {
	return &temporal.RetryPolicy{InitialInterval: time.Second, BackoffCoefficient: 2, MaximumInterval: time.Minute}
}

// archiveOptions suit short requests to the store, which are safe to repeat.
func archiveOptions(summary string) workflow.ActivityOptions {
	return workflow.ActivityOptions{
		TaskQueue:           workflows.TaskQueue,
		StartToCloseTimeout: time.Minute,
		Summary:             summary,
		RetryPolicy:         untilItSucceeds(),
	}
}

// callSlotOptions suit minting: local work that may wait for hours on the
// bot's limited queue until the budget has room for it.
func callSlotOptions(botID string) workflow.ActivityOptions {
	return workflow.ActivityOptions{
		TaskQueue:              CallTaskQueue(botID),
		ScheduleToCloseTimeout: callSlotWait,
		StartToCloseTimeout:    10 * time.Second,
		Summary:                "slot for one call",
		RetryPolicy:            untilItSucceeds(),
	}
}

// callOptions suit one call of the vendor's API with a token that is good for
// one request: never retried, and worthless once the token has expired.
func callOptions(summary string) workflow.ActivityOptions {
	return workflow.ActivityOptions{
		TaskQueue:              CheckTaskQueue,
		ScheduleToStartTimeout: timing.TokenUse,
		StartToCloseTimeout:    timing.CheckTimeout,
		Summary:                summary,
		RetryPolicy:            &temporal.RetryPolicy{MaximumAttempts: 1},
	}
}

// transferOptions suit a download: hours if bytes move, half a minute if the
// worker is gone. Temporal repeats it if the store or its worker is unavailable;
// what the media server does is the workflow's to decide.
// Cancelling waits until the transfer has cleaned up.
func transferOptions(summary string) workflow.ActivityOptions {
	retries := untilItSucceeds()
	retries.MaximumAttempts = 6
	return workflow.ActivityOptions{
		TaskQueue:           TransferTaskQueue,
		StartToCloseTimeout: 12 * time.Hour,
		HeartbeatTimeout:    timing.HeartbeatTimeout,
		WaitForCancellation: true,
		Summary:             summary,
		RetryPolicy:         retries,
	}
}
