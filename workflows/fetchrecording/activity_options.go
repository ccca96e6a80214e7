package fetchrecording

import (
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/callvault/callvault/internal/timing"
)

// How the activities are run: their queues, timeouts and retries, each with
// the kind of work that it suits. How long a fetch waits between them is in
// patience.go.

// callSlotWait is how long a fetch waits for a call slot before it finds out
// whether its bot is served at all. It loses its place in the queue then, so a
// long queue of slots must not cost it that often.
const callSlotWait = 24 * time.Hour

// UntilItSucceeds retries what only an unavailable store or worker can fail.
// What needs operator action comes as a non-retryable error.
func UntilItSucceeds() *temporal.RetryPolicy {
	return &temporal.RetryPolicy{InitialInterval: time.Second, BackoffCoefficient: 2, MaximumInterval: time.Minute}
}

// unservedAfter is how long the first step waits for a worker before the fetch shows
// that its bot is not served.
const unservedAfter = time.Minute

// takenAfter is how long work of an account waits for one of its workers before the
// fetch finds out whether the account has another name now.
const takenAfter = time.Hour

// findOptions suit the first step, on a queue of the bot: if no worker serves it,
// the step waits there, and the fetch is blocked once that is known.
func findOptions(queue string, knownUnserved bool) workflow.ActivityOptions {
	options := archiveOptions("", "look for a manifest")
	options.TaskQueue = queue
	options.ScheduleToStartTimeout = 0
	if !knownUnserved {
		options.ScheduleToStartTimeout = unservedAfter
	}
	return options
}

// findHereOptions suit the first step as a local activity. It holds a workflow task, so
// it is short and tried once: what it cannot tell, the queue of the bot does.
func findHereOptions() workflow.LocalActivityOptions {
	return workflow.LocalActivityOptions{
		ScheduleToCloseTimeout: timing.FindHere,
		Summary:                "look for a manifest",
		RetryPolicy:            &temporal.RetryPolicy{MaximumAttempts: 1},
	}
}

// archiveOptions suit short requests to the store, which are safe to repeat.
func archiveOptions(account, summary string) workflow.ActivityOptions {
	return workflow.ActivityOptions{
		TaskQueue:              ArchiveTaskQueue(account),
		ScheduleToStartTimeout: takenAfter,
		StartToCloseTimeout:    time.Minute,
		Summary:                summary,
		RetryPolicy:            UntilItSucceeds(),
	}
}

// callSlotOptions suit minting: it waits for hours in the queue, which costs
// nothing, and then for some time in a worker that asks the budget for the next slot.
// Batches that share a queue take turns where the Temporal server has fairness; others
// ignore the key.
func callSlotOptions(queue, batchID string) workflow.ActivityOptions {
	return workflow.ActivityOptions{
		Priority:               temporal.Priority{FairnessKey: fairnessKey(batchID)},
		TaskQueue:              queue,
		ScheduleToCloseTimeout: callSlotWait,
		StartToCloseTimeout:    timing.SlotTimeout,
		Summary:                "slot for one call",
		// A call that is given back to the queue soon waits in it again.
		RetryPolicy: &temporal.RetryPolicy{InitialInterval: time.Second, BackoffCoefficient: 1},
	}
}

// callOptions suit one call of the vendor's API with a token that is good for
// one request: never retried, and worthless once the token has expired.
func callOptions(account, summary string) workflow.ActivityOptions {
	return workflow.ActivityOptions{
		TaskQueue:              CheckTaskQueue(account),
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
func transferOptions(account, summary string) workflow.ActivityOptions {
	retries := UntilItSucceeds()
	retries.MaximumAttempts = 6
	return workflow.ActivityOptions{
		TaskQueue:              TransferTaskQueue(account),
		ScheduleToStartTimeout: takenAfter,
		StartToCloseTimeout:    12 * time.Hour,
		HeartbeatTimeout:       timing.HeartbeatTimeout,
		WaitForCancellation:    true,
		Summary:                summary,
		RetryPolicy:            retries,
	}
}

// maxFairnessKey is the longest key that a Temporal server takes, in bytes.
const maxFairnessKey = 64

// fairnessKey returns the key of a batch: its id, or a part of it.
func fairnessKey(batchID string) string { return batchID[:min(len(batchID), maxFairnessKey)] }
