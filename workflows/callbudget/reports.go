package callbudget

import (
	"strings"
	"time"

	"go.temporal.io/sdk/workflow"
)

// takeReports records the calls that workers report.
func (b *budget) takeReports(ctx workflow.Context) {
	var report CallReport
	for b.reports.ReceiveAsync(&report) {
		b.takeReport(report, workflow.Now(ctx))
		report = CallReport{}
	}
}

// takeLeaves forgets the asks of workers that stop.
func (b *budget) takeLeaves(now time.Time) {
	var leave Leave
	for b.leaves.ReceiveAsync(&leave) {
		for _, ask := range b.asks {
			if ask.Worker == leave.Worker {
				ask.answer = &Answer{}
			}
		}
		b.state.retractIf(now, func(o offer) bool { return o.Worker == leave.Worker })
	}
	b.dropAnswered()
}

func (b *budget) takeReport(report CallReport, now time.Time) {
	if len(report.Reason) > maxReasonBytes {
		report.Reason = strings.ToValidUTF8(report.Reason[:maxReasonBytes], "")
	}
	switch report.Result {
	case Refused:
		b.state.refused(report.Slot, report.Span, report.RetryAfter, now)
		b.withdraw(now)
		if report.Slot.Probe {
			b.state.answered(report, now)
		}
	case Blocked:
		news := !report.Elsewhere && b.state.blockBot(report, now)
		if b.state.blockAccount(report, now) || news {
			b.withdraw(now)
		}
	case Answered:
		b.state.answered(report, now)
	case Late, Unused:
		if report.Result == Late {
			b.state.late(report.LateBy)
		}
		b.state.giveBack(report.Slot.At)
		b.state.probeUnused(report.BotID, report.Slot, now)
	case Unknown:
		b.state.probeUnknown(report.BotID, report.Slot, now)
	}
	b.changed = true
}
