package activities

import (
	"context"
	"errors"
	"time"

	"github.com/callvault/callvault/internal/account"
	"github.com/callvault/callvault/internal/failure"
	"github.com/callvault/callvault/internal/smartassist"
	"github.com/callvault/callvault/workflows/callbudget"
)

// slotCall is one call of the API beside those of the recordings, which has a budget of its
// own and waits for its slot within the activity.
type slotCall struct {
	slots  CallSlots
	budget *account.Account // with that budget
	want   callbudget.Want
	// within is how long the slot is waited for. Defaults to as long as the context allows.
	within time.Duration
}

// make waits for a slot, mints the token of the call, has it made, and tells the budget what
// that has taught.
func (c slotCall) make(ctx context.Context, do func(token string) error) error {
	slot, in, err := c.take(ctx)
	if err != nil {
		return err
	}
	report := callbudget.CallReport{BotID: c.want.BotID, Slot: *slot, Result: callbudget.Unused}
	defer func() {
		if slot.Probe || report.Result != callbudget.Answered {
			c.slots.Report(context.WithoutCancel(ctx), c.budget, report)
		}
	}()
	if err := awaitSlot(ctx, c.slots, *slot, in); err != nil {
		return err
	}
	token, _, err := c.budget.Credentials.Mint(c.want.BotID, time.Now())
	if err != nil {
		return err
	}
	err = do(token)
	countRefusal(ctx, c.budget, err)
	report.Result = callbudget.Answered
	// That the app is refused says nothing of the budget.
	if refused, ok := errors.AsType[*smartassist.Error](err); ok && refused.Kind == failure.RateLimited {
		refusedByRate(&report, refused)
	}
	return err
}

func (c slotCall) take(ctx context.Context) (*callbudget.Slot, time.Duration, error) {
	if c.within > 0 {
		var stop context.CancelFunc
		ctx, stop = context.WithTimeout(ctx, c.within)
		defer stop()
	}
	return c.slots.Take(ctx, c.budget, c.want)
}
