package activities

import (
	"context"
	"errors"
	"time"

	"github.com/callvault/callvault/internal/account"
	"github.com/callvault/callvault/internal/dayseal"
	"github.com/callvault/callvault/workflows/day"
)

// SealDay writes the record of a day.
type SealDay struct {
	Served *account.Served
}

// Execute writes the next revision, unless its rows are those of the latest one. If sessions
// have no manifest, it writes nothing and says so.
func (a *SealDay) Execute(ctx context.Context, input day.SealInput) (*day.SealResult, error) {
	defer beat(ctx, func() any { return nil })()
	served, err := a.Served.Of(input.BotID)
	if err != nil {
		return nil, activityError(err)
	}
	sessions, err := readKnown(ctx, served.Store, input.Known)
	if err != nil {
		return nil, activityError(err)
	}
	sealed, err := dayseal.Seal(ctx, served.Store,
		dayseal.Day{Day: input.Day, Sessions: sessions, Listings: input.Listings, SealedAt: time.Now()},
		dayseal.Options{Retention: served.Retention, UserHashKey: served.UserHashKey})
	if missing, ok := errors.AsType[*dayseal.MissingError](err); ok {
		return &day.SealResult{Missing: missing.Sessions, Example: missing.Example}, nil
	}
	if err != nil {
		return nil, activityError(err)
	}
	if sealed.Unchanged && len(input.Listings) > 0 {
		if err := dayseal.NoteReview(ctx, served.Store, input.Day, input.Listings[len(input.Listings)-1].At); err != nil {
			return nil, activityError(err)
		}
	}
	return &day.SealResult{Sealed: sealedDay(served, sealed.Revision), Unchanged: sealed.Unchanged, Behind: sealed.Behind}, nil
}
