package workflows

import (
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/workflow"
)

// BatchStartOptions returns the options with which a client starts the batch of req. An
// id names one batch: starting one that is running fails with a
// serviceerror.WorkflowExecutionAlreadyStarted, and so does one that has ended, as long as
// the Temporal server remembers it. A request with Refetch continues such a batch, so it
// may start again. req must be valid and have a BatchID.
func BatchStartOptions(req BatchRequest) client.StartWorkflowOptions {
	return client.StartWorkflowOptions{
		ID:                       BatchWorkflowID(req.BatchID),
		TaskQueue:                TaskQueue,
		WorkflowIDConflictPolicy: enumspb.WORKFLOW_ID_CONFLICT_POLICY_FAIL,
		WorkflowIDReusePolicy:    batchReusePolicy(req),
		// Otherwise the client attaches to a batch with another list.
		WorkflowExecutionErrorWhenAlreadyStarted: true,
		TypedSearchAttributes:                    req.SearchAttributes(),
		Memo:                                     memo(),
		StaticSummary:                            batchSummary(req),
		StaticDetails:                            batchStaticDetails,
	}
}

// BatchChildOptions returns the options with which another workflow runs the batch of req
// as its child. The batch continues when its parent ends. req must be valid and have a
// BatchID.
func BatchChildOptions(req BatchRequest) workflow.ChildWorkflowOptions {
	return workflow.ChildWorkflowOptions{
		WorkflowID:            BatchWorkflowID(req.BatchID),
		TaskQueue:             TaskQueue,
		WorkflowIDReusePolicy: batchReusePolicy(req),
		ParentClosePolicy:     enumspb.PARENT_CLOSE_POLICY_ABANDON,
		TypedSearchAttributes: req.SearchAttributes(),
		Memo:                  memo(),
		StaticSummary:         batchSummary(req),
		StaticDetails:         batchStaticDetails,
	}
}

func batchReusePolicy(req BatchRequest) enumspb.WorkflowIdReusePolicy {
	if req.Refetch {
		return enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE
	}
	return enumspb.WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE
}

const batchStaticDetails = "Fetches the recordings of a list of sessions, just ahead of the call budget, and writes a report into the archive. " +
	"The updates `" + UpdatePause + "` and `" + UpdateResume + "` steer it, cancelling the workflow ends it with a report, and the query `" + QueryProgress + "` returns its state."

func batchSummary(req BatchRequest) string {
	if req.Refetch {
		return "Batch " + req.BatchID + " (what was not archived, again)"
	}
	return "Batch " + req.BatchID
}
