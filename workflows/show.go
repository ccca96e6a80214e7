package workflows

import (
	"fmt"
	"strings"
	"time"

	"go.temporal.io/sdk/workflow"
)

// maxNotes bounds how many past setbacks a fetch shows.
const maxNotes = 5

// enter says where the fetch stands from now on. Only a phase that lasts gets
// into the search attribute, because each upsert is a billable action: a wait
// or a download calls show, a check on its way does not.
func (f *fetch) enter(ctx workflow.Context, phase Phase, reason string) {
	f.phase, f.reason = phase, reason
	workflow.SetCurrentDetails(ctx, f.details())
}

// show brings the search attribute and the details up to date.
func (f *fetch) show(ctx workflow.Context) error {
	workflow.SetCurrentDetails(ctx, f.details())
	if f.phase == f.shown {
		return nil
	}
	f.shown = f.phase
	return workflow.UpsertTypedSearchAttributes(ctx, SearchAttributePhase.ValueSet(string(f.phase)))
}

// showOutcome shows how the fetch ended.
func (f *fetch) showOutcome(ctx workflow.Context, result *FetchResult, note string) error {
	f.phase, f.reason, f.over = Phase(result.Outcome), result.Reason, true
	f.resume.LastStatus, f.resume.StatusChecks, f.resume.Done = result.Status, result.StatusChecks, result.Recordings
	if note != "" {
		f.notes = append(f.notes, note)
	}
	workflow.SetCurrentDetails(ctx, f.details())
	return workflow.UpsertTypedSearchAttributes(ctx,
		SearchAttributePhase.ValueSet(string(f.phase)),
		SearchAttributeOutcome.ValueSet(string(result.Outcome)),
	)
}

// note keeps a setback for the people who look on.
func (f *fetch) note(ctx workflow.Context, text string) {
	f.notes = append(f.notes, workflow.Now(ctx).UTC().Format(time.RFC3339)+" "+text)
	f.notes = f.notes[max(0, len(f.notes)-maxNotes):]
}

// details is where the fetch stands, in the Temporal Web UI's Markdown.
func (f *fetch) details() string {
	var b strings.Builder
	fmt.Fprintf(&b, "### %s\n\n", f.headline())
	if f.reason != "" {
		fmt.Fprintf(&b, "%s\n\n", markdownText(f.reason))
	}
	fmt.Fprintf(&b, "- Call: session `%s` of bot `%s`, %s\n", f.req.SessionID, f.req.BotID, f.callTime.Format(time.RFC3339))
	fmt.Fprintf(&b, "- Last status: %s, after %d check(s)\n", orDash(f.resume.LastStatus), f.resume.StatusChecks)
	if f.waiting != nil {
		fmt.Fprintf(&b, "- Next look: %s (the update `%s` makes it now)\n", f.waiting.until.UTC().Format(time.RFC3339), UpdateCheckNow)
	}
	if !f.over {
		fmt.Fprintf(&b, "- Gives up: %s\n", f.resume.GiveUpAt.UTC().Format(time.RFC3339))
	}
	for _, done := range f.resume.Done {
		fmt.Fprintf(&b, "- Archived: `%s`, %d bytes\n", done.Key, done.Bytes)
	}
	for _, note := range f.notes {
		fmt.Fprintf(&b, "- Note: %s\n", markdownText(note))
	}
	return b.String()
}

func (f *fetch) headline() string {
	switch f.phase {
	case PhaseChecking:
		return "Checking the status"
	case PhaseCallInProgress:
		return "Waiting: the call is in progress"
	case PhaseMediaInProgress:
		return "Waiting: the recording is being made"
	case PhasePartialWait:
		return fmt.Sprintf("Waiting for the vendor's next try (%d of %d)", f.resume.PartialRetries, *f.policy.PartialMaxRetries)
	case PhaseBlocked:
		return "Blocked: somebody has to mend this"
	case PhaseArchiving:
		return "Downloading into the archive"
	default:
		return "Done: " + string(f.phase)
	}
}

// markdownText keeps an upstream's text from being read as Markdown.
func markdownText(text string) string {
	return strings.NewReplacer(`\`, `\\`, "\n", " ", "`", "'", "*", `\*`, "_", `\_`, "[", `\[`, "<", "&lt;").Replace(text)
}

func orDash(text string) string {
	if text == "" {
		return "–"
	}
	return "`" + strings.ReplaceAll(text, "`", "'") + "`"
}
