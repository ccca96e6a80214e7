package activities

import (
	"context"
	"fmt"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"github.com/callvault/callvault/workflows"
)

// errorTypeStillRunning is never seen by a workflow: Temporal retries it.
const errorTypeStillRunning = "StillRunning"

// AwaitFetch waits for a fetch that is already running, on behalf of another
// workflow. It does not block: Temporal retries it until the fetch has ended, so
// a fetch that takes weeks holds no worker and adds no event to the history of
// the workflow that waits.
type AwaitFetch struct {
	Client client.Client
}

// Execute returns the result of the session's latest fetch if that has ended.
// It fails with [workflows.ErrorTypeNoOutcome] if it ended without a result.
func (a *AwaitFetch) Execute(ctx context.Context, session workflows.Session) (*workflows.FetchResult, error) {
	id := session.FetchWorkflowID()
	described, err := a.Client.DescribeWorkflowExecution(ctx, id, "")
	switch state := described.GetWorkflowExecutionInfo().GetStatus(); {
	case isMissing(err):
		return nil, noOutcome(id, "it is not known any more")
	case err != nil:
		return nil, err
	case state == enumspb.WORKFLOW_EXECUTION_STATUS_COMPLETED:
		return workflows.GetFetch(ctx, a.Client, session).Result(ctx)
	case state == enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING, state == enumspb.WORKFLOW_EXECUTION_STATUS_CONTINUED_AS_NEW,
		state == enumspb.WORKFLOW_EXECUTION_STATUS_PAUSED:
		return nil, temporal.NewApplicationErrorWithOptions("the fetch "+id+" is still running", errorTypeStillRunning,
			temporal.ApplicationErrorOptions{Category: temporal.ApplicationErrorCategoryBenign})
	default:
		return nil, noOutcome(id, state.String())
	}
}

func noOutcome(id, reason string) error {
	return temporal.NewNonRetryableApplicationError(fmt.Sprintf("the fetch %s ended without an outcome: %s", id, reason), workflows.ErrorTypeNoOutcome, nil)
}
