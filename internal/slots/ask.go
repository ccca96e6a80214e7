package slots

import (
	"context"
	"errors"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"github.com/callvault/callvault/workflows"
	"github.com/callvault/callvault/workflows/callbudget"
)

func workflowID(budget string) string { return workflows.CallBudgetWorkflowID(budget) }

// takeSlot sends a request to the budget's workflow, and starts that if it does not run.
func (c *Client) takeSlot(ctx context.Context, b *budget, ask callbudget.Ask) (callbudget.Answer, error) {
	update := client.UpdateWorkflowOptions{
		WorkflowID:   workflowID(b.name),
		UpdateName:   callbudget.UpdateTakeSlot,
		Args:         []any{ask},
		WaitForStage: client.WorkflowUpdateStageCompleted,
	}
	handle, err := c.options.Temporal.UpdateWorkflow(ctx, update)
	var missing *serviceerror.NotFound
	if errors.As(err, &missing) {
		handle, err = c.options.Temporal.UpdateWithStartWorkflow(ctx, client.UpdateWithStartWorkflowOptions{
			StartWorkflowOperation: c.options.Temporal.NewWithStartWorkflowOperation(callbudget.StartOptions(b.name),
				workflows.CallBudgetWorkflowName, callbudget.Input{Name: b.name, Configured: ask.Configured, ConfiguredAt: ask.ConfiguredAt}),
			UpdateOptions: update,
		})
	}
	if err != nil {
		return callbudget.Answer{}, err
	}
	var answer callbudget.Answer
	return answer, handle.Get(ctx, &answer)
}

// isBusy reports whether a request failed only because others came first, or because
// the budget's workflow was about to continue as new.
func isBusy(err error) bool {
	var rejected *temporal.ApplicationError
	var missing *serviceerror.NotFound
	var exhausted *serviceerror.ResourceExhausted
	var closing *serviceerror.WorkflowNotReady
	return errors.As(err, &rejected) && rejected.Type() == callbudget.ErrorTypeBusy ||
		errors.As(err, &missing) || errors.As(err, &closing) ||
		errors.As(err, &exhausted) && exhausted.Cause == enumspb.RESOURCE_EXHAUSTED_CAUSE_CONCURRENT_LIMIT
}
