package cli

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"

	"github.com/callvault/callvault/internal/program"
	"github.com/callvault/callvault/workflows"
)

// silentClient is connected to a server that does not answer.
type silentClient struct{ client.Client }

func (silentClient) QueryWorkflowWithOptions(ctx context.Context, _ *client.QueryWorkflowWithOptionsRequest) (*client.QueryWorkflowWithOptionsResponse, error) {
	return nil, untilDone(ctx)
}

func (silentClient) UpdateWorkflow(ctx context.Context, _ client.UpdateWorkflowOptions) (client.WorkflowUpdateHandle, error) {
	return nil, client.NewWorkflowUpdateServiceTimeoutOrCanceledError(untilDone(ctx))
}

func (silentClient) ListWorkflow(ctx context.Context, _ *workflowservice.ListWorkflowExecutionsRequest) (*workflowservice.ListWorkflowExecutionsResponse, error) {
	return nil, untilDone(ctx)
}

func TestSilentServerIsWaitedForInBoundedTime(t *testing.T) {
	for name, row := range map[string]struct {
		request func(context.Context, budgets) error
		bound   time.Duration
		says    string
	}{
		"list": {func(ctx context.Context, b budgets) error { _, _, err := b.running(ctx, maxBudgets); return err }, 5 * time.Second, "list the running budgets: context deadline exceeded"},
		"show": {func(ctx context.Context, b budgets) error { _, err := b.status(ctx, "st-1"); return err }, 5 * time.Second,
			`budget "st-1": no worker responds: start one with "` + program.Command("worker") + `"`},
		"pause": {func(ctx context.Context, b budgets) error {
			_, err := b.change(ctx, "st-1", workflows.UpdatePause, workflows.BudgetChange{Reason: "r"})
			return err
		}, 10 * time.Second, `budget "st-1": no worker responds within 10s: start one with "` + program.Command("worker") +
			`", which may still make the change; to see whether it did: ` + program.Command("starter") + ` budget show st-1`},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				require.EqualError(t, row.request(t.Context(), budgets{silentClient{}, "prod"}), row.says)
				require.Equal(t, row.bound, time.Since(began))
			})
		})
	}
}
