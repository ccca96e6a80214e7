package callbudget

import (
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/callvault/callvault/workflows"
)

func (b *budget) pause(ctx workflow.Context, change workflows.BudgetChange) (workflows.BudgetStatus, error) {
	now := workflow.Now(ctx)
	if b.state.Paused == nil {
		b.state.Paused = &pause{Since: now.UTC()}
	}
	b.state.Paused.Reason = change.Reason
	b.state.note(now, "paused: %s", change.Reason)
	b.withdraw(now)
	b.changed = true
	return b.status(now), nil
}

// resume also ends a stop and tries the bots that are blocked, since whoever sends it
// has usually fixed something.
func (b *budget) resume(ctx workflow.Context, change workflows.BudgetChange) (workflows.BudgetStatus, error) {
	now := workflow.Now(ctx)
	b.state.Paused = nil
	b.state.StoppedUntil = time.Time{}
	b.state.probeAll(now)
	b.state.note(now, "resumed: %s", change.Reason)
	b.changed = true
	return b.status(now), nil
}

// setLimits forgets what was learned: whoever sets limits knows better.
func (b *budget) setLimits(ctx workflow.Context, change workflows.LimitsChange) (workflows.BudgetStatus, error) {
	now := workflow.Now(ctx)
	b.state.Set, b.state.SetReason = change.Windows, change.Reason
	inForce := change.Windows
	if len(inForce) == 0 {
		inForce, b.state.SetReason = b.state.Configured, ""
	}
	b.state.Windows = nil
	b.state.configure(inForce)
	b.state.StoppedUntil = time.Time{}
	b.state.catchUpFrom(now)
	b.state.note(now, "limits set to %s: %s", windowsText(inForce), change.Reason)
	b.changed = true
	return b.status(now), nil
}
