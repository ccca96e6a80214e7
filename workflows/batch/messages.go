package batch

import (
	"errors"

	"go.temporal.io/sdk/workflow"

	"github.com/callvault/callvault/workflows"
)

// handleMessages registers the query and the updates.
func (b *batch) handleMessages(ctx workflow.Context) error {
	err := workflow.SetQueryHandlerWithOptions(ctx, workflows.QueryProgress, func() (workflows.BatchProgress, error) { return b.progress(), nil },
		workflow.QueryHandlerOptions{Description: "The state of the batch: phase, counts by phase and outcome, calls, rate, time left."})
	if err != nil {
		return err
	}
	for _, update := range []struct {
		name, description string
		change            func(workflow.Context, workflows.BatchChange)
	}{
		{workflows.UpdatePause, "Starts no more fetches; those that were started go on.", b.pause},
		{workflows.UpdateResume, "Goes on after a pause, or after too many failures, which are counted anew then.", b.resume},
	} {
		err := workflow.SetUpdateHandlerWithOptions(ctx, update.name,
			func(ctx workflow.Context, change workflows.BatchChange) (workflows.BatchProgress, error) {
				update.change(ctx, change)
				if b.state.Plan != nil || b.state.Failures > 0 { // Reading the list goes on.
					b.changed, b.state.Quiet = true, 0
					b.interrupt()
				}
				return b.progress(), nil
			},
			workflow.UpdateHandlerOptions{Validator: b.validate, Description: update.description})
		if err != nil {
			return err
		}
	}
	return nil
}

func (b *batch) validate(change workflows.BatchChange) error {
	if b.state.Cancelled {
		return errors.New("the batch was cancelled: retry it once it has ended")
	}
	return change.Validate()
}

func (b *batch) pause(ctx workflow.Context, change workflows.BatchChange) {
	if b.state.Paused == nil {
		b.state.Paused = &halt{Since: workflow.Now(ctx).UTC()}
	}
	b.state.Paused.Reason = change.Reason
	b.showHalt(ctx)
}

func (b *batch) resume(ctx workflow.Context, _ workflows.BatchChange) {
	b.state.Paused = nil
	if b.state.Stopped != nil {
		b.state.Stopped, b.state.Resumed = nil, true
	}
	b.showHalt(ctx)
}

// showHalt shows at once whether the batch is halted, except while its list cannot be read.
func (b *batch) showHalt(ctx workflow.Context) {
	phase, reason := b.situation(ctx).phase()
	switch {
	case b.state.Plan != nil:
		b.enter(ctx, phase, reason)
	case b.state.Failures == 0:
		b.show(ctx, phase, reason)
	}
}

func (b *batch) situation(ctx workflow.Context) situation {
	return situation{state: b.state, limit: b.input.MaxFailures, now: workflow.Now(ctx)}
}
