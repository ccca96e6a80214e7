package slots

import (
	"context"
	"errors"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"github.com/callvault/callvault/internal/account"
	"github.com/callvault/callvault/workflows"
	"github.com/callvault/callvault/workflows/callbudget"
)

// update sends a request to the workflow of a budget, and starts that if it does not run.
// It returns once the request has reached a stage: completed, or accepted.
func (c *Client) update(ctx context.Context, served *account.Account, budget, name string, request any, stage client.WorkflowUpdateStage) (client.WorkflowUpdateHandle, error) {
	update := client.UpdateWorkflowOptions{
		WorkflowID:   workflows.CallBudgetWorkflowID(budget),
		UpdateName:   name,
		Args:         []any{request},
		WaitForStage: stage,
	}
	handle, err := c.options.Temporal.UpdateWorkflow(ctx, update)
	var missing *serviceerror.NotFound
	if errors.As(err, &missing) {
		handle, err = c.options.Temporal.UpdateWithStartWorkflow(ctx, client.UpdateWithStartWorkflowOptions{
			StartWorkflowOperation: c.options.Temporal.NewWithStartWorkflowOperation(callbudget.StartOptions(budget),
				workflows.CallBudgetWorkflowName, callbudget.Input{Name: budget, Configured: served.Budget.Windows, ConfiguredAt: c.started, Rules: callbudget.CurrentRules}),
			UpdateOptions: update,
		})
	}
	if err != nil {
		return nil, err
	}
	return handle, rejection(ctx, handle)
}

// rejection returns why a request was rejected, or nil. A rejected one has an outcome
// already, which needs no connection to the server.
func rejection(ctx context.Context, handle client.WorkflowUpdateHandle) error {
	ended, cancel := context.WithCancel(ctx)
	cancel()
	var rejected *temporal.ApplicationError
	if err := handle.Get(ended, nil); errors.As(err, &rejected) {
		return err
	}
	return nil
}

// isGivenBack reports whether a slot was taken too late.
func isGivenBack(err error) bool {
	var rejected *temporal.ApplicationError
	return errors.As(err, &rejected) && rejected.Type() == callbudget.ErrorTypeGivenBack
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
