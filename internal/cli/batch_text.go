package cli

import (
	"fmt"
	"strings"
	"time"

	"github.com/dustin/go-humanize"

	"github.com/callvault/callvault/internal/batchreport"
	"github.com/callvault/callvault/internal/oneline"
	"github.com/callvault/callvault/workflows"
	"github.com/callvault/callvault/workflows/batch"
)

// batchText describes a batch for people.
func batchText(p workflows.BatchProgress, now time.Time) string {
	var b strings.Builder
	fmt.Fprintf(&b, "batch %s: %s\n", p.BatchID, phaseText(p))
	if p.Sessions > 0 {
		b.WriteString(countsText(batch.Rows(p.BatchCounts)))
		fmt.Fprintf(&b, "  %s\n", endedText(p, now))
		fmt.Fprintf(&b, "  calls of the vendor's API: %s", count(p.Calls))
		if p.Duplicates > 0 {
			fmt.Fprintf(&b, "; rows that repeat a session: %s", count(p.Duplicates))
		}
		if !p.AsOf.IsZero() {
			fmt.Fprintf(&b, "; as of %s", utc(p.AsOf))
		}
		fmt.Fprintln(&b)
	}
	if len(p.Failures) > 0 {
		fmt.Fprintln(&b, "  the last that were not archived, newest first:")
	}
	for _, failed := range p.Failures {
		how := string(failed.Outcome)
		if how == "" {
			how = failed.Status
		}
		fmt.Fprintf(&b, "    %s  %s  %s\n", utc(failed.At), oneline.Of(failed.WorkflowID), oneline.Of(how))
	}
	if p.Report != nil {
		fmt.Fprintf(&b, "  report: s3://%s/%s\n", p.Report.Bucket, p.Report.Key)
	}
	fmt.Fprintf(&b, "  its fetches: %s\n", batch.FetchesQuery(p.BatchID, time.Time{}))
	return b.String()
}

func phaseText(p workflows.BatchProgress) string {
	text := oneline.Of(string(p.Phase))
	if text == "" {
		text = "could not begin"
	}
	if !p.Since.IsZero() {
		text += " since " + utc(p.Since)
	}
	if p.Reason != "" {
		text += ": " + oneline.Of(p.Reason)
	}
	return text
}

// endedText says how far a batch is, and when it will be done.
func endedText(p workflows.BatchProgress, now time.Time) string {
	ended := p.Ended() + p.Found
	text := fmt.Sprintf("%s of %s sessions have ended (%.1f %%)", count(ended), count(p.Sessions), 100*float64(ended)/float64(max(1, p.Sessions)))
	if isOver(p.Phase) {
		return text
	}
	if p.PerHour > 0 {
		text += fmt.Sprintf(", %s in an hour", count(int(p.PerHour+0.5)))
	}
	if !p.DoneAt.IsZero() {
		text += fmt.Sprintf(", done at about %s (in %s)", minute(p.DoneAt), max(0, p.DoneAt.Sub(now)).Round(time.Second))
	}
	return text
}

func isOver(phase workflows.BatchPhase) bool {
	return phase == workflows.BatchDone || phase == workflows.BatchCancelled
}

// batchLine describes a batch in one line, which stays the same while nothing happens.
func batchLine(p workflows.BatchProgress) string {
	text := oneline.Of(string(p.Phase))
	if p.Reason != "" {
		text += ": " + oneline.Of(p.Reason)
	}
	if p.Sessions == 0 {
		return text
	}
	text += fmt.Sprintf("; %s of %s ended", count(p.Ended()+p.Found), count(p.Sessions))
	var parts []string
	for _, row := range batch.Rows(p.BatchCounts) {
		parts = append(parts, fmt.Sprintf("%s %s", row.Name, count(row.Sessions)))
	}
	return text + " (" + strings.Join(parts, ", ") + ")"
}

// batchResultText says how a batch ended.
func batchResultText(r *workflows.BatchResult) string {
	var b strings.Builder
	fmt.Fprintf(&b, "batch %s: %s: %s sessions: %s\n", r.BatchID, r.Phase, count(r.Total.Sessions), batchreport.OutcomesText(r.Total))
	fmt.Fprintf(&b, "  %s files, %s; calls of the vendor's API: %s\n", count(r.Total.Files), humanize.Bytes(uint64(max(0, r.Total.Bytes))), count(r.Total.Calls))
	if r.Duplicates > 0 {
		fmt.Fprintf(&b, "  rows that repeat a session: %s\n", count(r.Duplicates))
	}
	fmt.Fprintf(&b, "  from %s to %s\n", utc(r.StartedAt), utc(r.FinishedAt))
	fmt.Fprintf(&b, "  report: s3://%s/%s\n", r.Report.Bucket, r.Report.Key)
	return b.String()
}

// countsText is a table of names and numbers.
func countsText(rows []batch.Row) string {
	names, numbers := 0, 0
	for _, row := range rows {
		names, numbers = max(names, len(row.Name)), max(numbers, len(count(row.Sessions)))
	}
	var b strings.Builder
	for _, row := range rows {
		fmt.Fprintf(&b, "  %-*s  %*s\n", names, row.Name, numbers, count(row.Sessions))
	}
	return b.String()
}

func count(n int) string { return humanize.Comma(int64(n)) }

func minute(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 MST") }
