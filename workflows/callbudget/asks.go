package callbudget

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/callvault/callvault/workflows"
)

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
		ask.Patience <= 0 || ask.Patience > maxPatience || len(ask.Waiting) > MaxWants || len(ask.WaitingInLanes) > MaxWants || !areValid(ask.Wants) || !areCounts(ask.Held, len(ask.Wants)):
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

// MaxWants bounds the wants of an ask, and MaxHeld the calls of each that it counts.
const (
	MaxWants = 100
	MaxHeld  = 100
)

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

// areCounts reports whether held counts calls for so many wants, if it counts any.
func areCounts(held []int, wants int) bool {
	return len(held) == 0 || len(held) == wants && !slices.ContainsFunc(held, func(n int) bool { return n < 1 || n > MaxHeld })
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
	b.state.keepLanes(ask.Wants, now)
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
		b.state.countLanes(bot, ask.WaitingInLanes[bot])
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
