package workflows

import (
	"context"
	"errors"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
)

// FetchRun is a fetch as a client sees it.
type FetchRun struct {
	// Attached reports whether [StartFetch] found the fetch running. The running
	// fetch's policy applies then, not the request's.
	Attached bool

	client client.Client
	run    client.WorkflowRun
}

// StartFetch starts a fetch of req with [FetchStartOptions], or attaches to the
// one that the session already has running. It fails if req is not valid or
// Temporal refuses the start.
func StartFetch(ctx context.Context, c client.Client, req FetchRequest) (*FetchRun, error) {
	return StartFetchAs(ctx, c, req, int(newestFlow))
}

// StartFetchAs is [StartFetch] on behalf of a caller that knows an older flow of fetches, see
// [MemoFlow], or none if it is 0: its fetches may begin on a worker of that version.
func StartFetchAs(ctx context.Context, c client.Client, req FetchRequest, flow int) (*FetchRun, error) {
	if err := req.Validate(); err != nil {
		return nil, err
	}
	options := FetchStartOptions(req)
	options.Memo = nil
	if flow > 0 {
		options.Memo = map[string]any{MemoFlow: min(Flow(flow), newestFlow)}
	}
	// Attaching by these two says that it attached, which USE_EXISTING does not.
	options.WorkflowIDConflictPolicy = enumspb.WORKFLOW_ID_CONFLICT_POLICY_FAIL
	options.WorkflowExecutionErrorWhenAlreadyStarted = true
	run, err := c.ExecuteWorkflow(ctx, options, FetchRecordingWorkflowName, req)
	var running *serviceerror.WorkflowExecutionAlreadyStarted
	switch {
	case errors.As(err, &running):
		return &FetchRun{Attached: true, client: c, run: c.GetWorkflow(ctx, options.ID, running.RunId)}, nil
	case err != nil:
		return nil, err
	}
	return &FetchRun{client: c, run: run}, nil
}

// GetFetch returns the session's latest fetch. It makes no request: the methods
// fail with a serviceerror.NotFound if there is none.
func GetFetch(ctx context.Context, c client.Client, session Session) *FetchRun {
	return &FetchRun{client: c, run: c.GetWorkflow(ctx, session.FetchWorkflowID(), "")}
}

// WorkflowID returns the workflow id.
func (r *FetchRun) WorkflowID() string { return r.run.GetID() }

// RunID returns the id of the run that was started or attached to; it is empty
// after [GetFetch].
func (r *FetchRun) RunID() string { return r.run.GetRunID() }

// Result waits until the fetch ends, which may take weeks, and returns its
// result. It fails if the fetch failed, was cancelled or was terminated.
func (r *FetchRun) Result(ctx context.Context) (*FetchResult, error) {
	var result FetchResult
	if err := r.run.Get(ctx, &result); err != nil {
		return nil, err
	}
	return &result, nil
}

// Progress returns the progress of the session's latest fetch. Without a worker
// it fails when ctx ends.
func (r *FetchRun) Progress(ctx context.Context) (FetchProgress, error) {
	var progress FetchProgress
	value, err := r.client.QueryWorkflow(ctx, r.WorkflowID(), "", QueryProgress)
	if err != nil {
		return progress, err
	}
	err = value.Get(&progress)
	return progress, err
}

// CheckNow ends the current wait of the session's latest fetch, which costs one
// call of the vendor's budget. Without a worker it fails when ctx ends, and with
// a serviceerror.NotFound if the fetch has ended.
func (r *FetchRun) CheckNow(ctx context.Context) (CheckNowResult, error) {
	var result CheckNowResult
	handle, err := r.client.UpdateWorkflow(ctx, client.UpdateWorkflowOptions{
		WorkflowID:   r.WorkflowID(),
		UpdateName:   UpdateCheckNow,
		WaitForStage: client.WorkflowUpdateStageCompleted,
	})
	if err != nil {
		return result, err
	}
	err = handle.Get(ctx, &result)
	return result, err
}

// Cancel asks the session's latest fetch to stop, and fails with a
// serviceerror.NotFound if it has ended. A cancelled fetch leaves no outcome and
// no partial object; a later one starts from the beginning.
func (r *FetchRun) Cancel(ctx context.Context) error {
	return r.client.CancelWorkflow(ctx, r.WorkflowID(), "")
}
