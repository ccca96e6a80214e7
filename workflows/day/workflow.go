package day

import (
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/callvault/callvault/internal/failure"
	"github.com/callvault/callvault/workflows"
)

// maxHistoryEvents is when a day continues as new, if the server has not suggested it
// before. A round has some fifty events.
const maxHistoryEvents = 2_000

// Workflow is registered as [workflows.ArchiveDayWorkflowName]. It returns a result once the
// day is sealed and in the log. It fails only where it could not begin, with
// failure.InvalidInput, or if it is cancelled.
func Workflow(ctx workflow.Context, input Input) (*workflows.DayResult, error) {
	d, err := newDay(ctx, input)
	if err != nil {
		return nil, temporal.NewNonRetryableApplicationError(err.Error(), string(failure.InvalidInput), nil)
	}
	result, err := d.run(ctx)
	if temporal.IsCanceledError(ctx.Err()) {
		d.end(ctx, "it was cancelled")
	}
	return result, err
}

// run lists and fetches until a listing has nothing new, and seals the day. What changes
// while it does so is looked at again. A step that fails is made again, and none before it.
func (d *day) run(ctx workflow.Context) (*workflows.DayResult, error) {
	if d.state.Opening != nil { // In a further run.
		d.watchPurge(ctx)
	}
	d.awaitEnd(ctx)
	for ctx.Err() == nil {
		switch {
		case d.hasLongHistory(ctx):
			return nil, d.continueAsNew(ctx)
		case d.state.Opening == nil:
			d.open(ctx)
			continue
		}
		switch d.state.Step {
		case stepList:
			d.list(ctx)
		case stepMerge:
			d.merge(ctx)
		case stepFetch:
			d.fetch(ctx)
		case stepSeal:
			d.seal(ctx)
		case stepLog:
			d.log(ctx)
		case stepDone:
			if !d.hasChanged() {
				return d.result(ctx), nil
			}
		}
	}
	return nil, ctx.Err()
}

// day is one running day.
type day struct {
	input Input
	state State

	// signals come when something has changed since the day was sealed.
	signals workflow.ReceiveChannel

	// unserved: no worker has taken the last activity in time.
	unserved bool

	// watched: the alarm of the vendor's purge is watched in this run.
	watched bool

	view
}

func newDay(ctx workflow.Context, input Input) (*day, error) {
	info := workflow.GetInfo(ctx)
	if err := input.validate(workflow.Now(ctx), info.ContinuedExecutionRunID != ""); err != nil {
		return nil, err
	}
	d := &day{input: input, signals: workflow.GetSignalChannel(ctx, workflows.SignalChanged)}
	if input.Resume != nil {
		d.state = *input.Resume
	} else {
		now := workflow.Now(ctx).UTC()
		d.state = State{StartedAt: now, Phase: workflows.DayListing, Since: now}
	}
	if err := d.handleMessages(ctx); err != nil {
		return nil, err
	}
	return d, d.completeSearchAttributes(ctx)
}

// takeSignals reports whether something has changed since it was called last, in this run or
// in the one before.
func (d *day) takeSignals() bool {
	changed := d.state.Changed
	d.state.Changed = false
	for d.signals.ReceiveAsync(nil) {
		changed = true
	}
	return changed
}

// hasChanged reports whether something has changed while the day was sealed. Then its
// manifests are looked at again, ever less often as long as that goes on: each revision has
// all rows of the day.
func (d *day) hasChanged() bool {
	changed := d.takeSignals()
	if !changed && !d.state.Behind {
		return false
	}
	if changed {
		d.state.Changes++
	}
	if !d.state.Behind { // Else the revision lacks what is known: its rows are of another attempt.
		d.state.Merged = nil
	}
	d.state.OnlyChanged, d.state.Step, d.state.Opening, d.state.Behind = true, stepList, nil, false
	return true
}

// awaitEnd waits until the day is over.
func (d *day) awaitEnd(ctx workflow.Context) {
	begin, _ := d.input.Begin() // It was checked.
	if wait := begin.Add(24*time.Hour + endMargin).Sub(workflow.Now(ctx)); wait > 0 {
		d.state.NextListing = workflow.Now(ctx).Add(wait).UTC()
		d.enter(ctx, workflows.DayWaiting, "")
		d.sleep(ctx, wait, "the day is over")
	}
}

// awaitListing waits until the lists are to be read again, or the manifests looked at.
func (d *day) awaitListing(ctx workflow.Context) {
	if changed := d.takeSignals(); changed && d.state.Sealed != nil && d.state.Rounds == 0 {
		d.state.OnlyChanged, d.state.Changes = true, d.state.Changes+1 // The lists have nothing to do with it.
	}
	if d.state.OnlyChanged && d.state.Changes > 0 {
		d.state.NextListing = changeIsDue(d.state.Sealed.SealedAt, d.state.Changes)
	}
	if wait := d.state.NextListing.Sub(workflow.Now(ctx)); wait > 0 {
		d.enter(ctx, workflows.DaySettling, "")
		d.sleep(ctx, wait, "look at the day again")
		d.takeSignals() // What has changed meanwhile is looked at now.
	}
	d.state.NextListing = time.Time{}
}

// settle has the lists read again after a while.
func (d *day) settle(ctx workflow.Context) {
	d.state.Step = stepList
	d.state.NextListing = workflow.Now(ctx).Add(d.input.EffectiveSettleAfter()).UTC()
}

func (d *day) sleep(ctx workflow.Context, wait time.Duration, summary string) {
	_ = workflow.NewTimerWithOptions(ctx, wait, workflow.TimerOptions{Summary: summary}).Get(ctx, nil)
}

func (d *day) hasLongHistory(ctx workflow.Context) bool {
	info := workflow.GetInfo(ctx)
	return info.GetContinueAsNewSuggested() || info.GetCurrentHistoryLength() > maxHistoryEvents
}

// continueAsNew starts a run that goes on where this one is, and that knows of the signals
// that were not taken yet.
func (d *day) continueAsNew(ctx workflow.Context) error {
	d.state.Changed = d.takeSignals()
	next := d.input
	next.Resume = &d.state
	return workflow.NewContinueAsNewErrorWithOptions(ctx,
		workflow.ContinueAsNewErrorOptions{InitialVersioningBehavior: workflow.ContinueAsNewVersioningBehaviorAutoUpgrade},
		workflows.ArchiveDayWorkflowName, next)
}

func (d *day) result(ctx workflow.Context) *workflows.DayResult {
	d.enter(ctx, workflows.DaySealed, "")
	return &workflows.DayResult{
		Day: d.input.Day, SealedDay: *d.state.Sealed, Unchanged: d.state.Unchanged,
		StartedAt: d.state.StartedAt, FinishedAt: workflow.Now(ctx).UTC(),
	}
}
