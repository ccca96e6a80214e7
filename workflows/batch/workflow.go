package batch

import (
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/callvault/callvault/internal/failure"
	"github.com/callvault/callvault/workflows"
)

// maxHistoryEvents is when a batch continues as new, if the server has not suggested it
// before. A pass has six events, the wait after it four.
const maxHistoryEvents = 3_500

// Workflow is registered as [workflows.FetchRecordingsBatchWorkflowName]. It returns a
// result once every session has an outcome or, if it is cancelled, once its own fetches
// have ended. It fails only where it could not begin, with failure.InvalidInput.
func Workflow(ctx workflow.Context, input Input) (*workflows.BatchResult, error) {
	b, err := newBatch(ctx, input)
	if err != nil {
		return nil, temporal.NewNonRetryableApplicationError(err.Error(), string(failure.InvalidInput), nil)
	}
	return b.run(b.work)
}

// run repeats passes and waits until every session has had its turn and has ended.
func (b *batch) run(ctx workflow.Context) (*workflows.BatchResult, error) {
	for b.state.Plan == nil {
		if b.state.Cancelled {
			b.end(ctx, "it was cancelled")
			return nil, workflow.ErrCanceled
		}
		if err := b.prepare(ctx); err != nil {
			return nil, err
		}
		if b.state.Plan == nil && shouldContinueAsNew(ctx) {
			return nil, b.continueAsNew(ctx)
		}
	}
	for {
		b.cancelWaiting(ctx)
		b.pass(ctx)
		if b.isOver(ctx) {
			if result := b.report(ctx); result != nil {
				return result, nil
			}
		}
		if shouldContinueAsNew(ctx) {
			return nil, b.continueAsNew(ctx)
		}
		b.wait(ctx, b.situation(ctx).nextPass())
	}
}

// batch is one running batch.
type batch struct {
	input Input
	state State

	// flow is that of the batch's fetches.
	flow int

	// work is the context of everything that a cancelled batch still does.
	work workflow.Context

	// stop ends the activity or the wait that is under way, to look at what has changed.
	stop workflow.CancelFunc

	// unserved: no worker has taken the last activity in time.
	unserved bool

	view
}

func newBatch(ctx workflow.Context, input Input) (*batch, error) {
	info := workflow.GetInfo(ctx)
	if err := input.validate(workflow.Now(ctx), info.ContinuedExecutionRunID != ""); err != nil {
		return nil, err
	}
	if input.BatchID == "" {
		id, err := workflows.BatchIDOf(info.WorkflowExecution.ID)
		if err != nil {
			return nil, err
		}
		input.BatchID = id
	}
	b := &batch{input: input, flow: workflows.FlowOf(info.Memo), view: view{namespace: info.Namespace}}
	if input.Resume != nil {
		b.state = *input.Resume
	} else {
		now := workflow.Now(ctx).UTC()
		b.state = State{StartedAt: now, Phase: workflows.BatchPreparing, Since: now}
	}
	b.work, _ = workflow.NewDisconnectedContext(ctx)
	workflow.Go(b.work, func(work workflow.Context) {
		ctx.Done().Receive(work, nil)
		b.state.Cancelled, b.changed = true, true
		b.interrupt()
	})
	if err := b.handleMessages(ctx); err != nil {
		return nil, err
	}
	return b, b.completeSearchAttributes(ctx)
}

// interrupt ends what is under way.
func (b *batch) interrupt() {
	if b.stop != nil {
		b.stop()
	}
}

// isOver reports whether all fetches have ended, as far as they were counted.
func (b *batch) isOver(ctx workflow.Context) bool {
	return b.state.isLaunched() && b.state.Last != nil && b.state.Failures == 0 && b.state.counts().AllRunning() == 0 && b.situation(ctx).unseen() == 0
}

// shouldContinueAsNew reports whether the history is long or, where workers are versioned,
// another version has become current: the workers of the old one need not stay for long then.
func shouldContinueAsNew(ctx workflow.Context) bool {
	info := workflow.GetInfo(ctx)
	return info.GetTargetWorkerDeploymentVersionChanged() || info.GetContinueAsNewSuggested() || info.GetCurrentHistoryLength() > maxHistoryEvents
}

// continueAsNew starts a run whose input has no sessions once the plan has them. Where
// workers are versioned, it begins on the current version.
func (b *batch) continueAsNew(ctx workflow.Context) error {
	if err := workflow.Await(ctx, func() bool { return workflow.AllHandlersFinished(ctx) }); err != nil {
		return err
	}
	next := b.input
	if b.state.Plan != nil {
		next.Sessions = nil
	}
	next.Resume = &b.state
	return workflow.NewContinueAsNewErrorWithOptions(ctx,
		workflow.ContinueAsNewErrorOptions{InitialVersioningBehavior: workflow.ContinueAsNewVersioningBehaviorAutoUpgrade},
		workflows.FetchRecordingsBatchWorkflowName, next)
}
