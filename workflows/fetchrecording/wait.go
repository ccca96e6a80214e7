package fetchrecording

import (
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/callvault/callvault/workflows"
)

// maxHistoryEvents is when a fetch continues as new, if the server has not
// suggested it before: well below the 10,240 events at which it warns.
const maxHistoryEvents = 8_000

// wait waits as n says, until checkNow ends the wait or until the fetch has to
// give up, and returns what follows. It is the one place in which a run may end
// to continue as new: a new run starts by looking for a manifest, then checks.
func (f *fetch) wait(ctx workflow.Context, n next) next {
	f.enter(ctx, n.phase, n.reason)
	began := workflow.Now(ctx)
	until := began.Add(n.wait)
	if f.isCutShort(n, began, until) {
		until = f.state.GiveUpAt
	}
	checkNow, err := f.sleep(ctx, until, n.summary)
	if n.blocked && f.v010 {
		f.state.GiveUpAt = f.state.GiveUpAt.Add(workflow.Now(ctx).Sub(began))
	}
	if err != nil {
		return f.situation(ctx, false).fail(err)
	}
	f.state.Front = checkNow
	n = f.situation(ctx, false).afterWait(n, checkNow)
	n.note, n.wait = "", 0
	if n.outcome == "" && historyIsLong(ctx) {
		n.err = f.continueAsNew(ctx)
	}
	return n
}

// isCutShort reports whether a wait ends when the fetch has to give up: for one
// last check. After that, the fetch ends with the next answer, for which it waits
// as long as it takes.
func (f *fetch) isCutShort(n next, began, until time.Time) bool {
	end := f.state.GiveUpAt
	return !n.blocked && f.state.BlockedSince.IsZero() && end.Add(n.slack).Before(until) && (end.After(began) || f.v010)
}

// sleep waits until then and reports whether checkNow ended the wait before. An alarm that
// becomes due meanwhile is raised, and the wait goes on.
func (f *fetch) sleep(ctx workflow.Context, until time.Time, summary string) (checkNow bool, err error) {
	d := until.Sub(workflow.Now(ctx))
	if d <= 0 {
		return false, nil
	}
	f.timer, f.wake = &timer{until: until, summary: summary}, false
	defer func() { f.timer = nil }()
	for {
		if err := f.showWait(ctx); err != nil {
			return false, err
		}
		part := d
		if at := f.nextAlarmAt(workflow.Now(ctx)); !at.IsZero() && at.Before(until) {
			part = at.Sub(workflow.Now(ctx))
		}
		if err := f.awaitTimer(ctx, part, summary); err != nil {
			return false, err
		}
		if d = until.Sub(workflow.Now(ctx)); f.wake || d <= 0 {
			return f.wake, nil
		}
	}
}

// awaitTimer waits so long, or until checkNow ends the wait.
func (f *fetch) awaitTimer(ctx workflow.Context, d time.Duration, summary string) error {
	// A timer that is stopped by hand: the SDK's AwaitWithTimeout would leave
	// it running when checkNow ends the wait.
	timing, stop := workflow.WithCancel(ctx)
	defer stop()
	fired := workflow.NewTimerWithOptions(timing, max(d, minWait), workflow.TimerOptions{Summary: summary})
	if err := workflow.Await(ctx, func() bool { return f.wake || fired.IsReady() }); err != nil {
		return err
	}
	return ctx.Err() // A cancelled timer is ready too.
}

func historyIsLong(ctx workflow.Context) bool {
	info := workflow.GetInfo(ctx)
	return info.GetContinueAsNewSuggested() || info.GetCurrentHistoryLength() > maxHistoryEvents
}

func (f *fetch) continueAsNew(ctx workflow.Context) error {
	if err := workflow.Await(ctx, func() bool { return workflow.AllHandlersFinished(ctx) }); err != nil {
		return err
	}
	next := f.input
	next.Resume = &f.state
	return workflow.NewContinueAsNewError(ctx, workflows.FetchRecordingWorkflowName, next)
}
