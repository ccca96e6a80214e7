package activities

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"

	"github.com/callvault/callvault/internal/account"
	"github.com/callvault/callvault/internal/archive"
	"github.com/callvault/callvault/internal/dayindex"
	"github.com/callvault/callvault/internal/dayseal"
	"github.com/callvault/callvault/workflows"
	"github.com/callvault/callvault/workflows/day"
)

// maxDaysInPass bounds the days of one pass: most of them are sealed already, and cost a
// request or two.
const maxDaysInPass = 400

// StartDays starts the workflows of the days of a range.
type StartDays struct {
	Served    *account.Served
	Client    client.Client
	Namespace string
}

// Execute starts as many of the days as there is room for, the oldest first. A day that is
// sealed is left as it is, unless it is to be listed again. Run again, it attaches to the
// days that it has started.
func (a *StartDays) Execute(ctx context.Context, input day.StartInput) (*day.StartResult, error) {
	served, err := a.Served.Of(input.Request.BotID)
	if err != nil {
		return nil, activityError(err)
	}
	result := &day.StartResult{Next: input.Next}
	defer beat(ctx, func() any { return nil })()
	busy, err := a.busy(ctx, input)
	if err != nil {
		return nil, err
	}
	if result.Busy = busy; busy >= input.Request.EffectiveAtOnce() {
		return result, nil
	}
	latest, err := dayindex.Of(served.Store).LatestRevisions(ctx, input.Request.BotID, dayindex.Range{From: input.Next, To: input.Last})
	if err != nil {
		return nil, activityError(err)
	}
	for range maxDaysInPass {
		if result.Next == "" || result.Busy >= input.Request.EffectiveAtOnce() {
			break
		}
		if err := a.turn(ctx, served, input, latest[result.Next], result); err != nil {
			return nil, activityError(err)
		}
		result.Next = dayAfter(result.Next, input.Last)
	}
	return result, nil
}

// turn starts a day, unless it is sealed. latest is its latest revision; 0 for none.
func (a *StartDays) turn(ctx context.Context, served *account.Account, input day.StartInput, latest int, result *day.StartResult) error {
	of := workflows.Day{BotID: input.Request.BotID, Date: result.Next}
	if latest > 0 && !input.Request.Again {
		due, err := isDue(ctx, served.Store, of, latest, input.Request.To == "")
		if err != nil {
			return err
		}
		if !due {
			result.Sealed++
			return nil
		}
	}
	request := input.Request.Request(of.Date)
	if _, err := a.Client.ExecuteWorkflow(ctx, workflows.DayStartOptions(request), workflows.ArchiveDayWorkflowName, request); err != nil {
		return fmt.Errorf("start %s: %w", of.WorkflowID(), err)
	}
	activity.GetLogger(ctx).Info("the day is archived", "day", of.Date, "bot", of.BotID)
	result.Started = append(result.Started, of.Date)
	result.Busy++
	return nil
}

// isDue reports whether a day that has a record is not in the log, or is to be listed again. A
// schedule looks at all days since its first one each night: to it those are sealed that are
// too old to be listed again, without a request.
func isDue(ctx context.Context, store *archive.Store, of workflows.Day, latest int, scheduled bool) (bool, error) {
	begin, err := of.Begin()
	now := time.Now()
	isOld := now.Sub(begin) > day.ReviewedFor
	if err != nil || scheduled && isOld {
		return false, err
	}
	revision, err := dayseal.ReadRecord(ctx, store, of, latest)
	if errors.Is(err, archive.ErrBlocked) {
		return true, nil // The day's own workflow shows what is wrong, and does not keep the other days from being started.
	}
	if err != nil {
		return false, err
	}
	if logged, _, err := dayseal.IsLogged(ctx, store, revision, now); err != nil || !logged {
		return true, err
	}
	if isOld {
		return false, nil
	}
	listed, err := dayseal.LastReview(ctx, store, of)
	if listings := revision.Listings; err == nil && len(listings) > 0 && listings[len(listings)-1].At.After(listed) {
		listed = listings[len(listings)-1].At
	}
	return day.ReviewIsDue(begin, listed, now), err
}

// busyFor is how long a day takes a place: one whose last calls are waited for, or that is
// blocked, does not keep the others from being started for good.
const busyFor = 6 * time.Hour

// busy counts the days of the bot that are listed or fetched, or are blocked. Those that were
// started just now may not be counted by the server yet.
func (a *StartDays) busy(ctx context.Context, input day.StartInput) (int, error) {
	counted, err := a.Client.CountWorkflow(ctx, &workflowservice.CountWorkflowExecutionsRequest{
		Namespace: a.Namespace,
		Query: fmt.Sprintf("WorkflowType = '%s' AND ExecutionStatus = 'Running' AND StartTime > '%s' AND %s = '%s' AND %s IN ('%s', '%s', '%s')",
			workflows.ArchiveDayWorkflowName, time.Now().Add(-busyFor).UTC().Format(time.RFC3339), workflows.SearchAttributeBot.GetName(), input.Request.BotID,
			workflows.SearchAttributePhase.GetName(), workflows.DayListing, workflows.DayFetching, workflows.DayBlocked),
	})
	if err != nil {
		return 0, err
	}
	return int(counted.GetCount()), nil
}

// dayAfter returns the day after a date; empty if that is after the last one.
func dayAfter(date, last string) string {
	begin, err := workflows.Day{Date: date}.Begin()
	if err != nil {
		return ""
	}
	if next := begin.AddDate(0, 0, 1).Format(time.DateOnly); next <= last {
		return next
	}
	return ""
}
