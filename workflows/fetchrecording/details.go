package fetchrecording

import (
	"fmt"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
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

	// ended is the result, once there is one.
	ended *workflows.FetchResult

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
	f.ended = result
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
	fmt.Fprintf(&b, "- Call: session `%s` of bot `%s`, %s%s\n", f.input.SessionID, f.input.BotID, f.callTime.Format(time.RFC3339), f.batchText())
	fmt.Fprintf(&b, "- The vendor said: %s\n", f.answerText())
	fmt.Fprintf(&b, "- Next: %s\n", f.nextText())
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
	for i, done := range f.state.Done {
		fmt.Fprintf(&b, "- File %d in the archive: %s, %s\n", i+1, fileText(done), orDash(done.Key))
	}
	if f.ended != nil && f.ended.Manifest.Key != "" {
		fmt.Fprintf(&b, "- Manifest: `s3://%s/%s`, of %s\n", f.ended.Manifest.Bucket, f.ended.Manifest.Key, f.ended.FinishedAt.UTC().Format(time.RFC3339))
	}
	for _, note := range f.notes {
		fmt.Fprintf(&b, "- Note: %s\n", markdown.Escape(note))
	}
	return b.String()
}

func (f *fetch) batchText() string {
	if f.input.BatchID == "" {
		return ""
	}
	return ", for batch `" + f.input.BatchID + "`"
}

// answerText says what the vendor answered last, when, and in how many checks.
func (f *fetch) answerText() string {
	text := "no status yet"
	if f.state.LastStatus != "" {
		text = orDash(f.state.LastStatus)
	}
	if !f.state.AnsweredAt.IsZero() {
		text += ", at " + f.state.AnsweredAt.UTC().Format(time.RFC3339)
	}
	if f.state.StatusChecks == 1 {
		return text + ", in 1 check"
	}
	return fmt.Sprintf("%s, in %d checks", text, f.state.StatusChecks)
}

// nextText says what happens next, and when.
func (f *fetch) nextText() string {
	switch {
	case f.over && f.ended != nil && f.ended.Outcome != workflows.OutcomeArchived:
		return "nothing, unless somebody has it fetched again (`refetch`)"
	case f.over:
		return "nothing, it is done"
	case f.timer != nil:
		return fmt.Sprintf("a check at %s, or now by the update `%s`", f.timer.until.UTC().Format(time.RFC3339), workflows.UpdateCheckNow)
	case f.phase == workflows.PhaseArchiving:
		return "the manifest, once every file is in the archive"
	case f.phase == workflows.PhaseBlocked:
		return "it goes on by itself once the cause is gone"
	default:
		return "the vendor's answer decides"
	}
}

// fileText says what a file is.
func fileText(r workflows.Recording) string {
	text := fmt.Sprintf("%s, %s bytes", orDash(r.FileName), humanize.Comma(r.Bytes))
	if r.Format != "" {
		text += ", " + markdown.Escape(r.Format)
	}
	if r.Audio != nil && r.Audio.DurationSeconds > 0 {
		text += fmt.Sprintf(", plays %s", time.Duration(r.Audio.DurationSeconds*float64(time.Second)).Round(100*time.Millisecond))
	}
	return text
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
