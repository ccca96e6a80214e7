package activities

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"github.com/callvault/callvault/workflows"
)

const (
	// awaitAttempt bounds one attempt, and with it the time that a waiting
	// parent holds a slot of the worker.
	awaitAttempt = 10 * time.Second

	// A parent learns of an outcome at most minAwaitPause after the fetch's next
	// check, and of any other change after maxAwaitPause.
	minAwaitPause = 5 * time.Second
	maxAwaitPause = 30 * time.Minute

	// errorTypeStillRunning is never seen by a workflow: Temporal retries it.
	errorTypeStillRunning = "StillRunning"
)

// AwaitFetch waits for a fetch that is already running, on behalf of another
// workflow. Between its attempts Temporal waits, so that a fetch that takes
// weeks holds no worker and adds no event to the history of who waits for it.
type AwaitFetch struct {
	Client client.Client
}

// Execute returns the result of the session's latest fetch once that has ended.
// It fails with [workflows.ErrorTypeNoOutcome] if it ended without a result.
func (a *AwaitFetch) Execute(ctx context.Context, session workflows.Session) (*workflows.FetchResult, error) {
	attempt, cancel := context.WithTimeout(ctx, awaitAttempt)
	defer cancel()
	run := workflows.GetFetch(ctx, a.Client, session)
	result, err := run.Result(attempt)
	var failed *temporal.WorkflowExecutionError
	var missing *serviceerror.NotFound
	switch {
	case err == nil:
		return result, nil
	case errors.As(err, &failed), errors.As(err, &missing):
		return nil, temporal.NewNonRetryableApplicationError(fmt.Sprintf("the fetch %s ended without an outcome: %v", run.GetID(), err), workflows.ErrorTypeNoOutcome, nil)
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case attempt.Err() == nil:
		return nil, err
	}
	return nil, temporal.NewApplicationErrorWithOptions("the fetch is still running", errorTypeStillRunning, temporal.ApplicationErrorOptions{
		NextRetryDelay: a.pause(ctx, run),
		Category:       temporal.ApplicationErrorCategoryBenign,
	})
}

// pause returns how long to wait until the fetch may have changed.
func (a *AwaitFetch) pause(ctx context.Context, run *workflows.FetchRun) time.Duration {
	ctx, cancel := context.WithTimeout(ctx, awaitAttempt)
	defer cancel()
	progress, err := run.Progress(ctx)
	if err != nil || progress.NextCheckAt.IsZero() {
		return minAwaitPause
	}
	return min(max(time.Until(progress.NextCheckAt), minAwaitPause), maxAwaitPause)
}
