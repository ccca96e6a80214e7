package workflows_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"

	"github.com/callvault/callvault/workflows"
)

// An id that attached to a running batch would pass its list off as the new one.
func TestAnIDNamesOneBatch(t *testing.T) {
	request := workflows.BatchRequest{BatchID: "2026-11", Sessions: batchSessions(1)}
	options := workflows.BatchStartOptions(request)
	require.Equal(t, "batch/2026-11", options.ID)
	require.Equal(t, workflows.TaskQueue, options.TaskQueue)
	require.Equal(t, enumspb.WORKFLOW_ID_CONFLICT_POLICY_FAIL, options.WorkflowIDConflictPolicy)
	require.True(t, options.WorkflowExecutionErrorWhenAlreadyStarted)
	require.Equal(t, enumspb.WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE, options.WorkflowIDReusePolicy)

	child := workflows.BatchChildOptions(request)
	require.Equal(t, options.ID, child.WorkflowID)
	require.Equal(t, options.TaskQueue, child.TaskQueue)
	require.Equal(t, options.WorkflowIDReusePolicy, child.WorkflowIDReusePolicy)
	require.Equal(t, enumspb.PARENT_CLOSE_POLICY_ABANDON, child.ParentClosePolicy, "the batch goes on when its parent ends")
	require.Equal(t, options.TypedSearchAttributes, child.TypedSearchAttributes)
	require.Equal(t, options.StaticSummary, child.StaticSummary)
	require.Equal(t, options.StaticDetails, child.StaticDetails)
}

func TestRefetchContinuesABatchThatHasEnded(t *testing.T) {
	request := workflows.BatchRequest{BatchID: "2026-11", Sessions: batchSessions(1), Refetch: true}
	options := workflows.BatchStartOptions(request)
	require.Equal(t, enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE, options.WorkflowIDReusePolicy)
	require.Equal(t, enumspb.WORKFLOW_ID_CONFLICT_POLICY_FAIL, options.WorkflowIDConflictPolicy, "but not one that is running")
	require.Equal(t, options.WorkflowIDReusePolicy, workflows.BatchChildOptions(request).WorkflowIDReusePolicy)
	require.Equal(t, "Batch 2026-11 (what was not archived, again)", options.StaticSummary)
}

func TestBatchIsFoundByItsSearchAttributes(t *testing.T) {
	attributes := workflows.BatchRequest{BatchID: "2026-11"}.SearchAttributes()
	batchID, _ := attributes.GetKeyword(workflows.SearchAttributeBatch)
	require.Equal(t, "2026-11", batchID)
	phase, _ := attributes.GetKeyword(workflows.SearchAttributePhase)
	require.Equal(t, "preparing", phase)

	unnamed := workflows.BatchRequest{}.SearchAttributes()
	require.False(t, unnamed.ContainsKey(workflows.SearchAttributeBatch))
	require.Equal(t, 1, unnamed.Size())
}

func TestListsOfBatchesHoldNoPersonalData(t *testing.T) {
	request := workflows.BatchRequest{BatchID: "b1", Sessions: []workflows.BatchSession{{Session: session, UserID: "jane.doe@example.com"}}}
	require.NotContains(t, fmt.Sprintf("%+v", workflows.BatchStartOptions(request)), "jane")
	require.NotContains(t, fmt.Sprintf("%+v", workflows.BatchChildOptions(request)), "jane")
}
