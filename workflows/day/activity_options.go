package day

import (
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/callvault/callvault/workflows/fetchrecording"
)

// How the activities are run, each with the kind of work that it suits.

const (
	// unservedAfter is how long an activity waits for a worker before the day shows that
	// none takes it.
	unservedAfter = time.Minute

	// lostAfter is when an activity without a heartbeat is presumed lost with its worker.
	lostAfter = 30 * time.Second

	// listPatience is how long a list is tried to be read. After that the day goes on with
	// the other list, and says so.
	listPatience = 24 * time.Hour
)

// stepOptions suit work of minutes on the archive.
func stepOptions(queue, summary string, knownUnserved bool) workflow.ActivityOptions {
	options := workflow.ActivityOptions{
		TaskQueue:           queue,
		StartToCloseTimeout: 6 * time.Hour,
		HeartbeatTimeout:    lostAfter,
		RetryPolicy:         fetchrecording.UntilItSucceeds(),
		Summary:             summary,
	}
	if !knownUnserved {
		options.ScheduleToStartTimeout = unservedAfter
	}
	return options
}

// listOptions suit reading a list: each call waits for its slot. The next attempt goes on
// after the windows that are read.
func listOptions(queue, summary string) workflow.ActivityOptions {
	options := stepOptions(queue, summary, true)
	options.ScheduleToCloseTimeout = listPatience
	return options
}
