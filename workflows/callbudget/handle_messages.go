package callbudget

import (
	"errors"

	"go.temporal.io/sdk/workflow"

	"github.com/callvault/callvault/workflows"
)

// handleMessages registers the query and the updates.
func (b *budget) handleMessages(ctx workflow.Context) error {
	return errors.Join(
		workflow.SetQueryHandlerWithOptions(ctx, workflows.QueryBudget, func() (workflows.BudgetStatus, error) {
			return b.status(workflow.Now(ctx)), nil
		}, workflow.QueryHandlerOptions{Description: "The windows, what is used and waits, what was learned, and whether calls are paused or blocked."}),
		workflow.SetUpdateHandlerWithOptions(ctx, UpdateTakeSlot, b.takeSlot, workflow.UpdateHandlerOptions{
			Validator:   b.validateAsk,
			Description: "Used by workers: waits for the next call slot.",
		}),
		workflow.SetUpdateHandlerWithOptions(ctx, UpdateAssignLane, b.assignLane, workflow.UpdateHandlerOptions{
			Validator:   func(_ workflow.Context, request LaneRequest) error { return request.validate() },
			Description: "Used by workers: returns the queue of a batch.",
		}),
		workflow.SetUpdateHandlerWithOptions(ctx, workflows.UpdatePause, b.pause, workflow.UpdateHandlerOptions{
			Validator:   func(_ workflow.Context, change workflows.BudgetChange) error { return change.Validate() },
			Description: `Stops all calls: {"reason": "…"}.`,
		}),
		workflow.SetUpdateHandlerWithOptions(ctx, workflows.UpdateResume, b.resume, workflow.UpdateHandlerOptions{
			Validator:   func(_ workflow.Context, change workflows.BudgetChange) error { return change.Validate() },
			Description: `Lets calls go on, and tries blocked bots at once: {"reason": "…"}.`,
		}),
		workflow.SetUpdateHandlerWithOptions(ctx, workflows.UpdateSetLimits, b.setLimits, workflow.UpdateHandlerOptions{
			Validator:   func(_ workflow.Context, change workflows.LimitsChange) error { return change.Validate() },
			Description: `Replaces the limits: {"windows": ["60/1m", "1800/1h"], "reason": "…"}; without windows the configured ones hold again.`,
		}),
	)
}
