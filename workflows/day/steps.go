package day

import (
	"errors"
	"fmt"
	"slices"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/callvault/callvault/internal/dayrecord"
	"github.com/callvault/callvault/internal/failure"
	"github.com/callvault/callvault/internal/metric"
	"github.com/callvault/callvault/workflows"
	"github.com/callvault/callvault/workflows/fetchrecording"
)

// The steps of a day: each runs an activity or a batch, keeps what it returned, and says
// which step is next. One that fails is made again, after a wait if something needs operator
// action.

// open finds out where the day's work is done.
func (d *day) open(ctx workflow.Context) {
	queue := fetchrecording.BackfillTaskQueue(d.input.BotID)
	var opening Opening
	failures := d.state.Failures
	if d.unserved {
		failures = 0
	}
	if !d.execute(ctx, OpenDay, stepOptions(queue, "what is sealed of the day?", d.unserved), d.input.Day, &opening) {
		return
	}
	d.state.Failures = failures // It is not this step that has failed before.
	if d.state.Opening = &opening; opening.Sealed != nil {
		d.state.Sealed = opening.Sealed
	}
	d.watchPurge(ctx)
}

// list reads both lists. The first one tells the second where the calls of the day are.
func (d *day) list(ctx workflow.Context) {
	d.awaitListing(ctx)
	if d.state.OnlyChanged {
		d.state.Step = stepMerge
		return
	}
	if d.isBlocked() {
		d.show(ctx, workflows.DayBlocked, d.reason)
	} else {
		d.enter(ctx, workflows.DayListing, "")
	}
	folder := listingFolder(*d.state.Opening, d.state.Rounds+1)
	input := ListInput{BotID: d.input.BotID, Date: d.input.Date, Folder: folder}
	sessions, read := d.listOne(ctx, ListSessions, "read getSessions", input)
	if !read {
		return
	}
	input.HintsFolder = input.Folder
	interactions, read := d.listOne(ctx, ListInteractions, "read interactionDetails", input)
	if !read {
		return
	}
	d.state.Remarks = nil
	if areBothUnavailable(sessions, interactions) {
		d.state.Opening = nil // The account may be another by then.
		d.blocked(ctx, fmt.Sprintf("neither of the vendor's lists can be read: %s; %s", sessions.Unavailable, interactions.Unavailable))
		return
	}
	if refused := d.state.refusedSince(sessions, interactions); refused != "" && d.state.Failures < refusalAttempts {
		d.blocked(ctx, refused)
		return
	}
	d.state.Failures = 0
	d.state.Listing, d.state.Had = folder, nil
	d.keep(ctx, dayrecord.GetSessions, sessions)
	d.keep(ctx, dayrecord.InteractionDetails, interactions)
	d.state.Rounds++
	d.state.Step = stepMerge
}

// listOne reads one list, and reports whether it is known what it has. A list that could not
// be read although it was tried for long is unavailable; one that no worker reads is not.
func (d *day) listOne(ctx workflow.Context, name, summary string, input ListInput) (result ListResult, read bool) {
	options := listOptions(ListTaskQueue(d.state.Opening.Account), summary, d.unserved)
	err := workflow.ExecuteActivity(workflow.WithActivityOptions(ctx, options), name, input).Get(ctx, &result)
	switch {
	case err == nil:
		d.unserved = false
		return result, true
	case ctx.Err() != nil, d.isUnserved(ctx, err):
		return result, false
	case isOwnFault(err):
		d.state.Opening = nil // The bot may belong to another account by then.
		d.blocked(ctx, failure.Message(err))
		return result, false
	}
	return ListResult{Unavailable: "it could not be read, although it was tried for hours: " + failure.Message(err)}, true
}

// keep notes one reading of a list for the record.
func (d *day) keep(ctx workflow.Context, list string, result ListResult) {
	d.state.Listings = dayrecord.LimitListings(append(d.state.Listings, dayrecord.Listing{
		List: list, At: workflow.Now(ctx).UTC().Truncate(time.Second), Sessions: result.Sessions, Calls: result.Calls,
		Incomplete: result.Incomplete, Unavailable: result.Unavailable,
	}))
	if result.Unavailable == "" && !slices.Contains(d.state.Answered, list) {
		d.state.Answered = append(d.state.Answered, list)
	}
	if result.Sessions > 0 {
		d.state.Had = append(d.state.Had, list)
	}
	if result.Unavailable != "" {
		d.state.Remarks = append(d.state.Remarks, fmt.Sprintf("%s is unavailable: %s", list, result.Unavailable))
	}
	for _, remark := range result.Incomplete {
		d.state.Remarks = append(d.state.Remarks, fmt.Sprintf("%s: %s", list, remark))
	}
}

// merge joins what the lists had with what was known.
func (d *day) merge(ctx workflow.Context) {
	input := MergeInput{Day: d.input.Day, Round: d.state.Rounds, Run: d.state.Opening.Folder}
	if !d.state.OnlyChanged {
		input.Folder, input.Had = d.state.Listing, d.state.Had
	}
	if d.state.Merged != nil {
		input.Known = d.state.Merged.Known
	}
	var merged Merged
	if !d.execute(ctx, MergeListings, d.accountOptions("join the lists"), input, &merged) {
		return
	}
	if merged.Lost {
		d.state.Step = stepList
		d.blocked(ctx, fmt.Sprintf("the rows of the last listing are gone from %s, so the lists are read again: keep the files of days below .callvault/ for three months", d.state.Listing))
		return
	}
	d.state.Merged, d.state.OnlyChanged, d.state.Step = &merged, false, stepFetch
}

// fetch has every session fetched that has no outcome, and waits for them.
func (d *day) fetch(ctx workflow.Context) {
	if d.state.Merged.ToFetch > 0 && !d.runBatch(ctx) {
		return
	}
	if d.state.isQuiet() {
		d.state.Step = stepSeal
		return
	}
	d.settle(ctx)
}

func (d *day) runBatch(ctx workflow.Context) bool {
	d.state.Batches++
	d.state.BatchID = batchID(d.input.Day, workflow.GetInfo(ctx).OriginalRunID, d.state.Batches)
	d.enter(ctx, workflows.DayFetching, "")
	_, err := workflows.RunBatch(ctx, workflows.BatchRequest{
		BatchID: d.state.BatchID, Policy: d.input.Fetch, Priority: d.input.Priority,
		Source: &workflows.ObjectRef{Bucket: d.state.Opening.Bucket, Key: d.state.Merged.Fetch},
	})
	if err != nil && ctx.Err() == nil {
		d.state.Remarks = append(d.state.Remarks, "the batch "+d.state.BatchID+" ended without a result: "+failure.Message(err))
	}
	d.state.BatchID = ""
	return ctx.Err() == nil
}

// seal writes the record, unless a session has no outcome after all.
func (d *day) seal(ctx workflow.Context) {
	d.enter(ctx, workflows.DaySealing, "")
	input := SealInput{Day: d.input.Day, Known: d.state.Merged.Known, Listings: d.state.Listings}
	var result SealResult
	if !d.execute(ctx, SealDay, d.accountOptions("write the record of the day"), input, &result) {
		return
	}
	if result.Missing > 0 {
		d.state.Remarks = append(d.state.Remarks, fmt.Sprintf("%d session(s) have no outcome, for example %s", result.Missing, result.Example))
		d.settle(ctx)
		return
	}
	d.state.Behind = result.Behind
	// The record has the listings now.
	d.state.Written, d.state.Unchanged, d.state.Listings, d.state.Step = &result.Sealed, result.Unchanged, nil, stepLog
}

// log enters the record into the log.
func (d *day) log(ctx workflow.Context) {
	written := d.state.Written
	input := LogInput{Day: d.input.Day, Log: d.state.Opening.Log, Revision: written.Revision, Record: written.Record, SHA256: written.SHA256}
	var result LogResult
	if d.execute(ctx, LogDay, logOptions(AccountTaskQueue(d.state.Opening.Account), "enter the day into the log", d.unserved), input, &result) {
		written.LogIndex = &result.Index
		d.state.Sealed, d.state.Step = written, stepDone
		workflow.GetMetricsHandler(ctx).WithTags(map[string]string{metric.Account: d.state.Opening.Account}).Counter(metric.DaysSealed).Inc(1)
	}
}

func (d *day) accountOptions(summary string) workflow.ActivityOptions {
	return stepOptions(AccountTaskQueue(d.state.Opening.Account), summary, d.unserved)
}

// execute runs an activity, and reports whether it succeeded. If not, it has waited.
func (d *day) execute(ctx workflow.Context, name string, options workflow.ActivityOptions, input, result any) bool {
	err := workflow.ExecuteActivity(workflow.WithActivityOptions(ctx, options), name, input).Get(ctx, result)
	switch {
	case err == nil:
		d.unserved, d.state.Failures = false, 0
		return true
	case ctx.Err() != nil, d.isUnserved(ctx, err):
	default:
		d.blocked(ctx, failure.Message(err))
	}
	return false
}

// isUnserved shows that no worker takes the day's work, if that is why an activity failed.
// The next attempt waits in the queue, so that a worker that starts gets it at once.
func (d *day) isUnserved(ctx workflow.Context, err error) bool {
	timeout, isTimeout := errors.AsType[*temporal.TimeoutError](err)
	d.unserved = isTimeout && timeout.TimeoutType() == enumspb.TIMEOUT_TYPE_SCHEDULE_TO_START
	if !d.unserved {
		return false
	}
	d.state.Failures++
	d.state.Opening = nil // The bot may belong to another account by now.
	d.enter(ctx, workflows.DayBlocked, fmt.Sprintf("no worker has taken the day's work for %s: start one that serves the bot %s, or wait if the workers are busy", unservedAfter, d.input.BotID))
	return true
}

func (d *day) isBlocked() bool { return d.state.Failures > 0 }

// blocked shows what needs operator action, and waits before the next attempt.
func (d *day) blocked(ctx workflow.Context, reason string) {
	d.state.Failures++
	d.enter(ctx, workflows.DayBlocked, reason)
	d.sleep(ctx, blockedWait(d.state.Failures), "try again")
}
