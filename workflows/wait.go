package workflows

import (
	"errors"
	"fmt"
	"time"

	"go.temporal.io/sdk/workflow"
)

// wait is a durable timer in course.
type wait struct {
	until   time.Time
	summary string
}

// waitUntil waits until then, until checkNow ends the wait, or until the fetch
// has to give up, whichever comes first.
func (f *fetch) waitUntil(ctx workflow.Context, until time.Time, summary string) error {
	if f.resume.GiveUpAt.Before(until) {
		until = f.resume.GiveUpAt
	}
	woken, err := f.sleep(ctx, until, summary)
	if err != nil && !errors.Is(err, errHistoryLong) {
		return err
	}
	if !woken && !workflow.Now(ctx).Before(f.resume.GiveUpAt) {
		f.reason = fmt.Sprintf("gave up after %s: %s", f.policy.GiveUpAfter, f.reason)
		return errGaveUp
	}
	return err
}

// waitOut waits because the upstream or the media server is out of order.
func (f *fetch) waitOut(ctx workflow.Context, d time.Duration, reason string) error {
	f.enter(ctx, PhaseChecking, reason)
	return f.waitUntil(ctx, workflow.Now(ctx).Add(d), "out of order or over budget, look again")
}

// outOfOrder waits a little longer after each failure in a row.
func (f *fetch) outOfOrder(ctx workflow.Context, reason string) error {
	wait := setbackWait(f.policy, f.resume.Setbacks, f.chance())
	f.resume.Setbacks++
	return f.waitOut(ctx, wait, reason)
}

// park waits because a person has to mend something. It looks again with
// growing pauses, and the clock of giveUpAfter stands still meanwhile. It tells
// whether checkNow ended the pause.
func (f *fetch) park(ctx workflow.Context, reason string) (woken bool, err error) {
	f.enter(ctx, PhaseBlocked, reason)
	since := workflow.Now(ctx)
	d := pollWait(f.policy, f.resume.Parks, 0, f.chance())
	f.resume.Parks++
	woken, err = f.sleep(ctx, since.Add(d), "blocked, look again")
	f.resume.GiveUpAt = f.resume.GiveUpAt.Add(workflow.Now(ctx).Sub(since))
	return woken, err
}

// unblocked runs step until nothing that a person has to mend stands in its
// way.
func (f *fetch) unblocked(ctx workflow.Context, step func() error) error {
	for {
		err := step()
		if !isBlocked(err) {
			return err
		}
		if _, err := f.park(ctx, message(err)); err != nil {
			return err
		}
	}
}

// sleep waits until then and tells whether checkNow ended the wait before. It
// is the one place in which a run may end to go on in a new one: after a wait,
// the next thing to do is to ask again in any case.
func (f *fetch) sleep(ctx workflow.Context, until time.Time, summary string) (woken bool, err error) {
	d := until.Sub(workflow.Now(ctx))
	if d <= 0 {
		if historyIsLong(ctx) {
			return false, errHistoryLong
		}
		return false, nil
	}
	d = max(d, minWait)
	f.wake = false
	f.waiting = &wait{until: until, summary: summary}
	defer func() { f.waiting = nil }()
	if err := f.show(ctx); err != nil {
		return false, err
	}
	// A timer of our own: the SDK's AwaitWithTimeout would leave it running
	// when checkNow ends the wait.
	timing, stop := workflow.WithCancel(ctx)
	defer stop()
	timer := workflow.NewTimerWithOptions(timing, d, workflow.TimerOptions{Summary: summary})
	err = workflow.Await(ctx, func() bool { return f.wake || timer.IsReady() })
	switch {
	case err != nil:
		return false, err
	case ctx.Err() != nil: // A cancelled timer is ready too.
		return false, ctx.Err()
	case historyIsLong(ctx):
		return f.wake, errHistoryLong
	}
	return f.wake, nil
}
