package workflows

import (
	"context"

	"go.temporal.io/sdk/client"
)

// BatchRun is a batch as a client sees it.
type BatchRun struct {
	client client.Client
	run    client.WorkflowRun
}

// StartBatch starts the batch of req with [BatchStartOptions]. It fails if req is not valid
// or names no batch, with a serviceerror.WorkflowExecutionAlreadyStarted if there is a
// batch of that name, or if Temporal refuses the start.
func StartBatch(ctx context.Context, c client.Client, req BatchRequest) (*BatchRun, error) {
	if err := req.Validate(); err != nil {
		return nil, err
	}
	if err := ValidateBatchID(req.BatchID); err != nil {
		return nil, err
	}
	run, err := c.ExecuteWorkflow(ctx, BatchStartOptions(req), FetchRecordingsBatchWorkflowName, req)
	if err != nil {
		return nil, err
	}
	return &BatchRun{client: c, run: run}, nil
}

// GetBatch returns the latest run of a batch. It makes no request: the methods fail with a
// serviceerror.NotFound if there is none.
func GetBatch(ctx context.Context, c client.Client, batchID string) *BatchRun {
	return &BatchRun{client: c, run: c.GetWorkflow(ctx, BatchWorkflowID(batchID), "")}
}

// WorkflowID returns the workflow id.
func (r *BatchRun) WorkflowID() string { return r.run.GetID() }

// RunID returns the id of the run that was started; it is empty after [GetBatch].
func (r *BatchRun) RunID() string { return r.run.GetRunID() }

// Result waits until the batch ends, which may take weeks, and returns its result.
func (r *BatchRun) Result(ctx context.Context) (*BatchResult, error) {
	var result BatchResult
	if err := r.run.Get(ctx, &result); err != nil {
		return nil, err
	}
	return &result, nil
}

// Progress returns the progress of the batch. Without a worker it fails when ctx ends.
func (r *BatchRun) Progress(ctx context.Context) (BatchProgress, error) {
	var progress BatchProgress
	value, err := r.client.QueryWorkflow(ctx, r.WorkflowID(), "", QueryProgress)
	if err != nil {
		return progress, err
	}
	err = value.Get(&progress)
	return progress, err
}

// Pause stops the start of further fetches; those that were started go on. Without a
// worker it fails when ctx ends, and with a serviceerror.NotFound if the batch has ended.
func (r *BatchRun) Pause(ctx context.Context, change BatchChange) (BatchProgress, error) {
	return r.change(ctx, UpdatePause, change)
}

// Resume goes on after [BatchRun.Pause], or after too many sessions were not archived:
// failures are counted anew then.
func (r *BatchRun) Resume(ctx context.Context, change BatchChange) (BatchProgress, error) {
	return r.change(ctx, UpdateResume, change)
}

func (r *BatchRun) change(ctx context.Context, update string, change BatchChange) (BatchProgress, error) {
	var progress BatchProgress
	handle, err := r.client.UpdateWorkflow(ctx, client.UpdateWorkflowOptions{
		WorkflowID:   r.WorkflowID(),
		UpdateName:   update,
		Args:         []any{change},
		WaitForStage: client.WorkflowUpdateStageCompleted,
	})
	if err != nil {
		return progress, err
	}
	err = handle.Get(ctx, &progress)
	return progress, err
}

// Cancel starts no more fetches and cancels those that wait; those that download end as
// usual. The batch then ends with its report. It fails with a serviceerror.NotFound if the
// batch has ended.
func (r *BatchRun) Cancel(ctx context.Context) error {
	return r.client.CancelWorkflow(ctx, r.WorkflowID(), "")
}
