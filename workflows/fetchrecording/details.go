package fetchrecording

import (
	"fmt"
	"strings"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/callvault/callvault/internal/markdown"
	"github.com/callvault/callvault/internal/metric"
	"github.com/callvault/callvault/workflows"
)

// maxNotes bounds how many past failures a fetch shows.
const maxNotes = 5

// view is what an operator sees of a fetch.
type view struct {
	phase  workflows.FetchPhase
	shown  workflows.FetchPhase // the phase that the search attribute holds
	reason string
	notes  []string
	over   bool

	// timer is the current wait, nil if there is none; wake ends it.
	timer *timer
	wake  bool
}

type timer struct {
	until   time.Time
	summary string
}

// completeSearchAttributes sets what the starter left out, which is everything
// when the start was the JSON input alone.
func (f *fetch) completeSearchAttributes(ctx workflow.Context) error {
	present := workflow.GetTypedSearchAttributes(ctx)
	phase, ok := present.GetKeyword(workflows.SearchAttributePhase)
	if ok && present.ContainsKey(workflows.SearchAttributeBot) {
		f.shown = workflows.FetchPhase(phase)
		return nil
	}
	f.shown = workflows.PhaseChecking
	return workflow.UpsertTypedSearchAttributes(ctx, f.input.SearchAttributes().Copy())
}

// enter sets the fetch's phase. Only a phase that lasts gets into the search
// attribute, because each upsert is a billable action: a wait calls show, and so do
// most downloads; a status check does not.
func (f *fetch) enter(ctx workflow.Context, phase workflows.FetchPhase, reason string) {
	f.phase, f.reason = phase, reason
	workflow.SetCurrentDetails(ctx, f.details())
}

// show updates the search attributes and the details.
func (f *fetch) show(ctx workflow.Context, updates ...temporal.SearchAttributeUpdate) error {
	workflow.SetCurrentDetails(ctx, f.details())
	if f.phase != f.shown {
		updates = append(updates, workflows.SearchAttributePhase.ValueSet(string(f.phase)))
		f.shown = f.phase
	}
	if len(updates) == 0 {
		return nil
	}
	return f.upsert(ctx, updates...)
}

// showWait is show of a fetch that begins to wait, with the alarm that is due.
func (f *fetch) showWait(ctx workflow.Context) error { return f.show(ctx, f.raiseAlarm(ctx)...) }

// upsert sets search attributes, and with them for nothing how many calls were spent.
func (f *fetch) upsert(ctx workflow.Context, updates ...temporal.SearchAttributeUpdate) error {
	if f.fewEvents && f.state.StatusChecks > 0 {
		updates = append(updates, workflows.SearchAttributeChecks.ValueSet(int64(f.state.StatusChecks)))
	}
	return workflow.UpsertTypedSearchAttributes(ctx, updates...)
}

// clearPhase keeps a fetch whose input is invalid from being found by the phase that
// its starter gave it.
func clearPhase(ctx workflow.Context) {
	_ = workflow.UpsertTypedSearchAttributes(ctx, workflows.SearchAttributePhase.ValueUnset()) // It fails only without attributes.
}

// showOutcome shows how the fetch ended.
func (f *fetch) showOutcome(ctx workflow.Context, result *workflows.FetchResult) error {
	f.phase, f.reason, f.over = workflows.FetchPhase(result.Outcome), result.Reason, true
	if err := f.upsert(ctx, // Before the counts are those of the fetch that reached the outcome.
		workflows.SearchAttributePhase.ValueSet(string(f.phase)),
		workflows.SearchAttributeOutcome.ValueSet(string(result.Outcome)),
	); err != nil {
		return err
	}
	f.state.LastStatus, f.state.StatusChecks, f.state.Done = result.Status, result.StatusChecks, result.Recordings
	if result.Source == workflows.SourceManifest {
		f.notes = append(f.notes, fmt.Sprintf("Found in the manifest of another fetch, which finished at %s.", result.FinishedAt.UTC().Format(time.RFC3339)))
	}
	workflow.SetCurrentDetails(ctx, f.details())
	workflow.GetMetricsHandler(ctx).WithTags(map[string]string{metric.Account: f.account(), metric.Outcome: string(result.Outcome)}).
		Counter(metric.Fetches).Inc(1)
	return nil
}

// addNote keeps a failure for the operator.
func (f *fetch) addNote(ctx workflow.Context, text string) {
	f.notes = append(f.notes, workflow.Now(ctx).UTC().Format(time.RFC3339)+" "+text)
	f.notes = f.notes[max(0, len(f.notes)-maxNotes):]
}

// details describes the fetch in the Temporal Web UI's Markdown.
func (f *fetch) details() string {
	var b strings.Builder
	fmt.Fprintf(&b, "### %s\n\n", f.headline())
	if f.reason != "" {
		fmt.Fprintf(&b, "%s\n\n", markdown.Escape(f.reason))
	}
	fmt.Fprintf(&b, "- Call: session `%s` of bot `%s`, %s\n", f.input.SessionID, f.input.BotID, f.callTime.Format(time.RFC3339))
	fmt.Fprintf(&b, "- Last status: %s, after %d check(s)\n", orDash(f.state.LastStatus), f.state.StatusChecks)
	if f.timer != nil {
		fmt.Fprintf(&b, "- Next check: %s (the update `%s` makes it now)\n", f.timer.until.UTC().Format(time.RFC3339), workflows.UpdateCheckNow)
	}
	switch {
	case f.over:
	case !f.state.BlockedSince.IsZero():
		fmt.Fprintf(&b, "- Gives up: %s, and later by the time since %s that it is blocked\n",
			f.state.GiveUpAt.UTC().Format(time.RFC3339), f.state.BlockedSince.UTC().Format(time.RFC3339))
	default:
		fmt.Fprintf(&b, "- Gives up: %s\n", f.state.GiveUpAt.UTC().Format(time.RFC3339))
	}
	if purgeAt := f.purgeAt(); !f.over && !purgeAt.IsZero() {
		fmt.Fprintf(&b, "- Purge by the vendor: %s\n", purgeAt.Format(time.RFC3339))
	}
	for _, done := range f.state.Done {
		fmt.Fprintf(&b, "- Archived: `%s`, %d bytes\n", done.Key, done.Bytes)
	}
	for _, note := range f.notes {
		fmt.Fprintf(&b, "- Note: %s\n", markdown.Escape(note))
	}
	return b.String()
}

func (f *fetch) headline() string {
	switch f.phase {
	case workflows.PhaseChecking:
		return "Checking the status"
	case workflows.PhaseCallInProgress:
		return "Waiting: the call is in progress"
	case workflows.PhaseMediaInProgress:
		return "Waiting: the recording is being generated"
	case workflows.PhasePartialWait:
		return fmt.Sprintf("Waiting for the vendor's retry (%d of %d)", f.state.PartialRetries, *f.policy.PartialMaxRetries)
	case workflows.PhaseBlocked:
		return "Blocked: needs operator action"
	case workflows.PhaseArchiving:
		return "Downloading into the archive"
	case "":
		return "Ended without an outcome"
	default:
		return "Done: " + string(f.phase)
	}
}

func orDash(text string) string {
	if text == "" {
		return "–"
	}
	return "`" + strings.ReplaceAll(text, "`", "'") + "`"
}
