package activities

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.temporal.io/sdk/activity"

	"github.com/callvault/callvault/internal/account"
	"github.com/callvault/callvault/internal/failure"
	"github.com/callvault/callvault/internal/seal"
	"github.com/callvault/callvault/internal/smartassist"
	"github.com/callvault/callvault/internal/timing"
	"github.com/callvault/callvault/workflows/callbudget"
	"github.com/callvault/callvault/workflows/fetchrecording"
)

// errWithdrawn means that a slot must not be used any more.
var errWithdrawn = failure.New(failure.TokenStale, "the call slot was withdrawn: all calls of the budget have stopped")

// lateSlot is a slot that came too late to be used.
type lateSlot struct{ by time.Duration }

func (e *lateSlot) Error() string {
	return fmt.Sprintf("the call slot came %s too late to be used: the workers or the Temporal server are overloaded", e.by.Round(time.Millisecond))
}

// FailureKind implements [failure.Failure].
func (*lateSlot) FailureKind() failure.Kind { return failure.TokenStale }

// RetryAfter implements [failure.Failure].
func (*lateSlot) RetryAfter() time.Duration { return 0 }

// awaitSlot waits until the call of the slot is to be made. The time is the Temporal
// server's, which tells when it started the activity, so that the clocks of the workers
// do not matter.
func (a *CheckStatus) awaitSlot(ctx context.Context, slot *callbudget.Slot) error {
	if slot == nil {
		return nil // It was minted by a worker that knew no slots.
	}
	return awaitSlot(ctx, a.Slots, *slot, slot.At.Sub(activity.GetInfo(ctx).StartedTime))
}

// awaitSlot waits until the call of a slot is to be made, in a time from now. A slot that
// was withdrawn, or that comes too late, is not used: calls that are late together would
// make a burst.
func awaitSlot(ctx context.Context, slots CallSlots, slot callbudget.Slot, in time.Duration) error {
	late, err := timing.Wait(ctx, in)
	switch {
	case err != nil:
		return err
	case slots.IsVoid(slot):
		return errWithdrawn
	case late > slot.Within:
		return &lateSlot{by: late - slot.Within}
	}
	return nil
}

// refusedByRate has a report say that its call was refused by rate.
func refusedByRate(report *callbudget.CallReport, refused *smartassist.Error) {
	report.Result, report.Span = callbudget.Refused, refused.Window
	if refused.Asked {
		report.RetryAfter = refused.Wait
	}
}

// report tells the call budget what concerns all its calls.
func (a *CheckStatus) report(ctx context.Context, served *account.Account, input fetchrecording.CheckStatusInput, err error) {
	if input.Slot == nil {
		return
	}
	report := callbudget.CallReport{BotID: input.BotID, SessionID: input.SessionID, Slot: *input.Slot, Result: callbudget.Answered}
	if err != nil {
		report.Result = callbudget.Unknown
	}
	if refused, ok := errors.AsType[*smartassist.Error](err); ok {
		switch refused.Kind {
		case failure.RateLimited:
			refusedByRate(&report, refused)
		case failure.Blocked:
			if refused.Status != 0 { // Otherwise this machine's network may be the cause.
				report.Result, report.Reason = callbudget.Blocked, refused.Text
			}
		case failure.Rejected:
			report.Result = callbudget.Answered
		default:
		}
	}
	if late, ok := errors.AsType[*lateSlot](err); ok {
		report.Result, report.LateBy = callbudget.Late, late.by
	} else if errors.Is(err, errWithdrawn) || errors.Is(err, seal.ErrNotOurs) || errors.Is(err, seal.ErrExpired) {
		report.Result = callbudget.Unused
	}
	if input.Slot.Probe || report.Result != callbudget.Answered && report.Result != callbudget.Unknown {
		a.Slots.Report(context.WithoutCancel(ctx), served, report) // Also if the worker is stopping.
	}
}
