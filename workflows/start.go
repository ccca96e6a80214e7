package workflows

import (
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/workflow"
)

// StartOptions are the options with which a client starts a fetch of req: one
// running fetch for each session, a second start attaches to the first, and a
// session that was fetched before is answered from its manifest. req must be
// valid.
func StartOptions(req FetchRequest) client.StartWorkflowOptions {
	return client.StartWorkflowOptions{
		ID:                       FetchWorkflowID(req.BotID, req.SessionID),
		TaskQueue:                TaskQueue,
		WorkflowIDConflictPolicy: enumspb.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING,
		WorkflowIDReusePolicy:    enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE,
		TypedSearchAttributes:    req.SearchAttributes(),
		StaticSummary:            staticSummary(req),
		StaticDetails:            staticDetails,
	}
}

// ChildOptions are the options with which another workflow runs a fetch of
// req as its child. req must be valid.
//
// A child cannot attach to a fetch that is running already: starting it fails
// with a ChildWorkflowExecutionAlreadyStartedError then. The child goes on
// when its parent ends, so that no recording is lost to a parent's failure.
func ChildOptions(req FetchRequest) workflow.ChildWorkflowOptions {
	return workflow.ChildWorkflowOptions{
		WorkflowID:            FetchWorkflowID(req.BotID, req.SessionID),
		TaskQueue:             TaskQueue,
		WorkflowIDReusePolicy: enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE,
		ParentClosePolicy:     enumspb.PARENT_CLOSE_POLICY_ABANDON,
		TypedSearchAttributes: req.SearchAttributes(),
		StaticSummary:         staticSummary(req),
		StaticDetails:         staticDetails,
	}
}

const staticDetails = "Fetches the call recording of one session from SmartAssist and puts it, verified, into the archive. " +
	"The update `" + UpdateCheckNow + "` ends a wait early; the query `" + QueryProgress + "` tells where it stands."

func staticSummary(req FetchRequest) string {
	return "Recording of session " + req.SessionID + " (bot " + req.BotID + ")"
}
