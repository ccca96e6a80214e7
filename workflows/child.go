package workflows

import (
	"errors"
	"fmt"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"
)

// RunFetch runs a fetch of req as a child of the calling workflow and returns
// its result. If the session is already being fetched, it waits for that fetch
// instead of failing, and runs its own only if that one ends without an
// outcome. The number of events in the caller's history is the same however
// long it waits.
//
// An outcome other than "archived" is a result, not an error. An error means
// that no result can be trusted; its ApplicationError has the type
// [ErrorTypeInvalidInput], [ErrorTypeRejected] or, if somebody cancelled or
// terminated the child, [ErrorTypeNoOutcome]. Cancelling
// ctx cancels the child, but not a fetch that somebody else started.
func RunFetch(ctx workflow.Context, req FetchRequest) (*FetchResult, error) {
	if err := req.ValidateAt(workflow.Now(ctx)); err != nil { // An invalid workflow id would fail the caller's task again and again.
		return nil, temporal.NewNonRetryableApplicationError(err.Error(), ErrorTypeInvalidInput, nil)
	}
	for {
		result := new(FetchResult)
		err := workflow.ExecuteChildWorkflow(workflow.WithChildOptions(ctx, FetchChildOptions(req)),
			FetchRecordingWorkflowName, req).Get(ctx, result)
		if !temporal.IsWorkflowExecutionAlreadyStartedError(err) {
			return resultOr(result, childError(ctx, "fetch", err))
		}
		err = workflow.ExecuteActivity(workflow.WithActivityOptions(ctx, awaitFetchOptions),
			ActivityAwaitFetch, req.Session).Get(ctx, result)
		var failed *temporal.ApplicationError
		if err == nil || !errors.As(err, &failed) || failed.Type() != ErrorTypeNoOutcome {
			return resultOr(result, err)
		}
	}
}

func resultOr(result *FetchResult, err error) (*FetchResult, error) {
	if err != nil {
		return nil, err
	}
	return result, nil
}

// childError keeps the caller from ending as cancelled because somebody else
// cancelled or terminated its child, a fetch or a batch.
func childError(ctx workflow.Context, child string, err error) error {
	var terminated *temporal.TerminatedError
	if ctx.Err() == nil && (temporal.IsCanceledError(err) || errors.As(err, &terminated)) {
		return temporal.NewNonRetryableApplicationError(fmt.Sprintf("the %s ended without an outcome: %v", child, err), ErrorTypeNoOutcome, nil)
	}
	return err
}

// awaitFetchOptions suit a wait of weeks. Each attempt is one short request; the
// backoff bounds how late the caller learns of the outcome, and what it costs.
var awaitFetchOptions = workflow.ActivityOptions{
	TaskQueue:           TaskQueue,
	StartToCloseTimeout: time.Minute,
	Summary:             "wait for the fetch that is already running",
	RetryPolicy:         &temporal.RetryPolicy{InitialInterval: 2 * time.Second, BackoffCoefficient: 2, MaximumInterval: 10 * time.Minute},
}
