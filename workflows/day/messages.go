package day

import (
	"go.temporal.io/sdk/workflow"

	"github.com/callvault/callvault/workflows"
)

// handleMessages registers the query. Signals are taken where the day looks for them.
func (d *day) handleMessages(ctx workflow.Context) error {
	return workflow.SetQueryHandlerWithOptions(ctx, workflows.QueryProgress, func() (workflows.DayProgress, error) { return d.progress(), nil },
		workflow.QueryHandlerOptions{Description: "The state of the day: phase, sessions, listings, the revision that was sealed."})
}
