package day

import (
	"fmt"
	"strings"

	"github.com/dustin/go-humanize"
	"go.temporal.io/sdk/workflow"

	"github.com/callvault/callvault/internal/markdown"
	"github.com/callvault/callvault/workflows"
)

// view is what an operator sees of a day.
type view struct {
	shown  workflows.DayPhase // the phase that the search attribute holds
	reason string
}

// completeSearchAttributes sets what the starter left out, which is everything when the
// start was the JSON input alone.
func (d *day) completeSearchAttributes(ctx workflow.Context) error {
	present := workflow.GetTypedSearchAttributes(ctx)
	phase, ok := present.GetKeyword(workflows.SearchAttributePhase)
	d.shown = workflows.DayPhase(phase)
	if ok && present.ContainsKey(workflows.SearchAttributeBot) {
		return nil
	}
	d.shown = workflows.DayListing
	begin, _ := d.input.Begin() // It was checked.
	return workflow.UpsertTypedSearchAttributes(ctx,
		workflows.SearchAttributeBot.ValueSet(d.input.BotID),
		workflows.SearchAttributeCallTime.ValueSet(begin),
		workflows.SearchAttributePhase.ValueSet(string(workflows.DayListing)))
}

// enter shows where the day is, also to those who search for days by their phase.
func (d *day) enter(ctx workflow.Context, phase workflows.DayPhase, reason string) {
	d.show(ctx, phase, reason)
	// Writing the record takes a moment; only what lasts is worth a billable action.
	if phase == d.shown || phase == workflows.DaySealing {
		return
	}
	d.shown = phase
	_ = workflow.UpsertTypedSearchAttributes(ctx, workflows.SearchAttributePhase.ValueSet(string(phase))) // It fails only without attributes.
}

// show shows where the day is in its query and its details, which leaves no event.
func (d *day) show(ctx workflow.Context, phase workflows.DayPhase, reason string) {
	if phase != d.state.Phase {
		d.state.Since = workflow.Now(ctx).UTC()
	}
	d.state.Phase, d.reason = phase, reason
	workflow.SetCurrentDetails(ctx, d.details())
}

// end shows why the day has no result, and keeps it from being found by its phase.
func (d *day) end(ctx workflow.Context, reason string) {
	ctx, stop := workflow.NewDisconnectedContext(ctx)
	defer stop()
	d.state.Phase, d.reason = "", reason
	workflow.SetCurrentDetails(ctx, d.details())
	_ = workflow.UpsertTypedSearchAttributes(ctx, workflows.SearchAttributePhase.ValueUnset()) // It fails only without attributes.
}

func (d *day) progress() workflows.DayProgress {
	progress := workflows.DayProgress{
		Day: d.input.Day, Phase: d.state.Phase, Reason: d.reason, Since: d.state.Since, NextListing: d.state.NextListing,
		Listings: d.state.Rounds, BatchID: d.state.BatchID, Remarks: d.state.Remarks, Sealed: d.state.Sealed,
	}
	if d.state.Merged != nil {
		progress.Sessions, progress.Open = d.state.Merged.Sessions, d.state.Merged.Open
	}
	return progress
}

// details is the day's dashboard in the Temporal Web UI's Markdown.
func (d *day) details() string {
	p := d.progress()
	var t strings.Builder
	fmt.Fprintf(&t, "### %s of %s: %s\n\n", p.Date, markdown.Escape(p.BotID), p.Phase)
	if p.Reason != "" {
		fmt.Fprintf(&t, "%s\n\n", markdown.Escape(p.Reason))
	}
	fmt.Fprintf(&t, "| | |\n| --- | ---: |\n| sessions known | %s |\n", humanize.Comma(int64(p.Sessions)))
	if p.Open > 0 {
		fmt.Fprintf(&t, "| calls that are not over | %s |\n", humanize.Comma(int64(p.Open)))
	}
	fmt.Fprintf(&t, "| readings of the lists | %d |\n", p.Listings)
	if !p.NextListing.IsZero() {
		fmt.Fprintf(&t, "| next reading | %s |\n", p.NextListing.Format("2006-01-02 15:04 MST"))
	}
	if p.BatchID != "" {
		fmt.Fprintf(&t, "| fetched by | `%s` |\n", workflows.BatchWorkflowID(p.BatchID))
	}
	if sealed := p.Sealed; sealed != nil {
		fmt.Fprintf(&t, "| sealed | revision %d at %s |\n", sealed.Revision, sealed.SealedAt.Format("2006-01-02 15:04 MST"))
		for _, outcome := range workflows.Outcomes() {
			if n := sealed.Outcomes[outcome]; n > 0 {
				fmt.Fprintf(&t, "| %s | %s |\n", markdown.Escape(string(outcome)), humanize.Comma(int64(n)))
			}
		}
		if sealed.Disagreeing > 0 {
			fmt.Fprintf(&t, "| not in both lists | %s |\n", humanize.Comma(int64(sealed.Disagreeing)))
		}
	}
	for _, remark := range p.Remarks {
		fmt.Fprintf(&t, "\n- %s", markdown.Escape(remark))
	}
	return t.String()
}
