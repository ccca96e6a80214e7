package workflows

import (
	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/workflow"
)

// FetchStartOptions returns the options with which a client starts a fetch of
// req: one running fetch for each session, to which a second start attaches,
// and a new run for a session that was fetched before, which then returns what
// the session's manifest says. req must be valid.
func FetchStartOptions(req FetchRequest) client.StartWorkflowOptions {
	return client.StartWorkflowOptions{
		ID:                       req.FetchWorkflowID(),
		TaskQueue:                TaskQueue,
		WorkflowIDConflictPolicy: enumspb.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING,
		WorkflowIDReusePolicy:    enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE,
		TypedSearchAttributes:    req.SearchAttributes(),
		Memo:                     memo(),
		StaticSummary:            staticSummary(req),
		StaticDetails:            staticDetails,
	}
}

// FetchChildOptions returns the options with which another workflow runs a
// fetch of req as its child. req must be valid.
//
// A child cannot attach to a fetch that is already running: starting it fails
// with a ChildWorkflowExecutionAlreadyStartedError. [RunFetch] handles that.
// The child continues when its parent ends, so that no recording is lost to a
// parent's failure.
func FetchChildOptions(req FetchRequest) workflow.ChildWorkflowOptions {
	return workflow.ChildWorkflowOptions{
		WorkflowID:            req.FetchWorkflowID(),
		TaskQueue:             TaskQueue,
		WorkflowIDReusePolicy: enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE,
		ParentClosePolicy:     enumspb.PARENT_CLOSE_POLICY_ABANDON,
		TypedSearchAttributes: req.SearchAttributes(),
		Memo:                  memo(),
		StaticSummary:         staticSummary(req),
		StaticDetails:         staticDetails,
	}
}

// FlowOf returns the flow that a workflow's memo tells; 0 if it tells none.
func FlowOf(memo *commonpb.Memo) int {
	var flow int
	if payload := memo.GetFields()[MemoFlow]; payload != nil && converter.GetDefaultDataConverter().FromPayload(payload, &flow) != nil {
		return 0
	}
	return flow
}

// memo tells a fetch, or a batch for its fetches, which flow its starter knows, for no event.
func memo() map[string]any { return map[string]any{MemoFlow: newestFlow} }

const staticDetails = "Fetches the call recording of one session from SmartAssist and stores it, verified, in the archive. " +
	"The update `" + UpdateCheckNow + "` ends a wait early; the query `" + QueryProgress + "` returns the current state."

// staticSummary says which call it is.
func staticSummary(req FetchRequest) string {
	text := "Recording of session " + req.SessionID + " (bot " + req.BotID
	if callTime, err := req.CallTime(); err == nil {
		text += ", call of " + callTime.Format("2006-01-02 15:04 MST")
	}
	if req.BatchID != "" {
		text += ", batch " + req.BatchID
	}
	return text + ")"
}
