package activities

import (
	"context"
	"errors"
	"strings"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"

	"github.com/callvault/callvault/internal/account"
	"github.com/callvault/callvault/internal/daylist"
	"github.com/callvault/callvault/internal/failure"
	"github.com/callvault/callvault/internal/smartassist"
	"github.com/callvault/callvault/workflows/day"
)

const (
	// maxFolderBytes bounds the folder of a listing.
	maxFolderBytes = 512

	// pageTries is how often a page is asked for that the vendor could not send, and refusedTries how often one that was
	// refused by rate, before the attempt ends: the next one would ask again for all pages of the window. Each try is a call
	// of the budget, which paces them. For slotTries slots, of up to two minutes each, a page is waited for.
	pageTries    = 3
	refusedTries = 10
	slotTries    = 30
)

// ListDay lists a bot's day from the vendor's session lists. It is registered by two names, one for each list.
type ListDay struct {
	Served *account.Served
	Slots  CallSlots
}

// Interactions lists the day from interactionDetails; see [day.ListInput].
func (a *ListDay) Interactions(ctx context.Context, input day.ListInput) (*day.ListResult, error) {
	served, date, err := a.open(input)
	if err != nil {
		return nil, activityError(err)
	}
	if served.VendorAccountID == "" {
		return &day.ListResult{Unavailable: "the list of interactions needs the account's id: set SMARTASSIST_ACCOUNT_ID, or accountId in CALLVAULT_CONFIG"}, nil
	}
	calls := a.newListCalls(served.InteractionList(), input.BotID)
	list := func(ctx context.Context, done *daylist.Done) (daylist.Tally, error) {
		var hints []time.Time
		if input.HintsFolder != "" {
			var err error
			if hints, err = daylist.StartTimes(ctx, served.Store, input.HintsFolder); err != nil {
				return daylist.Tally{}, err
			}
		}
		lister := daylist.InteractionLister{
			AccountID: served.VendorAccountID, BotID: input.BotID, Day: date, Now: calls.now, Hints: hints,
			Page: func(ctx context.Context, query smartassist.InteractionQuery) (page *smartassist.InteractionPage, err error) {
				err = calls.make(ctx, func(token string) (err error) {
					page, err = served.Client.Interactions(ctx, token, query)
					return err
				})
				return page, err
			},
			Sink: sinkOf(served, input.Folder),
		}
		return lister.List(ctx, done)
	}
	return listDay(ctx, served, input, daylist.Interactions, date, calls, list)
}

// Sessions lists the day from getSessions; see [day.ListInput].
func (a *ListDay) Sessions(ctx context.Context, input day.ListInput) (*day.ListResult, error) {
	served, date, err := a.open(input)
	if err != nil {
		return nil, activityError(err)
	}
	calls := a.newListCalls(served.SessionList(), input.BotID)
	list := func(ctx context.Context, done *daylist.Done) (daylist.Tally, error) {
		lister := daylist.SessionLister{
			BotID: input.BotID, Day: date, Now: calls.now,
			Page: func(ctx context.Context, query smartassist.SessionsQuery) (page *smartassist.SessionsPage, err error) {
				err = calls.make(ctx, func(token string) (err error) {
					page, err = served.Client.SessionsBetween(ctx, token, query)
					return err
				})
				return page, err
			},
			Sink: sinkOf(served, input.Folder),
		}
		return lister.List(ctx, done)
	}
	return listDay(ctx, served, input, daylist.Sessions, date, calls, list)
}

// open checks the input, and returns the account and the day.
func (a *ListDay) open(input day.ListInput) (*account.Account, daylist.Day, error) {
	date, err := daylist.ParseDay(input.Date)
	if err != nil {
		return nil, date, invalid("%w", err)
	}
	for _, folder := range []string{input.Folder, input.HintsFolder} {
		if len(folder) > maxFolderBytes || folder != "" && !strings.HasSuffix(folder, "/") {
			return nil, date, invalid("the folder %.80q is not one of at most %d bytes that ends with a slash", folder, maxFolderBytes)
		}
	}
	if input.Folder == "" {
		return nil, date, invalid("folder is empty: give the one in which the windows are written")
	}
	served, err := a.Served.Of(input.BotID)
	return served, date, err
}

// sinkOf keeps the windows, and the rows as they came only if the account keeps details of
// calls: they are personal data.
func sinkOf(served *account.Account, folder string) func(context.Context, daylist.Window) error {
	return func(ctx context.Context, window daylist.Window) error {
		for i := range window.Rows {
			if !served.CallDetails {
				window.Rows[i].Raw = nil
			}
		}
		return daylist.WriteWindow(ctx, served.Store, folder, window)
	}
}

// listDay goes on where an earlier attempt has stopped, and beats meanwhile.
func listDay(ctx context.Context, served *account.Account, input day.ListInput, list daylist.List, date daylist.Day, calls *listCalls,
	rest func(context.Context, *daylist.Done) (daylist.Tally, error),
) (*day.ListResult, error) {
	var before listProgress
	if activity.HasHeartbeatDetails(ctx) {
		_ = activity.GetHeartbeatDetails(ctx, &before) // It counts less then.
	}
	calls.spent.Store(int64(before.Calls))
	stop := beat(ctx, func() any { return listProgress{Calls: int(calls.spent.Load())} })
	defer stop()
	done, err := daylist.ReadDone(ctx, served.Store, input.Folder, list, date, calls.now)
	if err != nil {
		return nil, activityError(err)
	}
	all := done.Tally
	listed, err := rest(ctx, done)
	if refused, ok := unavailable(err); ok {
		return &day.ListResult{Unavailable: refused}, nil
	}
	if err != nil {
		return nil, listError(err)
	}
	all.Add(listed)
	return &day.ListResult{
		Sessions: all.Sessions, Open: all.Open, OtherChannels: all.OtherChannels, OtherBots: all.OtherBots, Unusable: all.Unusable,
		Calls: max(all.Calls, int(calls.spent.Load())), Incomplete: all.Incomplete(),
	}, nil
}

// listProgress is the detail of the heartbeats: what was spent on windows that were not completed would be forgotten.
type listProgress struct {
	Calls int `json:"calls"`
}

// unavailable returns why the vendor does not let the app use a list. What stands between it and this machine passes, or
// concerns the machine alone.
func unavailable(err error) (text string, ok bool) {
	if errors.Is(err, daylist.ErrTimesIgnored) || errors.Is(err, daylist.ErrTooManyCalls) {
		return err.Error(), true
	}
	refused, ok := errors.AsType[*smartassist.Error](err)
	if !ok || refused.Status == 0 || refused.Kind != failure.Blocked && refused.Kind != failure.Rejected {
		return "", false
	}
	return refused.Text, true
}

// listError has Temporal retry what passes: no workflow decides about a single call of a list.
func listError(err error) error {
	failed, ok := failure.Of(err)
	if !ok {
		return err
	}
	switch kind := failed.FailureKind(); kind {
	case failure.Transient, failure.RateLimited, failure.TokenStale, failure.Blocked:
		return temporal.NewApplicationErrorWithOptions(err.Error(), string(kind), temporal.ApplicationErrorOptions{
			NextRetryDelay: failed.RetryAfter(), Category: temporal.ApplicationErrorCategoryBenign,
		})
	default:
		return activityError(err)
	}
}

var errStopping = failure.New(failure.HandedOver, "the worker is stopping: another attempt goes on with the list")
