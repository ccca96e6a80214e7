package batchreport

import (
	"context"
	"errors"
	"fmt"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"

	"github.com/callvault/callvault/workflows"
)

// NotStarted is the reason of sessions whose turn never came.
const NotStarted = "not started"

// ByWorkflow explains a missing manifest by the session's fetch. notFrom are the places in
// the plan, for each of its bots, from which on nothing was started; nil if everything was.
func ByWorkflow(c client.Client, notFrom []int64) Explain {
	return func(ctx context.Context, session workflows.Session, bot int, at int64) (Unfinished, error) {
		if bot < len(notFrom) && at >= notFrom[bot] {
			return Unfinished{Reason: NotStarted}, nil
		}
		return Fetch(ctx, c, session)
	}
}

// Fetch explains a missing manifest by the session's latest fetch.
func Fetch(ctx context.Context, c client.Client, session workflows.Session) (Unfinished, error) {
	described, err := c.DescribeWorkflowExecution(ctx, session.FetchWorkflowID(), "")
	if _, missing := errors.AsType[*serviceerror.NotFound](err); missing {
		return Unfinished{Reason: "no fetch of it is known: it was not started, or the Temporal server has forgotten it"}, nil
	}
	if err != nil {
		return Unfinished{}, err
	}
	info := described.GetWorkflowExecutionInfo()
	switch state := info.GetStatus(); state {
	case enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING, enumspb.WORKFLOW_EXECUTION_STATUS_PAUSED, enumspb.WORKFLOW_EXECUTION_STATUS_CONTINUED_AS_NEW:
		return Unfinished{Running: true, BatchID: workflows.KeywordIn(info.GetSearchAttributes(), workflows.SearchAttributeBatch), Reason: "its fetch is running"}, nil
	case enumspb.WORKFLOW_EXECUTION_STATUS_COMPLETED:
		return Unfinished{Ended: true, Reason: "its fetch has ended, but its manifest is missing from the archive"}, nil
	default:
		return Unfinished{Reason: fmt.Sprintf("its fetch ended without an outcome (%s)", state)}, nil
	}
}
