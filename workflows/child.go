package workflows

import (
	"errors"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"
)

// RunFetch runs a fetch of req as a child of the calling workflow and returns
// its result. If the session is already being fetched, it waits for that fetch
// instead of failing, and runs its own only if that one ends without an
// outcome. Waiting adds no event to the caller's history, however long it takes.
//
// An outcome other than "archived" is a result, not an error. An error means
// that no result can be trusted; its ApplicationError has the type
// [ErrorTypeInvalidInput], [ErrorTypeBotNotServed] or [ErrorTypeRejected].
// Cancelling ctx cancels the child, but not a fetch that somebody else started.
func RunFetch(ctx workflow.Context, req FetchRequest) (*FetchResult, error) {
	for {
		var result FetchResult
		err := workflow.ExecuteChildWorkflow(workflow.WithChildOptions(ctx, FetchChildOptions(req)),
			FetchRecordingWorkflowName, req).Get(ctx, &result)
		if temporal.IsWorkflowExecutionAlreadyStartedError(err) {
			err = workflow.ExecuteActivity(workflow.WithActivityOptions(ctx, awaitFetchOptions),
				ActivityAwaitFetch, req.Session).Get(ctx, &result)
		}
		var ended *temporal.ApplicationError
		switch {
		case err == nil:
			return &result, nil
		case errors.As(err, &ended) && ended.Type() == ErrorTypeNoOutcome:
			continue
		default:
			return nil, err
		}
	}
}

// awaitFetchOptions suit a wait of weeks: each attempt is short, and its error
// says when the next one is due.
var awaitFetchOptions = workflow.ActivityOptions{
	TaskQueue:           TaskQueue,
	StartToCloseTimeout: time.Minute,
	Summary:             "wait for the fetch that is already running",
	RetryPolicy:         &temporal.RetryPolicy{InitialInterval: time.Second, BackoffCoefficient: 2, MaximumInterval: 5 * time.Minute},
}
