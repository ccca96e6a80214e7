package callbudget

import (
	"fmt"
	"strings"
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/callvault/callvault/internal/markdown"
	"github.com/callvault/callvault/workflows"
)

// status is what people see of the budget.
func (b *budget) status(now time.Time) workflows.BudgetStatus {
	s := &b.state
	status := workflows.BudgetStatus{
		Budget:       s.Name,
		State:        workflows.BudgetOpen,
		AsOf:         now.UTC(),
		LimitsReason: s.SetReason,
		Waiting:      b.waiting(),
		Slots:        s.Handed - s.GivenBack,
		Refusals:     s.Refusals,
		LastSlotAt:   s.Slots.last(),
		Changes:      s.Changes,
	}
	blocked := s.blocked()
	switch {
	case s.Paused != nil:
		status.State, status.Reason, status.Since = workflows.BudgetPaused, s.Paused.Reason, s.Paused.Since
	case s.Account != nil && s.Account.isSure():
		status.State, status.Since, status.Until = workflows.BudgetBlocked, s.Account.Since, s.Account.ProbeAt.UTC()
		status.Reason = s.Account.Reason + " (all bots of the account)"
	case len(blocked) > 0:
		first := s.Blocks[blocked[0]]
		status.State, status.Since, status.Until = workflows.BudgetBlocked, first.Since, first.ProbeAt.UTC()
		status.Reason = fmt.Sprintf("%s (%d of the budget's bots)", first.Reason, len(blocked))
	case now.Before(s.StoppedUntil):
		status.State, status.Reason, status.Until = workflows.BudgetStopped, "the vendor refused a call by rate", s.StoppedUntil.UTC()
	}
	for _, w := range s.Windows {
		shown := workflows.BudgetWindow{
			Limit: workflows.CallWindow{Calls: w.Calls, Span: w.Span},
			Used:  s.Slots.within(w.Span, now),
		}
		if w.Learned > 0 {
			shown.Learned, shown.ProbeAt = w.Learned, w.ProbeAt.UTC()
		}
		status.Windows = append(status.Windows, shown)
	}
	return status
}

// waiting counts what waits in all task queues, by priority.
func (b *budget) waiting() map[int]int {
	total := make(map[int]int)
	for _, bot := range workflow.DeterministicKeys(b.state.Waiting) {
		for priority := 1; priority <= Priority(LastLevel); priority++ {
			if n := b.state.Waiting[bot][priority]; n > 0 {
				total[priority] += n
			}
		}
	}
	return total
}

// details describes the budget in the Temporal Web UI's Markdown.
func (b *budget) details(now time.Time) string {
	status := b.status(now)
	var text strings.Builder
	fmt.Fprintf(&text, "### %s\n\n", headline(status))
	for _, w := range status.Windows {
		fmt.Fprintf(&text, "- %s\n", windowText(w))
	}
	if status.LimitsReason != "" {
		fmt.Fprintf(&text, "- These limits were set while running: %s\n", markdown.Escape(status.LimitsReason))
	}
	fmt.Fprintf(&text, "- Waiting for a slot: %s\n", waitingText(status.Waiting))
	fmt.Fprintf(&text, "- Slots handed out: %d%s, calls refused by rate: %d\n", status.Slots, lastText(status.LastSlotAt), status.Refusals)
	fmt.Fprintf(&text, "- As of %s\n", status.AsOf.Format(time.RFC3339))
	for _, change := range status.Changes {
		fmt.Fprintf(&text, "- %s %s\n", change.At.Format(time.RFC3339), markdown.Escape(change.Text))
	}
	return text.String()
}

func headline(status workflows.BudgetStatus) string {
	var line string
	switch status.State {
	case workflows.BudgetPaused:
		line = "Paused: " + status.Reason
	case workflows.BudgetBlocked:
		line = fmt.Sprintf("Blocked: needs operator action: %s; next call at %s", status.Reason, status.Until.Format(time.RFC3339))
	case workflows.BudgetStopped:
		line = fmt.Sprintf("Stopped until %s: %s", status.Until.Format(time.RFC3339), status.Reason)
	default:
		line = "Handing out call slots"
	}
	return markdown.Escape(line)
}

func windowText(w workflows.BudgetWindow) string {
	text := fmt.Sprintf("%d of %d calls used in the last %s", w.Used, w.Limit.Calls, w.Limit.SpanText())
	if w.Limit.Calls == 0 {
		text = fmt.Sprintf("%d calls used in the last %s; no limit is configured", w.Used, w.Limit.SpanText())
	}
	if w.Learned > 0 {
		text += fmt.Sprintf("; the vendor's true limit, or what others leave of it, seems to be %d; one more is tried at %s",
			w.Learned, w.ProbeAt.Format(time.RFC3339))
	}
	return text
}

func waitingText(waiting map[int]int) string {
	var parts []string
	for priority := 1; priority <= Priority(LastLevel); priority++ {
		if n := waiting[priority]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d of priority %d", n, priority))
		}
	}
	if len(parts) == 0 {
		return "none"
	}
	return strings.Join(parts, ", ")
}

// lastText says when the last slot is or was to be used.
func lastText(at time.Time) string {
	if at.IsZero() {
		return ""
	}
	return ", the last one for " + at.UTC().Format(time.RFC3339)
}

func windowsText(windows []workflows.CallWindow) string {
	var parts []string
	for _, w := range windows {
		parts = append(parts, w.String())
	}
	return strings.Join(parts, ", ")
}
