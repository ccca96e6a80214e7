package cli

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/callvault/callvault/internal/oneline"
	"github.com/callvault/callvault/workflows"
)

// budgetsText describes budgets for people, with an empty line between two of them.
func budgetsText(statuses []workflows.BudgetStatus) string {
	var texts []string
	for _, status := range statuses {
		texts = append(texts, budgetText(status))
	}
	return strings.Join(texts, "\n")
}

func budgetText(status workflows.BudgetStatus) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s\n", status.Budget, stateText(status))
	writeWindows(&b, status.Windows)
	if status.LimitsReason != "" {
		fmt.Fprintf(&b, "  these limits were set while running: %s\n", oneline.Of(status.LimitsReason))
	}
	fmt.Fprintf(&b, "  waiting: %s\n", waitingText(status.Waiting))
	fmt.Fprintf(&b, "  slots handed out: %d", status.Slots)
	if !status.LastSlotAt.IsZero() {
		fmt.Fprintf(&b, ", the last for %s", utc(status.LastSlotAt))
	}
	fmt.Fprintf(&b, "; calls refused by rate: %d\n", status.Refusals)
	fmt.Fprintf(&b, "  as of %s, the last slot or change: calls that have left a window since then still count as used\n", utc(status.AsOf))
	if len(status.Changes) > 0 {
		fmt.Fprintln(&b, "  last changes, newest first:")
	}
	for _, change := range status.Changes {
		fmt.Fprintf(&b, "    %s  %s\n", utc(change.At), oneline.Of(change.Text))
	}
	return b.String()
}

// stateText says whether slots are handed out and, if not, why and until when.
func stateText(status workflows.BudgetStatus) string {
	text := oneline.Of(string(status.State))
	if !status.Since.IsZero() {
		text += " since " + utc(status.Since)
	}
	if !status.Until.IsZero() && status.State != workflows.BudgetBlocked {
		text += " until " + utc(status.Until)
	}
	if status.Reason != "" {
		text += ": " + oneline.Of(status.Reason)
	}
	if !status.Until.IsZero() && status.State == workflows.BudgetBlocked {
		text += "; one call tries again at " + utc(status.Until)
	}
	return text
}

// writeWindows writes a table.
func writeWindows(b *strings.Builder, windows []workflows.BudgetWindow) {
	table := tabwriter.NewWriter(b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "  window\tused\tlimit\tlearned")
	for _, w := range windows {
		_, span, _ := strings.Cut(w.Limit.String(), "/")
		fmt.Fprintf(table, "  %s\t%d\t%s\t%s\n", span, w.Used, limitText(w), learnedText(w))
	}
	_ = table.Flush() // It writes to memory.
}

func limitText(w workflows.BudgetWindow) string {
	if w.Limit.Calls == 0 {
		return "none"
	}
	return strconv.Itoa(w.Limit.Calls)
}

func learnedText(w workflows.BudgetWindow) string {
	switch {
	case w.Learned == 0:
		return "-"
	case w.ProbeAt.IsZero():
		return strconv.Itoa(w.Learned)
	default:
		return fmt.Sprintf("%d, one more is tried at %s", w.Learned, utc(w.ProbeAt))
	}
}

// waitingText says how many fetches wait for a slot. Workers report that only now and
// then, so it may be older than the other numbers.
func waitingText(waiting map[int]int) string {
	var parts []string
	for _, priority := range slices.Sorted(maps.Keys(waiting)) {
		if n := waiting[priority]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d of priority %d", n, priority))
		}
	}
	if len(parts) == 0 {
		parts = []string{"none"}
	}
	return strings.Join(parts, ", ") + " (may be some minutes old)"
}

func utc(t time.Time) string { return t.UTC().Format(time.RFC3339) }
