package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"

	"github.com/callvault/callvault/internal/program"
	"github.com/callvault/callvault/internal/searchattr"
	"github.com/callvault/callvault/workflows"
)

// dayTimeout bounds a request about one day that needs no worker.
const dayTimeout = 10 * time.Second

// days sends requests about the workflows of days in a namespace.
type days struct {
	client    client.Client
	namespace string
}

// status returns how a workflow stands; UNSPECIFIED if Temporal has none.
func (d days) status(ctx context.Context, workflowID string) (enumspb.WorkflowExecutionStatus, error) {
	bounded, cancel := context.WithTimeout(ctx, dayTimeout)
	defer cancel()
	described, err := d.client.WorkflowService().DescribeWorkflowExecution(bounded, &workflowservice.DescribeWorkflowExecutionRequest{
		Namespace: d.namespace,
		Execution: &commonpb.WorkflowExecution{WorkflowId: workflowID},
	})
	switch {
	case ctx.Err() != nil:
		return 0, program.ErrInterrupted
	case isNotFound(err):
		return enumspb.WORKFLOW_EXECUTION_STATUS_UNSPECIFIED, nil
	case err != nil:
		return 0, fmt.Errorf("workflow %s: %w", workflowID, err)
	}
	return described.GetWorkflowExecutionInfo().GetStatus(), nil
}

// progress asks the workflow of a day where it is.
func (d days) progress(ctx context.Context, day workflows.Day) (*workflows.DayProgress, error) {
	bounded, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	var progress workflows.DayProgress
	value, err := d.client.QueryWorkflow(bounded, day.WorkflowID(), "", workflows.QueryProgress)
	if err == nil {
		err = value.Get(&progress)
	}
	var noPoller *serviceerror.FailedPrecondition
	var deadline *serviceerror.DeadlineExceeded
	var failing *serviceerror.WorkflowNotReady
	switch {
	case err == nil:
		return &progress, nil
	case ctx.Err() != nil:
		return nil, program.ErrInterrupted
	case errors.As(err, &failing):
		return nil, errors.New("its workflow cannot continue: see its last workflow task in the Web UI")
	case errors.As(err, &noPoller), errors.As(err, &deadline), bounded.Err() != nil:
		return nil, fmt.Errorf("%w: start one with %q", errNoWorker, program.Command("worker"))
	}
	return nil, fmt.Errorf("its progress cannot be read: %w", err)
}

// start starts the workflow of many days, or attaches to it if it is running. On a namespace
// where no worker has run yet, it first registers the search attributes.
func (d days) start(ctx context.Context, id string, request workflows.DaysRequest) (run client.WorkflowRun, attached bool, err error) {
	options := workflows.DaysStartOptions(id, request)
	// Attaching by these two says that it attached, which USE_EXISTING does not.
	options.WorkflowIDConflictPolicy = enumspb.WORKFLOW_ID_CONFLICT_POLICY_FAIL
	options.WorkflowExecutionErrorWhenAlreadyStarted = true
	begin := func() error {
		run, err = d.client.ExecuteWorkflow(ctx, options, workflows.ArchiveDaysWorkflowName, request)
		return err
	}
	if searchattr.IsMissing(begin()) {
		if _, err := searchattr.Register(ctx, d.client, d.namespace); err != nil {
			return nil, false, err
		}
		_ = begin() // Its error is err.
	}
	var running *serviceerror.WorkflowExecutionAlreadyStarted
	if errors.As(err, &running) {
		return d.client.GetWorkflow(ctx, options.ID, running.RunId), true, nil
	}
	return run, false, err
}

// statusText names how a workflow ended.
func statusText(status enumspb.WorkflowExecutionStatus) string {
	switch status {
	case enumspb.WORKFLOW_EXECUTION_STATUS_UNSPECIFIED:
		return "is not known to Temporal"
	case enumspb.WORKFLOW_EXECUTION_STATUS_FAILED:
		return "has failed"
	case enumspb.WORKFLOW_EXECUTION_STATUS_CANCELED:
		return "was cancelled"
	case enumspb.WORKFLOW_EXECUTION_STATUS_TERMINATED:
		return "was terminated"
	case enumspb.WORKFLOW_EXECUTION_STATUS_TIMED_OUT:
		return "has timed out"
	case enumspb.WORKFLOW_EXECUTION_STATUS_COMPLETED:
		return "has ended"
	default:
		return "is running"
	}
}
