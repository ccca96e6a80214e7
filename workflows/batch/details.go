package batch

import (
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
	"go.temporal.io/sdk/workflow"

	"github.com/callvault/callvault/internal/markdown"
	"github.com/callvault/callvault/workflows"
)

// view is what an operator sees of a batch.
type view struct {
	namespace string
	shown     workflows.BatchPhase // the phase that the search attribute holds
	reason    string

	// changed: a message came that the next wait must not sleep over.
	changed bool
	// wasCancelled: the fetches that waited were cancelled once.
	wasCancelled bool

	reportAt *workflows.ObjectRef
	total    *workflows.ReportTotal
}

// completeSearchAttributes sets what the starter left out, which is everything when the
// start was the JSON input alone.
func (b *batch) completeSearchAttributes(ctx workflow.Context) error {
	present := workflow.GetTypedSearchAttributes(ctx)
	phase, ok := present.GetKeyword(workflows.SearchAttributePhase)
	b.shown = workflows.BatchPhase(phase)
	if ok && present.ContainsKey(workflows.SearchAttributeBatch) {
		return nil
	}
	b.shown = workflows.BatchPreparing
	return workflow.UpsertTypedSearchAttributes(ctx,
		workflows.SearchAttributeBatch.ValueSet(b.input.BatchID),
		workflows.SearchAttributePhase.ValueSet(string(workflows.BatchPreparing)))
}

// enter shows where the batch is, also to those who search for batches by their phase.
func (b *batch) enter(ctx workflow.Context, phase workflows.BatchPhase, reason string) {
	b.show(ctx, phase, reason)
	// A report takes a moment; only what lasts is worth a billable action.
	if phase == b.shown || phase == workflows.BatchReporting {
		return
	}
	b.shown = phase
	_ = workflow.UpsertTypedSearchAttributes(ctx, workflows.SearchAttributePhase.ValueSet(string(phase))) // It fails only without attributes.
}

// show shows where the batch is in its query and its details, which leaves no event.
func (b *batch) show(ctx workflow.Context, phase workflows.BatchPhase, reason string) {
	now := workflow.Now(ctx)
	if phase != b.state.Phase {
		b.state.Since = now.UTC()
	}
	if phase == workflows.BatchPaused {
		b.state.Since = b.state.Paused.Since
	}
	b.state.Phase, b.reason = phase, reason
	workflow.SetCurrentDetails(ctx, b.details(now))
}

// end shows why the batch could not begin, and keeps it from being found by its phase.
func (b *batch) end(ctx workflow.Context, reason string) {
	b.state.Phase, b.reason = "", reason
	workflow.SetCurrentDetails(ctx, b.details(workflow.Now(ctx)))
	_ = workflow.UpsertTypedSearchAttributes(ctx, workflows.SearchAttributePhase.ValueUnset()) // It fails only without attributes.
}

func (b *batch) progress() workflows.BatchProgress {
	progress := workflows.BatchProgress{
		BatchID: b.input.BatchID, Phase: b.state.Phase, Reason: b.reason, Since: b.state.Since,
		BatchCounts: b.state.counts(), Report: b.reportAt, StartedAt: b.state.StartedAt,
	}
	if b.state.Plan != nil {
		progress.Duplicates = b.state.Plan.Duplicates
	}
	if last := b.state.Last; last != nil {
		progress.AsOf, progress.Failures, progress.Readiness = last.At.UTC(), last.Failures, last.Readiness
		if rate := b.state.perSecond(); rate > 0 {
			progress.PerHour = rate * 3600
			if !b.state.isHalted() && b.total == nil {
				left := time.Duration(float64(progress.Left()) / rate * float64(time.Second))
				progress.DoneAt = progress.AsOf.Add(left).Truncate(time.Second)
			}
		}
	}
	return progress
}

// details is the batch's dashboard in the Temporal Web UI's Markdown.
func (b *batch) details(now time.Time) string {
	p := b.progress()
	var t strings.Builder
	fmt.Fprintf(&t, "### %s\n\n", b.headline(p))
	if p.Reason != "" {
		fmt.Fprintf(&t, "%s\n\n", markdown.Escape(p.Reason))
	}
	if p.Sessions == 0 {
		return t.String()
	}
	ended := p.Ended() + p.Found
	fmt.Fprintf(&t, "%s of %s sessions have ended (%.1f %%)", humanize.Comma(int64(ended)), humanize.Comma(int64(p.Sessions)), 100*float64(ended)/float64(p.Sessions))
	if p.PerHour > 0 && b.total == nil {
		fmt.Fprintf(&t, ", %s in an hour", humanize.Comma(int64(p.PerHour+0.5)))
	}
	if !p.DoneAt.IsZero() && b.total == nil {
		fmt.Fprintf(&t, ", done at about %s (in %s)", p.DoneAt.UTC().Format("2006-01-02 15:04 MST"), max(0, p.DoneAt.Sub(now)).Round(time.Second))
	}
	fmt.Fprintf(&t, ".\n\n| sessions | number |\n| --- | ---: |\n")
	for _, row := range Rows(p.BatchCounts) {
		fmt.Fprintf(&t, "| %s | %s |\n", row.Name, humanize.Comma(int64(row.Sessions)))
	}
	fmt.Fprintf(&t, "\nCalls of the vendor's API: %s.", humanize.Comma(int64(p.Calls)))
	if p.Duplicates > 0 {
		fmt.Fprintf(&t, " Rows that repeat a session: %s.", humanize.Comma(int64(p.Duplicates)))
	}
	fmt.Fprintf(&t, " As of %s.\n\n", p.AsOf.Format(time.RFC3339))
	if p.Readiness != "" {
		fmt.Fprintf(&t, "%s\n\n", markdown.Escape(p.Readiness))
	}
	query := FetchesQuery(p.BatchID, time.Time{})
	fmt.Fprintf(&t, "[Its fetches](%s): `%s`\n", b.link("workflows?query="+url.QueryEscape(query)), query)
	if b.reportAt != nil {
		fmt.Fprintf(&t, "\nReport: `s3://%s/%s`\n", b.reportAt.Bucket, b.reportAt.Key)
	}
	if len(p.Failures) > 0 {
		fmt.Fprintf(&t, "\nThe last that were not archived:\n\n")
		for _, f := range p.Failures {
			fmt.Fprintf(&t, "- %s [%s](%s): %s\n", f.At.UTC().Format(time.RFC3339), f.WorkflowID, b.link("workflows/"+url.PathEscape(f.WorkflowID)), failureText(f))
		}
	}
	return t.String()
}

func failureText(f workflows.BatchFailure) string {
	if f.Outcome != "" {
		return string(f.Outcome)
	}
	return f.Status
}

// link returns a link within the Web UI.
func (b *batch) link(path string) string {
	return "/namespaces/" + url.PathEscape(b.namespace) + "/" + path
}

func (b *batch) headline(p workflows.BatchProgress) string {
	switch p.Phase {
	case workflows.BatchPreparing:
		return "Reading the list of sessions"
	case workflows.BatchLaunching:
		return "Starting fetches"
	case workflows.BatchPaused:
		return "Paused since " + p.Since.Format(time.RFC3339) + ": no more fetches are started"
	case workflows.BatchStopped:
		return "Stopped for failures: needs operator action"
	case workflows.BatchBlocked:
		return "Blocked: needs operator action"
	case workflows.BatchWaiting:
		return "All fetches are started"
	case workflows.BatchReporting:
		return "Writing the report"
	case workflows.BatchCancelling:
		return "Cancelling the fetches that wait"
	case workflows.BatchCancelled:
		return "Cancelled"
	case workflows.BatchDone:
		return "Done"
	default:
		return "Ended before it began"
	}
}

// Row is a line of a batch's table.
type Row struct {
	Name     string
	Sessions int
}

// Rows returns the table of a batch's sessions by where they are, without empty lines but
// that of the archived ones.
func Rows(c workflows.BatchCounts) []Row {
	rows := []Row{{"archived", c.Outcomes[workflows.OutcomeArchived]}}
	add := func(name string, n int) {
		if n > 0 {
			rows = append(rows, Row{name, n})
		}
	}
	for _, outcome := range workflows.Outcomes()[1:] {
		add(string(outcome), c.Outcomes[outcome])
	}
	add("ended without an outcome", c.NoOutcome)
	add("had a manifest before", c.Found)
	for _, phase := range workflows.FetchPhases() {
		add("running: "+string(phase), c.Running[phase])
	}
	add("not ready yet", c.NotReady)
	add("not started", c.Sessions-c.Found-c.Launched-c.NotReady)
	return rows
}

// FetchesQuery returns the visibility query for the fetches of a batch that began after a
// time, or all of them.
func FetchesQuery(batchID string, since time.Time) string {
	query := fmt.Sprintf("%s = '%s' AND WorkflowType = '%s'", workflows.SearchAttributeBatch.GetName(), batchID, workflows.FetchRecordingWorkflowName)
	if !since.IsZero() {
		query += fmt.Sprintf(" AND StartTime >= '%s'", since.UTC().Format(time.RFC3339Nano))
	}
	return query
}
