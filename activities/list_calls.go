package activities

import (
	"context"
	"sync/atomic"
	"time"

	"go.temporal.io/sdk/activity"

	"github.com/callvault/callvault/internal/account"
	"github.com/callvault/callvault/internal/failure"
	"github.com/callvault/callvault/workflows/callbudget"
)

// listCalls makes the calls of a listing, each in a slot of the list's own budget and with a token of its own.
type listCalls struct {
	slots CallSlots
	list  *account.Account // with the budget of the list
	botID string
	now   time.Time    // when the attempt began
	spent atomic.Int64 // calls, those of earlier attempts included
}

func (a *ListDay) newListCalls(list *account.Account, botID string) *listCalls {
	return &listCalls{slots: a.Slots, list: list, botID: botID, now: time.Now()}
}

// make makes one call, and makes it again if it may succeed then.
func (c *listCalls) make(ctx context.Context, call func(token string) error) error {
	one := slotCall{slots: c.slots, budget: c.list, want: callbudget.Want{BotID: c.botID, Level: callbudget.LastLevel}}
	failed, refused, unmade := 0, 0, 0
	for {
		if isStopping(ctx) {
			return errStopping
		}
		err := one.make(ctx, func(token string) error {
			c.spent.Add(1)
			return call(token)
		})
		switch failure.KindOf(err) {
		case failure.NoSlotYet, failure.TokenStale: // No call was made.
			if unmade++; unmade == slotTries {
				return err
			}
		case failure.RateLimited: // The budget knows, and hands out no slot for a while.
			if refused++; refused == refusedTries {
				return err
			}
		case failure.Transient:
			if failed++; failed == pageTries {
				return err
			}
		default:
			return err
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
}

// isStopping reports whether the worker is to stop.
func isStopping(ctx context.Context) bool {
	select {
	case <-activity.GetWorkerStopChannel(ctx):
		return true
	default:
		return false
	}
}
