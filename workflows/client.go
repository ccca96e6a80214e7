package workflows

import (
	"context"
	"errors"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
)

// FetchRun is a started fetch, as a client sees it.
type FetchRun struct {
	client.WorkflowRun

	// Attached reports whether the fetch was already running. Its own policy
	// holds then, not the request's.
	Attached bool

	client client.Client
}

// StartFetch starts a fetch of req with [FetchStartOptions], or attaches to the
// one that the session already has running. It fails if req is not valid or
// Temporal refuses the start.
func StartFetch(ctx context.Context, c client.Client, req FetchRequest) (*FetchRun, error) {
	if err := req.Validate(); err != nil {
		return nil, err
	}
	options := FetchStartOptions(req)
	// Attaching by these two says that it attached, which USE_EXISTING does not.
	options.WorkflowIDConflictPolicy = enumspb.WORKFLOW_ID_CONFLICT_POLICY_FAIL
	options.WorkflowExecutionErrorWhenAlreadyStarted = true
	run, err := c.ExecuteWorkflow(ctx, options, FetchRecordingWorkflowName, req)
	var running *serviceerror.WorkflowExecutionAlreadyStarted
	switch {
	case errors.As(err, &running):
		return &FetchRun{c.GetWorkflow(ctx, options.ID, running.RunId), true, c}, nil
	case err != nil:
		return nil, err
	}
	return &FetchRun{run, false, c}, nil
}

// GetFetch returns the session's latest fetch. It calls no one: the methods
// fail with a serviceerror.NotFound if there is none.
func GetFetch(ctx context.Context, c client.Client, session Session) *FetchRun {
	return &FetchRun{c.GetWorkflow(ctx, session.FetchWorkflowID(), ""), true, c}
}

// Result waits until the fetch ends, which may take weeks, and returns its
// result. It fails if the fetch failed, was cancelled or was terminated.
func (r *FetchRun) Result(ctx context.Context) (*FetchResult, error) {
	var result FetchResult
	if err := r.Get(ctx, &result); err != nil {
		return nil, err
	}
	return &result, nil
}

// Progress returns where the fetch is. It needs a worker; without one it fails
// when ctx ends.
func (r *FetchRun) Progress(ctx context.Context) (FetchProgress, error) {
	var progress FetchProgress
	value, err := r.client.QueryWorkflow(ctx, r.GetID(), "", QueryProgress)
	if err != nil {
		return progress, err
	}
	err = value.Get(&progress)
	return progress, err
}

// CheckNow ends the current wait early, which costs one call of the vendor's
// budget.
func (r *FetchRun) CheckNow(ctx context.Context) (CheckNowResult, error) {
	var result CheckNowResult
	handle, err := r.client.UpdateWorkflow(ctx, client.UpdateWorkflowOptions{
		WorkflowID:   r.GetID(),
		UpdateName:   UpdateCheckNow,
		WaitForStage: client.WorkflowUpdateStageCompleted,
	})
	if err != nil {
		return result, err
	}
	err = handle.Get(ctx, &result)
	return result, err
}

// Cancel asks the fetch to stop. It leaves no outcome and no partial object;
// a later fetch starts from the beginning.
func (r *FetchRun) Cancel(ctx context.Context) error {
	return r.client.CancelWorkflow(ctx, r.GetID(), "")
}
