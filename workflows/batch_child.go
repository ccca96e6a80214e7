package workflows

import (
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"
)

// RunBatch runs the batch of req as a child of the calling workflow and returns its result
// when every session has ended. req needs a BatchID. What became of the single sessions is
// in the report, which the result names.
//
// An error means that the batch could not begin or that there is a batch of that name; its
// ApplicationError has the type [ErrorTypeInvalidInput], or [ErrorTypeNoOutcome] if somebody
// terminated the child. Cancelling ctx cancels the batch, which then ends with a result.
func RunBatch(ctx workflow.Context, req BatchRequest) (*BatchResult, error) {
	err := req.ValidateAt(workflow.Now(ctx))
	if err == nil {
		err = ValidateBatchID(req.BatchID) // An invalid workflow id would fail the caller's task again and again.
	}
	if err != nil {
		return nil, temporal.NewNonRetryableApplicationError(err.Error(), ErrorTypeInvalidInput, nil)
	}
	options := BatchChildOptions(req)
	options.WaitForCancellation = true
	result := new(BatchResult)
	err = workflow.ExecuteChildWorkflow(workflow.WithChildOptions(ctx, options), FetchRecordingsBatchWorkflowName, req).Get(ctx, result)
	if err != nil {
		return nil, childError(ctx, "batch", err)
	}
	return result, nil
}
