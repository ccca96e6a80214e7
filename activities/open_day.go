package activities

import (
	"context"
	"time"

	"go.temporal.io/sdk/activity"

	"github.com/callvault/callvault/internal/account"
	"github.com/callvault/callvault/internal/dayindex"
	"github.com/callvault/callvault/internal/dayseal"
	"github.com/callvault/callvault/workflows"
	"github.com/callvault/callvault/workflows/day"
)

// OpenDay says where the work of a day is done, and what of it is sealed.
type OpenDay struct {
	Served *account.Served
}

// Execute refuses a bot that is not served.
func (a *OpenDay) Execute(ctx context.Context, input workflows.Day) (*day.Opening, error) {
	defer beat(ctx, func() any { return nil })()
	served, err := a.Served.Of(input.BotID)
	if err != nil {
		return nil, activityError(err)
	}
	latest, err := dayseal.Latest(ctx, served.Store, input)
	if err != nil {
		return nil, activityError(err)
	}
	opening := &day.Opening{
		Account: served.Name, Retention: served.Retention, Log: served.Store.Place(), Bucket: served.Store.Bucket(),
		Folder: served.Store.WorkingFolder(input, activity.GetInfo(ctx).WorkflowExecution.RunID),
	}
	if latest == nil {
		return opening, nil
	}
	logged, index, err := dayseal.IsLogged(ctx, served.Store, latest, time.Now())
	switch {
	case err != nil:
		return nil, activityError(err)
	case !logged:
		opening.Recorded = true
		return opening, nil
	}
	sealed := sealedDay(served, latest)
	if index >= 0 {
		sealed.LogIndex = &index
	}
	opening.Sealed = &sealed
	return opening, nil
}

// sealedDay is a revision as the workflow and its callers see it. Its place in the log is
// not known.
func sealedDay(served *account.Account, latest *dayindex.Revision) workflows.SealedDay {
	counts := latest.Counts
	return workflows.SealedDay{
		Revision: latest.Revision, SealedAt: latest.SealedAt,
		Sessions: counts.Sessions, Outcomes: counts.Outcomes, Disagreeing: counts.Disagreeing(),
		Record: workflows.ObjectRef{Bucket: served.Store.Bucket(), Key: latest.Key}, SHA256: latest.SHA256,
	}
}
