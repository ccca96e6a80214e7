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

	// listAttempts is how often a list is tried to be read, once a minute at last: for some
	// hours, or longer if its budget hands out no calls. After that the day goes on with the
	// other list, and says so.
	listAttempts = 500

	// refusalAttempts is how often a list is read again that the vendor refuses and has not
	// refused before: for an hour. Then the day goes on with the other list, and says so.
	refusalAttempts = 10

	// logAttempts is how often an entry is tried to be written, for two minutes each. After
	// that the day shows why it is not.
	logAttempts = 5
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

// logOptions suit an entry that is in the log after some seconds, or needs operator action.
func logOptions(queue, summary string, knownUnserved bool) workflow.ActivityOptions {
	options := stepOptions(queue, summary, knownUnserved)
	options.RetryPolicy.MaximumAttempts = logAttempts
	return options
}

// listOptions suit reading a list: each call waits for its slot. The next attempt goes on
// after the windows that are read.
func listOptions(queue, summary string, knownUnserved bool) workflow.ActivityOptions {
	options := stepOptions(queue, summary, knownUnserved)
	options.RetryPolicy.MaximumAttempts = listAttempts
	return options
}
