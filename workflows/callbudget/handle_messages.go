package callbudget

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/callvault/callvault/workflows"
)

// handleMessages registers the query and the updates.
func (b *budget) handleMessages(ctx workflow.Context) error {
	return errors.Join(
		workflow.SetQueryHandlerWithOptions(ctx, workflows.QueryBudget, func() (workflows.BudgetStatus, error) {
			return b.status(workflow.Now(ctx)), nil
		}, workflow.QueryHandlerOptions{Description: "The windows, what is used and waits, what was learned, and whether calls are paused or blocked."}),
		workflow.SetUpdateHandlerWithOptions(ctx, UpdateTakeSlot, b.takeSlot, workflow.UpdateHandlerOptions{
			Validator:   b.validateAsk,
			Description: "Used by workers: waits for the next call slot.",
		}),
		workflow.SetUpdateHandlerWithOptions(ctx, workflows.UpdatePause, b.pause, workflow.UpdateHandlerOptions{
			Validator:   func(_ workflow.Context, change workflows.BudgetChange) error { return change.Validate() },
			Description: `Stops all calls: {"reason": "…"}.`,
		}),
		workflow.SetUpdateHandlerWithOptions(ctx, workflows.UpdateResume, b.resume, workflow.UpdateHandlerOptions{
			Validator:   func(_ workflow.Context, change workflows.BudgetChange) error { return change.Validate() },
			Description: `Lets calls go on, and tries blocked bots at once: {"reason": "…"}.`,
		}),
		workflow.SetUpdateHandlerWithOptions(ctx, workflows.UpdateSetLimits, b.setLimits, workflow.UpdateHandlerOptions{
			Validator:   func(_ workflow.Context, change workflows.LimitsChange) error { return change.Validate() },
			Description: `Replaces the limits: {"windows": ["60/1m", "1800/1h"], "reason": "…"}; without windows the configured ones hold again.`,
		}),
	)
}

// validateAsk rejects an ask, at no cost, if too many wait that are not worse.
func (b *budget) validateAsk(ctx workflow.Context, ask Ask) error {
	return b.admit(ask, workflow.Now(ctx))
}

func (b *budget) admit(ask Ask, now time.Time) error {
	var rivals []*pending
	for _, other := range b.asks {
		if other.Worker != ask.Worker && now.Before(other.until) {
			rivals = append(rivals, other)
		}
	}
	switch {
	case len(ask.Wants) == 0 && ask.Took.IsZero() || len(ask.Wants) > MaxWants || ask.Worker == "" || len(ask.Worker) > maxNameBytes ||
		ask.Patience <= 0 || ask.Patience > maxPatience || len(ask.Waiting) > MaxWants || !areValid(ask.Wants):
		return errors.New("an ask needs a worker, up to 100 wants with levels from 1 to 10, none only if it takes a slot, and how long it waits, at most 10 minutes")
	case !ask.Took.IsZero():
		if !b.state.isOffered(ask.Worker, ask.Took) {
			return temporal.NewApplicationError("the slot was taken too late: it was given back", ErrorTypeGivenBack)
		}
	case b.closing:
		return temporal.NewApplicationError("the budget continues as new: ask again", ErrorTypeBusy)
	case len(rivals) >= maxPending && worst(rivals, ask.best()) == nil:
		return temporal.NewApplicationError(fmt.Sprintf("%d workers wait for a slot already: ask again later", len(rivals)), ErrorTypeBusy)
	}
	return nil
}

// MaxWants bounds the wants of an ask.
const MaxWants = 100

// Other bounds of messages.
const (
	maxNameBytes   = 128
	maxPatience    = 10 * time.Minute
	maxReasonBytes = 500
)

func areValid(wants []Want) bool {
	return !slices.ContainsFunc(wants, func(w Want) bool {
		return w.Level < FrontLevel || w.Level > LastLevel || len(w.BotID) > maxNameBytes || len(w.Batch) > maxNameBytes
	})
}

// takeSlot waits for a slot.
func (b *budget) takeSlot(ctx workflow.Context, ask Ask) (Answer, error) {
	waiting := b.enter(ask, workflow.Now(ctx))
	if err := workflow.Await(ctx, func() bool { return waiting.answer != nil }); err != nil {
		return Answer{}, err
	}
	return *waiting.answer, nil
}

// enter lets an ask wait, in the place of its worker's last one, of those that have
// waited for long enough, or of a worse one.
func (b *budget) enter(ask Ask, now time.Time) *pending {
	b.arrivals++
	b.state.take(ask.Worker, ask.Took)
	overtaken := false
	for _, other := range b.asks {
		if other.Worker == ask.Worker && other.Number > ask.Number {
			overtaken = true
		} else if other.Worker == ask.Worker || !now.Before(other.until) {
			other.answer = &Answer{}
		}
	}
	b.dropAnswered()
	if len(b.asks) >= maxPending && len(ask.Wants) > 0 && !overtaken {
		if given := worst(b.asks, ask.best()); given != nil {
			given.answer = &Answer{}
			b.dropAnswered()
		}
	}
	b.adopt(ask, now)
	waiting := &pending{Ask: ask, number: b.arrivals, until: now.Add(ask.Patience)}
	if overtaken || len(ask.Wants) == 0 || b.closing || len(b.asks) >= maxPending { // It only takes a slot.
		waiting.answer = &Answer{VoidThrough: b.state.VoidThrough}
		return waiting
	}
	if b.state.VoidThrough.After(now) && ask.VoidKnown.Before(b.state.VoidThrough) {
		// It may hold slots that were withdrawn when it did not wait for an answer.
		waiting.answer = &Answer{VoidThrough: b.state.VoidThrough}
		return waiting
	}
	b.asks = append(b.asks, waiting)
	b.changed = true
	return waiting
}

// adopt takes over what else an ask tells.
func (b *budget) adopt(ask Ask, now time.Time) {
	for _, bot := range workflow.DeterministicKeys(ask.Waiting) {
		if b.state.Waiting == nil {
			b.state.Waiting = make(map[string]map[int]int)
		}
		b.state.Waiting[bot] = ask.Waiting[bot]
	}
	startedAt := ask.ConfiguredAt
	if startedAt.After(now) { // Its clock is ahead.
		startedAt = now.UTC()
	}
	if !startedAt.After(b.state.ConfiguredAt) {
		return
	}
	b.state.ConfiguredAt = startedAt
	if slices.Equal(ask.Configured, b.state.Configured) || workflows.ValidateCallWindows(ask.Configured) != nil {
		return
	}
	b.state.Configured = ask.Configured
	if len(b.state.Set) > 0 {
		return
	}
	b.state.configure(ask.Configured)
	b.state.catchUpFrom(now)
	b.state.note(now, "a worker started with other limits: %s", windowsText(ask.Configured))
}

// takeReports takes over the calls that workers report.
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
	case Late:
		b.state.late(report.LateBy)
		b.state.giveBack(report.Slot.At)
		b.state.probeUnused(report.BotID, report.Slot, now)
	case Unused:
		b.state.giveBack(report.Slot.At)
		b.state.probeUnused(report.BotID, report.Slot, now)
	case Unknown:
		b.state.probeUnknown(report.BotID, report.Slot, now)
	}
	b.changed = true
}

func (b *budget) pause(ctx workflow.Context, change workflows.BudgetChange) (workflows.BudgetStatus, error) {
	now := workflow.Now(ctx)
	if b.state.Paused == nil {
		b.state.Paused = &pause{Since: now.UTC()}
	}
	b.state.Paused.Reason = change.Reason
	b.state.note(now, "paused: %s", change.Reason)
	b.withdraw(now)
	b.changed = true
	return b.status(now), nil
}

// resume also ends a stop and tries the bots that are blocked, since whoever sends it
// has usually fixed something.
func (b *budget) resume(ctx workflow.Context, change workflows.BudgetChange) (workflows.BudgetStatus, error) {
	now := workflow.Now(ctx)
	b.state.Paused = nil
	b.state.StoppedUntil = time.Time{}
	b.state.probeAll(now)
	b.state.note(now, "resumed: %s", change.Reason)
	b.changed = true
	return b.status(now), nil
}

// setLimits forgets what was learned: whoever sets limits knows better.
func (b *budget) setLimits(ctx workflow.Context, change workflows.LimitsChange) (workflows.BudgetStatus, error) {
	now := workflow.Now(ctx)
	b.state.Set, b.state.SetReason = change.Windows, change.Reason
	inForce := change.Windows
	if len(inForce) == 0 {
		inForce, b.state.SetReason = b.state.Configured, ""
	}
	b.state.Windows = nil
	b.state.configure(inForce)
	b.state.StoppedUntil = time.Time{}
	b.state.catchUpFrom(now)
	b.state.note(now, "limits set to %s: %s", windowsText(inForce), change.Reason)
	b.changed = true
	return b.status(now), nil
}
