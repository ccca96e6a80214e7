package cli

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/dustin/go-humanize"

	"github.com/callvault/callvault/internal/dayrecord"
	"github.com/callvault/callvault/internal/oneline"
	"github.com/callvault/callvault/internal/shortlist"
	"github.com/callvault/callvault/workflows"
)

// maxNamedSessions bounds how many sessions a text names on which the lists disagree.
const maxNamedSessions = 10

// shownDaysText describes days for people.
func shownDaysText(shown []shownDay) string {
	var b strings.Builder
	for _, one := range shown {
		b.WriteString(shownDayText(one))
	}
	return b.String()
}

func shownDayText(s shownDay) string {
	var b strings.Builder
	fmt.Fprintf(&b, "day %s of %s: %s\n", s.Date, s.BotID, dayStateText(s))
	if s.Problem != "" {
		fmt.Fprintf(&b, "  %s\n", oneline.Of(s.Problem))
	}
	if p := s.Progress; p != nil && p.Phase != workflows.DaySealed {
		b.WriteString(dayProgressText(*p))
	}
	if s.Record != nil {
		b.WriteString(recordText(*s.Record))
		fmt.Fprintf(&b, "  record s3://%s/%s\n         sha256 %s\n", s.Object.Bucket, s.Object.Key, s.SHA256)
	}
	if s.LogIndex != nil {
		fmt.Fprintf(&b, "  entry %s of the log, counted from 0\n", humanize.Comma(*s.LogIndex))
	}
	return b.String()
}

func dayStateText(s shownDay) string {
	switch {
	case s.Sealed:
		return fmt.Sprintf("sealed, revision %d of %s", s.Record.Revision, minute(s.Record.SealedAt))
	case s.Record != nil && s.Progress == nil:
		return fmt.Sprintf("not sealed: %s: to go on: %s", notLoggedText(s.Record.Revision), backfillCommand(s.BotID, s.Date, s.Date))
	case s.Record != nil:
		return "not sealed yet: " + notLoggedText(s.Record.Revision)
	case s.Progress != nil:
		return "not sealed yet"
	case s.Problem != "":
		return "not sealed"
	}
	return "not sealed, and no workflow archives it: to start one: " + backfillCommand(s.BotID, s.Date, s.Date)
}

func notLoggedText(revision int) string {
	return fmt.Sprintf("revision %d is written, and not in the log", revision)
}

// dayProgressText says what the workflow of a day does.
func dayProgressText(p workflows.DayProgress) string {
	var b strings.Builder
	fmt.Fprintf(&b, "  now %s", oneline.Of(string(p.Phase)))
	if !p.Since.IsZero() {
		fmt.Fprintf(&b, " since %s", minute(p.Since))
	}
	if p.Reason != "" {
		fmt.Fprintf(&b, ": %s", oneline.Of(p.Reason))
	}
	if !p.NextListing.IsZero() {
		fmt.Fprintf(&b, "; the lists are read again at %s", minute(p.NextListing))
	}
	fmt.Fprintf(&b, "\n  %s sessions known after %s listings", count(p.Sessions), count(p.Listings))
	if p.Open > 0 {
		fmt.Fprintf(&b, ", %s of them in a call", count(p.Open))
	}
	fmt.Fprintln(&b)
	if p.BatchID != "" {
		fmt.Fprintf(&b, "  to see its fetches: %s\n", exampleBatch("status "+p.BatchID))
	}
	for _, remark := range p.Remarks {
		fmt.Fprintf(&b, "  %s\n", oneline.Of(remark))
	}
	return b.String()
}

// recordText says what a record says.
func recordText(r dayrecord.Record) string {
	var b strings.Builder
	fmt.Fprintf(&b, "  %s sessions: %s\n", count(r.Counts.Sessions), outcomesText(r.Counts.Outcomes))
	fmt.Fprintf(&b, "  %s files, %s\n", count(r.Counts.Files), humanize.Bytes(uint64(max(0, r.Counts.Bytes))))
	b.WriteString(disagreementText(r))
	for _, listing := range r.Listings {
		fmt.Fprintf(&b, "  listed %s by %s: ", minute(listing.At), oneline.Of(listing.List))
		if listing.Unavailable != "" {
			fmt.Fprintf(&b, "unavailable: %s\n", oneline.Of(listing.Unavailable))
			continue
		}
		fmt.Fprintf(&b, "%s sessions in %s calls\n", count(listing.Sessions), count(listing.Calls))
		for _, fault := range listing.Incomplete {
			fmt.Fprintf(&b, "    incomplete: %s\n", oneline.Of(fault))
		}
	}
	return b.String()
}

// disagreementText says which sessions not both lists had.
func disagreementText(r dayrecord.Record) string {
	unread := dayrecord.UnreadLists(r.Listings)
	if len(unread) == 0 && r.Counts.Disagreeing() == 0 {
		return "  the lists agree\n"
	}
	var ids dayrecord.Disagreement
	if r.Disagreement != nil {
		ids = *r.Disagreement
	}
	var b strings.Builder
	if len(unread) > 0 {
		fmt.Fprintf(&b, "  the lists cannot be compared: %s could not be read\n", strings.Join(unread, ", "))
	}
	if r.Counts.Disagreeing() > 0 {
		fmt.Fprintf(&b, "  the lists disagree on %s sessions\n", count(r.Counts.Disagreeing()))
	}
	for _, part := range []struct {
		name   string
		number int
		ids    []string
	}{
		{"only in getSessions", r.Counts.OnlyGetSessions, ids.OnlyGetSessions},
		{"only in interactionDetails", r.Counts.OnlyInteractionDetails, ids.OnlyInteractionDetails},
		{"in neither", r.Counts.Unlisted, ids.Unlisted},
	} {
		if part.number > 0 {
			fmt.Fprintf(&b, "    %s: %s: %s\n", part.name, count(part.number), oneline.Of(shortlist.Of(part.ids, maxNamedSessions)))
		}
	}
	return b.String()
}

// outcomesText names each outcome and its number: archived first, then by name.
func outcomesText(outcomes map[workflows.Outcome]int) string {
	var parts []string
	for _, outcome := range slices.Sorted(maps.Keys(outcomes)) {
		if outcomes[outcome] > 0 {
			parts = append(parts, fmt.Sprintf("%s %s", oneline.Of(string(outcome)), count(outcomes[outcome])))
		}
	}
	if len(parts) == 0 {
		return "none"
	}
	return strings.Join(parts, ", ")
}
