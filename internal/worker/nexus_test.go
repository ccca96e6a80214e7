package worker

import (
	"context"
	"testing"

	"github.com/nexus-rpc/sdk-go/nexus"
	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/api/serviceerror"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporalnexus"

	"github.com/callvault/callvault/workflows"
)

// cancelled is a client that notes which workflows are cancelled.
type cancelled struct {
	client.Client
	workflowType string
	ids          []string
}

func (c *cancelled) DescribeWorkflowExecution(context.Context, string, string) (*workflowservice.DescribeWorkflowExecutionResponse, error) {
	return &workflowservice.DescribeWorkflowExecutionResponse{WorkflowExecutionInfo: &workflowpb.WorkflowExecutionInfo{Type: &commonpb.WorkflowType{Name: c.workflowType}}}, nil
}

func (c *cancelled) CancelWorkflow(_ context.Context, workflowID, _ string) error {
	c.ids = append(c.ids, workflowID)
	return &serviceerror.NotFound{} // It has ended meanwhile.
}

// A token is what the caller says it is.
func TestOperationCancelsNothingOfAnotherKind(t *testing.T) {
	of := func(id string) temporalnexus.CancelTemporalWorkflowRunOptions {
		return temporalnexus.CancelTemporalWorkflowRunOptions{WorkflowID: id}
	}
	var refused *nexus.HandlerError
	c := &cancelled{workflowType: workflows.CallBudgetWorkflowName}
	for _, id := range []string{"call-budget/acme", "batch", "2026-11", ""} {
		require.ErrorAs(t, cancelBatch(t.Context(), c, of(id), nexus.CancelOperationOptions{}), &refused, id)
		require.Equal(t, nexus.HandlerErrorTypeBadRequest, refused.Type)
	}
	require.ErrorAs(t, cancelFetch(t.Context(), c, of("call-budget/acme"), nexus.CancelOperationOptions{}), &refused)
	require.Equal(t, nexus.HandlerErrorTypeBadRequest, refused.Type)
	require.Empty(t, c.ids)

	batch := workflows.BatchWorkflowID("2026-11")
	require.NoError(t, cancelBatch(t.Context(), c, of(batch), nexus.CancelOperationOptions{}))
	require.Equal(t, []string{batch}, c.ids)
}
