package day

import (
	"errors"
	"fmt"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/callvault/callvault/internal/dayrecord"
	"github.com/callvault/callvault/workflows"
	"github.com/callvault/callvault/workflows/fetchrecording"
)

// The steps of a day: each runs an activity or a batch and keeps what it returned. A step
// reports whether the next one follows; otherwise the round begins again, after a wait if
// something needs operator action.

// open finds out where the day's work is done.
func (d *day) open(ctx workflow.Context) {
	queue := fetchrecording.BackfillTaskQueue(d.input.BotID)
	var opening Opening
	if d.execute(ctx, OpenDay, stepOptions(queue, "what is sealed of the day?", d.unserved), d.input.Day, &opening) {
		d.state.Opening = &opening
		if d.state.Sealed == nil {
			d.state.Sealed = opening.Sealed
		}
	}
}

// list reads both lists. The first one tells the second where the calls of the day are.
func (d *day) list(ctx workflow.Context) bool {
	if d.state.OnlyChanged {
		return true
	}
	if d.isBlocked() {
		d.show(ctx, workflows.DayBlocked, d.reason)
	} else {
		d.enter(ctx, workflows.DayListing, "")
	}
	input := ListInput{BotID: d.input.BotID, Date: d.input.Date, Folder: listingFolder(*d.state.Opening, d.state.Rounds+1)}
	sessions := d.listOne(ctx, ListSessions, "read getSessions", input)
	if ctx.Err() != nil {
		return false
	}
	input.HintsFolder = input.Folder
	interactions := d.listOne(ctx, ListInteractions, "read interactionDetails", input)
	if ctx.Err() != nil {
		return false
	}
	d.state.Remarks = nil
	if areBothUnavailable(sessions, interactions) {
		d.blocked(ctx, fmt.Sprintf("neither of the vendor's lists can be read: %s; %s", sessions.Unavailable, interactions.Unavailable))
		return false
	}
	d.state.Failures = 0
	d.keep(ctx, dayrecord.GetSessions, sessions)
	d.keep(ctx, dayrecord.InteractionDetails, interactions)
	d.state.Rounds++
	return true
}

// listOne reads one list. What cannot be read although it was tried for long is
// unavailable.
func (d *day) listOne(ctx workflow.Context, name, summary string, input ListInput) ListResult {
	var result ListResult
	options := listOptions(ListTaskQueue(d.state.Opening.Account), summary)
	err := workflow.ExecuteActivity(workflow.WithActivityOptions(ctx, options), name, input).Get(ctx, &result)
	if err != nil {
		return ListResult{Unavailable: fmt.Sprintf("it could not be read for %s: %s", listPatience, messageOf(err))}
	}
	return result
}

// keep notes one reading of a list for the record.
func (d *day) keep(ctx workflow.Context, list string, result ListResult) {
	d.state.addListing(dayrecord.Listing{
		List: list, At: workflow.Now(ctx).UTC().Truncate(time.Second), Sessions: result.Sessions, Calls: result.Calls,
		Incomplete: result.Incomplete, Unavailable: result.Unavailable,
	})
	if result.Unavailable != "" {
		d.state.Remarks = append(d.state.Remarks, fmt.Sprintf("%s is unavailable: %s", list, result.Unavailable))
	}
	for _, remark := range result.Incomplete {
		d.state.Remarks = append(d.state.Remarks, fmt.Sprintf("%s: %s", list, remark))
	}
}

// merge joins what the lists had with what was known.
func (d *day) merge(ctx workflow.Context) bool {
	input := MergeInput{Day: d.input.Day, Round: d.state.Rounds, Run: d.state.Opening.Folder}
	if !d.state.OnlyChanged {
		input.Folder = listingFolder(*d.state.Opening, d.state.Rounds)
	}
	if d.state.Merged != nil {
		input.Known = d.state.Merged.Known
	}
	var merged Merged
	if !d.execute(ctx, MergeListings, d.accountOptions("join the lists"), input, &merged) {
		return false
	}
	d.state.Merged, d.state.OnlyChanged = &merged, false
	return true
}

// fetch has every session fetched that has no outcome, and waits for them.
func (d *day) fetch(ctx workflow.Context) bool {
	if d.state.Merged.ToFetch == 0 {
		return true
	}
	d.state.Batches++
	d.state.BatchID = batchID(d.input.Day, workflow.GetInfo(ctx).OriginalRunID, d.state.Batches)
	d.enter(ctx, workflows.DayFetching, "")
	_, err := workflows.RunBatch(ctx, workflows.BatchRequest{
		BatchID: d.state.BatchID, Policy: d.input.Fetch, Priority: d.input.Priority,
		Source: &workflows.ObjectRef{Bucket: d.state.Opening.Bucket, Key: d.state.Merged.Fetch},
	})
	if err != nil && ctx.Err() == nil {
		d.state.Remarks = append(d.state.Remarks, "the batch "+d.state.BatchID+" ended without a result: "+messageOf(err))
	}
	d.state.BatchID = ""
	return ctx.Err() == nil
}

// seal writes the record. It returns nil if that could not be, or if a session has no
// outcome after all.
func (d *day) seal(ctx workflow.Context) *SealResult {
	d.enter(ctx, workflows.DaySealing, "")
	input := SealInput{Day: d.input.Day, Known: d.state.Merged.Known, Listings: d.state.Listings}
	var result SealResult
	if !d.execute(ctx, SealDay, d.accountOptions("write the record of the day"), input, &result) {
		return nil
	}
	if result.Missing > 0 {
		d.state.Remarks = append(d.state.Remarks, fmt.Sprintf("%d session(s) have no outcome, for example %s", result.Missing, result.Example))
		d.settle(ctx)
		return nil
	}
	return &result
}

// log enters the record into the log, and waits until it is there.
func (d *day) log(ctx workflow.Context, sealed *SealResult) bool {
	input := LogInput{
		Day: d.input.Day, Log: d.state.Opening.Log, Revision: sealed.Sealed.Revision,
		Record: sealed.Sealed.Record, SHA256: sealed.Sealed.SHA256,
	}
	for ctx.Err() == nil {
		var result LogResult
		if !d.execute(ctx, LogDay, d.accountOptions("enter the day into the log"), input, &result) {
			continue
		}
		if result.Waiting != "" {
			d.blocked(ctx, result.Waiting)
			continue
		}
		d.state.Sealed = &sealed.Sealed
		d.state.Sealed.LogIndex = result.Index
		d.state.Opening.Sealed = d.state.Sealed
		return true
	}
	return false
}

func (d *day) accountOptions(summary string) workflow.ActivityOptions {
	return stepOptions(AccountTaskQueue(d.state.Opening.Account), summary, d.unserved)
}

// execute runs an activity, and reports whether it succeeded. If not, it has waited.
func (d *day) execute(ctx workflow.Context, name string, options workflow.ActivityOptions, input, result any) bool {
	err := workflow.ExecuteActivity(workflow.WithActivityOptions(ctx, options), name, input).Get(ctx, result)
	timeout, isTimeout := errors.AsType[*temporal.TimeoutError](err)
	d.unserved = isTimeout && timeout.TimeoutType() == enumspb.TIMEOUT_TYPE_SCHEDULE_TO_START
	switch {
	case err == nil:
		d.state.Failures = 0
		return true
	case ctx.Err() != nil:
	case d.unserved: // The next attempt waits in the queue, so that a worker that starts gets it at once.
		d.state.Failures++
		d.enter(ctx, workflows.DayBlocked, fmt.Sprintf("no worker has taken the day's work for %s: start one that serves the bot %s, or wait if the workers are busy", unservedAfter, d.input.BotID))
		d.state.Opening = nil // The bot may belong to another account by now.
	default:
		d.blocked(ctx, messageOf(err))
	}
	return false
}

func (d *day) isBlocked() bool { return d.state.Failures > 0 }

// blocked shows what needs operator action, and waits before the next attempt; a signal
// makes it at once.
func (d *day) blocked(ctx workflow.Context, reason string) {
	d.state.Failures++
	d.enter(ctx, workflows.DayBlocked, reason)
	d.sleep(ctx, blockedWait(d.state.Failures), "try again")
}

// messageOf returns what an activity's error says, without the parts that Temporal adds.
func messageOf(err error) string {
	if failed, ok := errors.AsType[*temporal.ApplicationError](err); ok {
		return failed.Message()
	}
	return err.Error()
}
