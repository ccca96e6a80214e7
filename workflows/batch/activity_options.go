package batch

import (
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/callvault/callvault/workflows/fetchrecording"
)

// How the activities are run, each with the kind of work that it suits.

const (
	// unservedAfter is how long an activity waits for a worker before the batch shows
	// that none takes it.
	unservedAfter = time.Minute

	// lostAfter is when an activity without a heartbeat is presumed lost with its worker.
	lostAfter = 30 * time.Second
)

// prepareOptions suit reading a list of a million rows.
func prepareOptions(queue string, knownUnserved bool) workflow.ActivityOptions {
	options := workflow.ActivityOptions{
		TaskQueue:           queue,
		StartToCloseTimeout: 15 * time.Minute,
		HeartbeatTimeout:    lostAfter,
		RetryPolicy:         fetchrecording.UntilItSucceeds(),
		Summary:             "read the list of sessions",
	}
	if !knownUnserved {
		options.ScheduleToStartTimeout = unservedAfter
	}
	return options
}

// passOptions suit a launch pass: seconds, with a few requests for each session. The next
// attempt goes on where the last heartbeat was. It ends soon after the batch was paused or
// cancelled, with what it did.
func passOptions(queue, summary string, knownUnserved bool) workflow.ActivityOptions {
	options := prepareOptions(queue, knownUnserved)
	options.StartToCloseTimeout = 10 * time.Minute
	options.WaitForCancellation = true // What it has started has to be known.
	options.Summary = summary
	return options
}

// reportOptions suit reading a million manifests.
func reportOptions(queue string, knownUnserved bool) workflow.ActivityOptions {
	options := prepareOptions(queue, knownUnserved)
	options.StartToCloseTimeout = 6 * time.Hour
	options.Summary = "write the report"
	return options
}
