package batch

import (
	"errors"
	"fmt"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/callvault/callvault/internal/failure"
	"github.com/callvault/callvault/workflows"
)

// The steps of a batch: each runs an activity and keeps what it returned.

// prepare has the list read and written down as the plan. Its error ends the batch: the
// list cannot be used.
func (b *batch) prepare(ctx workflow.Context) error {
	queue := prepareQueue(b.input.BatchRequest, b.state.Elsewhere)
	b.enterUnlessBlocked(ctx, workflows.BatchPreparing, "")
	b.showHalt(ctx) // A list takes a moment, so nobody searches for a batch that is paused meanwhile.
	var plan Plan
	err := b.execute(ctx, func(ctx workflow.Context) workflow.Future {
		return workflow.ExecuteActivity(workflow.WithActivityOptions(ctx, prepareOptions(queue, b.unserved)), PrepareBatch, PrepareInput{Request: b.input.BatchRequest, StartedAt: b.state.StartedAt})
	}, &plan)
	if failed, ok := errors.AsType[*temporal.ApplicationError](err); ok && failed.Type() == string(failure.InvalidInput) {
		b.end(ctx, failed.Message())
		return temporal.NewNonRetryableApplicationError(failed.Message(), string(failure.InvalidInput), nil)
	}
	if err == nil && plan.Elsewhere != "" {
		b.state.Elsewhere = plan.Elsewhere
	} else if err == nil {
		b.state.Plan = &plan
	}
	b.afterActivity(ctx, err)
	return nil
}

// pass starts the fetches that there is room for, and counts all of them.
func (b *batch) pass(ctx workflow.Context) {
	s := b.situation(ctx)
	phase, reason := s.phase()
	b.enterUnlessBlocked(ctx, phase, reason)
	input := LaunchInput{
		BatchID: b.input.BatchID, Policy: b.input.Policy, Priority: b.input.Priority, Refetch: b.input.Refetch,
		Plan: *b.state.Plan, Halted: b.state.isHalted(), Allowance: s.allowance(), Again: b.state.Again, Pass: b.state.Passes, Unseen: s.unseen(), Flow: b.flow,
		Launched: b.state.Launched, Settled: b.state.Settled, StartedAt: b.state.StartedAt,
	}
	var result LaunchResult
	err := b.execute(ctx, func(ctx workflow.Context) workflow.Future {
		return workflow.ExecuteActivity(workflow.WithActivityOptions(ctx, passOptions(AccountTaskQueue(b.state.Plan.Account), passSummary(input), b.unserved)), LaunchBatch, input)
	}, &result)
	if err != nil {
		b.state.Again = true
		b.recover(err)
		b.afterActivity(ctx, err)
		return
	}
	b.state.afterPass(result)
	if result.Blocked != "" {
		b.blocked(ctx, result.Blocked)
		return
	}
	b.afterActivity(ctx, nil)
	s = b.situation(ctx)
	if stopped := s.stopReason(); stopped != "" {
		b.state.Stopped = &halt{Reason: stopped, Since: s.now.UTC()}
		s.state = b.state
	}
	phase, reason = s.phase()
	b.enter(ctx, phase, reason)
}

func passSummary(input LaunchInput) string {
	if input.Halted || input.Launched.IsComplete(input.Plan) {
		return "count the fetches"
	}
	return fmt.Sprintf("start fetches from %d of %d", input.Launched.Started+input.Launched.Found+1, input.Plan.Sessions)
}

// recover keeps how far a pass came that was lost with its worker.
func (b *batch) recover(err error) {
	timeout, ok := errors.AsType[*temporal.TimeoutError](err)
	if !ok || !timeout.HasLastHeartbeatDetails() {
		return
	}
	var launched Launched
	if timeout.LastHeartbeatDetails(&launched) == nil && len(launched.Next) == len(b.state.Plan.Bots) {
		b.state.Launched = launched
	}
}

// cancelWaiting cancels the fetches that wait, if the batch was cancelled. What downloads
// then ends by itself, or is cancelled once it waits again.
func (b *batch) cancelWaiting(ctx workflow.Context) {
	if !b.state.Cancelled || b.state.Last != nil && b.state.counts().AllRunning() == 0 && b.wasCancelled {
		return
	}
	b.wasCancelled = true
	b.enter(ctx, workflows.BatchCancelling, "")
	input := CancelInput{BatchID: b.input.BatchID, StartedAt: b.state.StartedAt}
	var result CancelResult
	err := workflow.ExecuteActivity(workflow.WithActivityOptions(ctx, passOptions(AccountTaskQueue(b.state.Plan.Account), "cancel the fetches that wait", b.unserved)), CancelBatch, input).Get(ctx, &result)
	b.afterActivity(ctx, err)
}

// report writes the report. It returns nil if a fetch is running after all: one that
// somebody else started, or that was not listed when the fetches were counted.
func (b *batch) report(ctx workflow.Context) *workflows.BatchResult {
	b.enter(ctx, workflows.BatchReporting, "")
	input := ReportInput{BatchID: b.input.BatchID, Plan: *b.state.Plan, Refetch: b.input.Refetch, Cancelled: b.state.Cancelled, Next: b.state.Launched.From(*b.state.Plan), Awaited: b.state.Awaited}
	var result ReportResult
	err := workflow.ExecuteActivity(workflow.WithActivityOptions(ctx, reportOptions(AccountTaskQueue(b.state.Plan.Account), b.unserved)), ReportBatch, input).Get(ctx, &result)
	b.afterActivity(ctx, err)
	if err != nil {
		return nil
	}
	b.state.Awaited = result.Awaited
	if result.Awaited != nil {
		b.wasCancelled = false // It is cancelled too, if it is the batch's.
		if !b.state.Cancelled {
			b.enter(ctx, workflows.BatchWaiting, "waiting for "+result.Awaited.FetchWorkflowID())
		}
		return nil
	}
	b.reportAt = &result.Report
	phase := workflows.BatchDone
	if b.state.Cancelled {
		phase = workflows.BatchCancelled
	}
	b.total = &result.Total
	b.enter(ctx, phase, "")
	return &workflows.BatchResult{
		BatchID: b.input.BatchID, Phase: phase, Total: result.Total, Duplicates: b.state.Plan.Duplicates,
		Report: result.Report, StartedAt: b.state.StartedAt, FinishedAt: workflow.Now(ctx).UTC(),
	}
}

// execute runs an activity that interrupt ends early.
func (b *batch) execute(ctx workflow.Context, schedule func(workflow.Context) workflow.Future, result any) error {
	ctx, b.stop = workflow.WithCancel(ctx)
	defer func() { b.stop(); b.stop = nil }()
	return schedule(ctx).Get(ctx, result)
}

// enterUnlessBlocked shows where the batch is, unless its last activity needs operator
// action: that is over when one succeeds.
func (b *batch) enterUnlessBlocked(ctx workflow.Context, phase workflows.BatchPhase, reason string) {
	if b.state.Failures == 0 {
		b.enter(ctx, phase, reason)
	}
}

// afterActivity shows a failure that needs operator action, until it is over.
func (b *batch) afterActivity(ctx workflow.Context, err error) {
	timeout, isTimeout := errors.AsType[*temporal.TimeoutError](err)
	b.unserved = isTimeout && timeout.TimeoutType() == enumspb.TIMEOUT_TYPE_SCHEDULE_TO_START
	switch {
	case err == nil:
		b.state.Failures = 0
		return
	case temporal.IsCanceledError(err):
		return
	}
	if b.unserved { // The next attempt waits in the queue, so that a worker that starts gets it at once.
		b.state.Failures++
		b.enter(ctx, workflows.BatchBlocked, fmt.Sprintf("no worker of the account has taken the batch's work for %s: start one, or wait if the workers are busy", unservedAfter))
		return
	}
	b.blocked(ctx, failure.Message(err))
}

// blocked shows what needs operator action, and waits before the next attempt; the update
// resume makes it at once.
func (b *batch) blocked(ctx workflow.Context, reason string) {
	b.state.Failures++
	b.enter(ctx, workflows.BatchBlocked, reason)
	b.wait(ctx, blockedWait(b.state.Failures))
}

// wait waits until then or until something has changed.
func (b *batch) wait(ctx workflow.Context, d time.Duration) {
	if d <= 0 || b.changed {
		b.changed = false
		return
	}
	ctx, b.stop = workflow.WithCancel(ctx)
	defer func() { b.stop(); b.stop = nil; b.changed = false }()
	_ = workflow.NewTimerWithOptions(ctx, d, workflow.TimerOptions{Summary: "next pass"}).Get(ctx, nil)
}
