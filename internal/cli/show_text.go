package cli

import (
	"fmt"
	"path"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
	enumspb "go.temporal.io/api/enums/v1"

	"github.com/callvault/callvault/internal/archive"
	"github.com/callvault/callvault/internal/callhistory"
	"github.com/callvault/callvault/internal/oneline"
)

// shownCallText describes a call for people, in one page.
func shownCallText(c *shownCall) string {
	var b strings.Builder
	fmt.Fprintf(&b, "session %s of bot %s: %s\n", c.SessionID, c.BotID, callStateText(c))
	if c.Manifest != nil && c.Manifest.Reason != "" {
		fmt.Fprintf(&b, "  %s\n", oneline.Of(c.Manifest.Reason))
	}
	fmt.Fprintf(&b, "  call of %s%s%s\n", utc(c.CallTime), named(", account ", c.Account), named(", batch ", c.BatchID))
	writeManifestText(&b, c)
	writeDayText(&b, c)
	if !c.PurgeAt.IsZero() {
		fmt.Fprintf(&b, "  deleted by the vendor at about %s\n", minute(c.PurgeAt))
	}
	writeRunningText(&b, c)
	if c.Manifest != nil {
		writeFilesText(&b, c)
		writeEvidenceText(&b, c.Manifest)
		writePreviousText(&b, c.Manifest)
	}
	writeOpeningsText(&b, c)
	for _, run := range c.Runs {
		writeRunText(&b, run)
	}
	for _, missing := range c.Missing {
		fmt.Fprintf(&b, "\nnot known: %s\n", oneline.Of(missing))
	}
	return b.String()
}

func named(what, name string) string {
	if name == "" {
		return ""
	}
	return what + oneline.Of(name)
}

// callStateText says how the call stands.
func callStateText(c *shownCall) string {
	outcome := oneline.Of(string(c.Outcome))
	switch {
	case len(c.Damaged) > 0:
		return fmt.Sprintf("%s, but %d of its objects are missing or changed: to have it repaired: %s", outcome, len(c.Damaged), refetchCommand(c.Session, ""))
	case outcome != "" && c.Manifest == nil:
		return outcome + ", as its last run says"
	case c.Progress != nil && outcome != "":
		return outcome + ", and being fetched again"
	case c.Progress != nil:
		return "being fetched, " + oneline.Of(string(c.Progress.Phase))
	case outcome != "" && !c.objectsRead:
		return outcome + ", as its manifest says; whether its objects are there is not known"
	case outcome != "":
		return outcome
	case len(c.Runs) > 0:
		return "without an outcome"
	}
	return "not known"
}

func writeManifestText(b *strings.Builder, c *shownCall) {
	m := c.Manifest
	if m == nil {
		return
	}
	fmt.Fprintf(b, "  fetched from %s to %s, %d status check(s), last status %q\n", utc(m.StartedAt), utc(m.FinishedAt), m.StatusChecks, oneline.Of(m.Status))
	fmt.Fprintf(b, "  manifest s3://%s/%s\n", c.Object.Bucket, c.Object.Key)
	if worker, at, known := c.wrote(); known {
		fmt.Fprintf(b, "    written at %s by worker %s%s\n", utc(at), worker.Identity, named(", build ", worker.Build))
	} else {
		fmt.Fprintf(b, "    written by run %s of %s\n", oneline.Of(m.RunID), oneline.Of(m.WorkflowID))
	}
	if m.WrittenBy != "" {
		fmt.Fprintf(b, "    by version %s of the worker\n", oneline.Of(m.WrittenBy))
	}
}

func writeDayText(b *strings.Builder, c *shownCall) {
	day := c.Day
	if day == nil {
		return
	}
	fmt.Fprintf(b, "  day %s is sealed, revision %d of %s", day.Date, day.Revision, minute(day.SealedAt))
	switch {
	case day.LogIndex != nil:
		fmt.Fprintf(b, ", entry %s of the log\n", humanize.Comma(*day.LogIndex))
	case day.Logged:
		fmt.Fprintln(b, ", in the log")
	default:
		fmt.Fprintln(b, ", not in the log yet")
	}
}

// writeRunningText says what the fetch that runs waits for.
func writeRunningText(b *strings.Builder, c *shownCall) {
	if c.Progress != nil {
		now := *c.Progress
		now.NextCheckAt = time.Time{} // The page has all times in UTC.
		fmt.Fprintf(b, "  now %s%s\n", oneline.Of(describe(now)), nextCheckText(c.Progress.NextCheckAt))
		fmt.Fprintf(b, "    gives up at %s, %d status check(s) so far, %d of %d file(s) archived\n",
			minute(c.Progress.GiveUpAt), c.Progress.StatusChecks, c.Progress.FilesDone, c.Progress.Files)
	}
	for _, p := range c.Pending {
		fmt.Fprintf(b, "    it %s", p.Text)
		if p.Attempts > 1 {
			fmt.Fprintf(b, ", attempt %d", p.Attempts)
		}
		if p.Failure != "" {
			fmt.Fprintf(b, ", before: %s", p.Failure)
		}
		if !p.NextAt.IsZero() {
			fmt.Fprintf(b, ", next at %s", utc(p.NextAt))
		}
		fmt.Fprintln(b)
	}
}

func nextCheckText(at time.Time) string {
	if at.IsZero() {
		return ""
	}
	return "; next check at " + utc(at)
}

func writeFilesText(b *strings.Builder, c *shownCall) {
	m := c.Manifest
	damaged := make(map[string]bool)
	for _, key := range c.Damaged {
		damaged[key] = true
	}
	if len(m.Files)+len(m.Attachments)+len(m.LeftOut) > 0 {
		fmt.Fprintf(b, "\nfiles\n")
	}
	for i, file := range m.Files {
		there := "in the archive"
		switch {
		case !c.objectsRead:
			there = "not looked at"
		case damaged[file.Key]:
			there = "MISSING OR CHANGED"
		}
		fmt.Fprintf(b, "  %d. %s  %s bytes  %s  %s\n     s3://%s/%s\n     sha256 %s\n",
			i+1, oneline.Of(file.FileName), humanize.Comma(file.Bytes), oneline.Of(file.Format), there, c.Object.Bucket, oneline.Of(file.Key), file.SHA256)
		if file.Audio != nil && file.Audio.DurationSeconds > 0 {
			fmt.Fprintf(b, "     %s, %d channel(s), %s\n", oneline.Of(file.Audio.Encoding), file.Audio.Channels, time.Duration(file.Audio.DurationSeconds*float64(time.Second)).Round(time.Second/10))
		}
		for _, remark := range file.Remarks {
			fmt.Fprintf(b, "     %s\n", oneline.Of(remark))
		}
		if file.NoLongerListed {
			fmt.Fprintln(b, "     no longer listed by the vendor")
		}
	}
	for _, one := range m.Attachments {
		fmt.Fprintf(b, "  %s: %s  %s bytes\n     s3://%s/%s\n     sha256 %s\n", oneline.Of(string(one.Kind)), path.Base(one.Key), humanize.Comma(one.Bytes), c.Object.Bucket, oneline.Of(one.Key), one.SHA256)
	}
	for _, one := range m.LeftOut {
		fmt.Fprintf(b, "  no %s: %s\n", oneline.Of(string(one.Kind)), oneline.Of(one.Reason))
	}
}

func writeEvidenceText(b *strings.Builder, m *archive.Manifest) {
	if len(m.Evidence) > 0 {
		fmt.Fprintf(b, "\nwhat the vendor said\n")
	}
	for _, one := range m.Evidence {
		if one.Count == 1 {
			fmt.Fprintf(b, "  %s  once, at %s\n", oneline.Of(one.Status), utc(one.First))
			continue
		}
		fmt.Fprintf(b, "  %s  %d times, from %s to %s\n", oneline.Of(one.Status), one.Count, utc(one.First), utc(one.Last))
	}
}

func writePreviousText(b *strings.Builder, m *archive.Manifest) {
	if m.Previous != nil {
		fmt.Fprintf(b, "\nearlier outcomes, latest first\n")
	}
	for m = m.Previous; m != nil; m = m.Previous {
		fmt.Fprintf(b, "  %s at %s, %d status check(s), %d file(s)%s\n", oneline.Of(m.Outcome), utc(m.FinishedAt), m.StatusChecks, len(m.Files), named(": ", m.Reason))
	}
}

func writeOpeningsText(b *strings.Builder, c *shownCall) {
	if c.OpeningCount == 0 {
		return
	}
	fmt.Fprintf(b, "\nlinks that were given to somebody: %d\n", c.OpeningCount)
	for _, one := range c.Openings {
		fmt.Fprintf(b, "  %s  %s on %s, %s, until %s%s\n", utc(one.At), oneline.Of(one.User), oneline.Of(one.Host), oneline.Of(path.Base(one.Key)), utc(one.ExpiresAt), named(": ", one.Reason))
	}
}

// writeRunText tells what a run did, with the workers by number.
func writeRunText(b *strings.Builder, run shownRun) {
	fmt.Fprintf(b, "\nrun %s of %s %s\n", oneline.Of(run.RunID), oneline.Of(run.WorkflowID), run.Status)
	if run.WebUI != "" {
		fmt.Fprintf(b, "  %s\n", run.WebUI)
	}
	var workers []callhistory.Worker
	numbers := make(map[callhistory.Worker]int)
	for _, e := range run.Events {
		if e.Worker != nil && numbers[*e.Worker] == 0 {
			workers = append(workers, *e.Worker)
			numbers[*e.Worker] = len(workers)
		}
	}
	for i, e := range run.Events {
		if run.LeftOut > 0 && i == callhistory.MaxEvents/2 {
			fmt.Fprintf(b, "  … %d more\n", run.LeftOut)
		}
		fmt.Fprintf(b, "  %s  %s", e.At.UTC().Format("2006-01-02 15:04:05"), e.Text)
		if e.Worker != nil {
			fmt.Fprintf(b, "  [%d]", numbers[*e.Worker])
		}
		fmt.Fprintln(b)
	}
	for i, worker := range workers {
		fmt.Fprintf(b, "  [%d] worker %s%s\n", i+1, worker.Identity, named(", build ", worker.Build))
	}
}

// runStatusText says how a run stands.
func runStatusText(status enumspb.WorkflowExecutionStatus) string {
	if status == enumspb.WORKFLOW_EXECUTION_STATUS_CONTINUED_AS_NEW {
		return "was continued"
	}
	return statusText(status)
}
