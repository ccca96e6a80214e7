package callbudget

import (
	"fmt"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/callvault/callvault/workflows"
)

// Input is the input of [Workflow]: what the worker that starts it knows or, in a
// further run, the state of the run before.
type Input struct {
	Name         string                 `json:"name"`
	Configured   []workflows.CallWindow `json:"configured"`
	ConfiguredAt time.Time              `json:"configuredAt"`
	Rules        int                    `json:"rules,omitempty"`
	Resume       *State                 `json:"resume,omitempty"`
}

const (
	// maxAsks is how many asks a run takes before it continues as new. When its worker
	// is killed another one reads the history again, and nothing is handed out meanwhile.
	// (A Temporal server takes 2,000 updates of one run by default.)
	maxAsks = 250

	// maxHistoryEvents is when a run continues as new if the server has not
	// suggested it before.
	maxHistoryEvents = 8_000
)

// Workflow is registered as [workflows.CallBudgetWorkflowName]. It hands out slots
// until it is cancelled or terminated; whoever needs a slot then starts it again, but
// what it knew of its windows is lost.
func Workflow(ctx workflow.Context, input Input) error {
	b, err := newBudget(ctx, input)
	if err != nil {
		return err
	}
	for !b.isDone(ctx) {
		if err := b.awaitChange(ctx); err != nil {
			return err
		}
		b.serve(ctx)
	}
	b.closing = true
	b.answerAll(Answer{})
	if err := workflow.Await(ctx, func() bool { return workflow.AllHandlersFinished(ctx) }); err != nil {
		return err
	}
	b.takeReports(ctx)
	b.takeLeaves(workflow.Now(ctx))
	b.state.Rules = CurrentRules
	return workflow.NewContinueAsNewError(ctx, workflows.CallBudgetWorkflowName, Input{Name: b.state.Name, Resume: &b.state})
}

// budget is one running budget.
type budget struct {
	state State

	// asks wait for their answers; arrivals counts all asks of this run.
	asks     []*pending
	arrivals int

	reports workflow.ReceiveChannel
	leaves  workflow.ReceiveChannel
	changed bool // something happened that serve has not seen
	closing bool // this run ends
	shown   bool // the search attribute says that the budget is blocked

	// wakeAt is when the running timer fires; zero if there is none.
	wakeAt time.Time
	cancel workflow.CancelFunc
}

func newBudget(ctx workflow.Context, input Input) (*budget, error) {
	now := workflow.Now(ctx)
	b := &budget{
		reports: workflow.GetSignalChannel(ctx, SignalReportCall),
		leaves:  workflow.GetSignalChannel(ctx, SignalLeave),
	}
	if input.Resume != nil {
		b.state = *input.Resume
		b.shown = b.state.isBlocked()
	} else {
		if err := workflows.ValidateCallWindows(input.Configured); err != nil || input.Name == "" {
			return nil, temporal.NewNonRetryableApplicationError("a call budget needs a name and call windows; workers start it, nobody else has to", workflows.ErrorTypeInvalidInput, err)
		}
		b.state = newState(input.Name, input.Configured, input.ConfiguredAt, now)
		b.state.Rules = input.Rules // Those that the worker knows that has started it.
	}
	if b.state.Rules > CurrentRules {
		// The task fails, and is tried again until a worker takes it that knows them.
		panic(fmt.Sprintf("the budget decides by rules %d, and this worker knows those up to %d: upgrade it", b.state.Rules, CurrentRules))
	}
	return b, b.handleMessages(ctx)
}

// isDone reports whether the run has to end, to continue as new.
func (b *budget) isDone(ctx workflow.Context) bool {
	info := workflow.GetInfo(ctx)
	return b.arrivals >= maxAsks || info.GetContinueAsNewSuggested() || info.GetCurrentHistoryLength() > maxHistoryEvents
}

// awaitChange waits for a message, or for the time at which an ask has to be served.
func (b *budget) awaitChange(ctx workflow.Context) error {
	err := workflow.Await(ctx, func() bool { return b.changed || b.reports.Len() > 0 || b.leaves.Len() > 0 })
	b.changed = false
	b.takeReports(ctx)
	b.takeLeaves(workflow.Now(ctx))
	return err
}

// serve answers the asks whose slots are due and sees to it that the others are
// served in time.
func (b *budget) serve(ctx workflow.Context) {
	now := workflow.Now(ctx)
	b.state.forgetOld(now)
	b.state.endOffers(now)
	if due := b.answerDue(now); !due.IsZero() {
		b.setTimer(ctx, now, b.wakeFor(now, due))
	}
	workflow.SetCurrentDetails(ctx, b.details(now))
	b.showBlocked(ctx)
}

// answerDue answers the asks whose slots are due, and returns when the next slot is
// for those that go on waiting; zero if they do not wait for a slot.
func (b *budget) answerDue(now time.Time) (due time.Time) {
	defer b.dropAnswered()
	for !b.closing {
		candidates := b.state.candidates(b.asks, now)
		chosen, at := b.state.choose(candidates, now)
		if chosen == nil {
			return at
		}
		notice := b.state.notice(now)
		slot, retracted := b.state.retract(*chosen, now.Add(notice))
		if !retracted {
			if at.After(now.Add(b.state.ahead())) {
				return at
			}
			slot = b.state.handOut(latest(at, now.Add(notice)))
		}
		b.answer(chosen, slot, now, notice)
	}
	return time.Time{}
}

// answer answers a candidate's ask with a slot.
func (b *budget) answer(chosen *candidate, slot Slot, now time.Time, notice time.Duration) {
	slot.Suspect = chosen.want.Suspect
	if _, blocked := b.state.probeDue(chosen.want); blocked {
		slot.Probe, slot.ForAccount = true, b.state.Account != nil
		b.state.Probing = slot.At
	}
	b.state.served(chosen.want)
	b.state.countDown(chosen.want)
	if b.state.isFast() {
		b.state.decayNotice()
	}
	if chosen.ask.Takes {
		b.state.offer(chosen.ask.Worker, chosen.want, slot, notice)
	}
	more := b.more(chosen, slot, now)
	in := slot.At.Sub(now)
	last := in
	if b.state.isFast() && len(more) > 0 {
		// The next slots are handed out once these are nearly used, so that the next ask
		// needs no timer: a Temporal server's may be a second late.
		last = more[len(more)-1].Slot.At.Sub(now)
	}
	chosen.ask.answer = &Answer{Slot: &slot, Want: chosen.want, In: in, TakeIn: max(0, last-notice), More: more, VoidThrough: b.state.VoidThrough}
}

// wakeFor returns when to look after the asks if their next slot is due at a time: as
// late as the call allows, because the next ask usually does it before. If the slot is
// far away, an offer that nobody takes may make room for it.
func (b *budget) wakeFor(now, due time.Time) time.Time {
	wake := due.Add(-b.state.notice(now))
	for _, o := range b.state.Offers {
		if late := o.Until.Add(offerWake); late.Before(wake) {
			wake = late
		}
	}
	return wake
}

// setTimer sets a timer that looks after the asks, unless an earlier one runs.
func (b *budget) setTimer(ctx workflow.Context, now, wake time.Time) {
	if !b.wakeAt.IsZero() && !wake.Before(b.wakeAt) {
		return
	}
	if b.cancel != nil {
		b.cancel()
	}
	timing, cancel := workflow.WithCancel(ctx)
	b.wakeAt, b.cancel = wake, cancel
	timer := workflow.NewTimerWithOptions(timing, max(wake.Sub(now), time.Millisecond), workflow.TimerOptions{Summary: "next call slot"})
	workflow.Go(ctx, func(ctx workflow.Context) {
		if timer.Get(ctx, nil) == nil && b.wakeAt.Equal(wake) {
			b.wakeAt, b.cancel, b.changed = time.Time{}, nil, true
		}
	})
}

// answerAll answers every ask that waits.
func (b *budget) answerAll(answer Answer) {
	for _, ask := range b.asks {
		if ask.answer == nil {
			ask.answer = &answer
		}
	}
	b.dropAnswered()
}

// dropAnswered forgets the asks that do not wait any more. Their handlers return
// the answers.
func (b *budget) dropAnswered() {
	waiting := b.asks[:0:0]
	for _, ask := range b.asks {
		if ask.answer == nil {
			waiting = append(waiting, ask)
		}
	}
	b.asks = waiting
}

// withdraw takes back the slots that were handed out and not used yet, as far as the
// workers can be reached: those that wait for an answer.
func (b *budget) withdraw(now time.Time) {
	b.state.retractIf(now, func(offer) bool { return true })
	b.state.VoidThrough = latest(b.state.VoidThrough, b.state.Slots.last())
	for _, at := range b.state.Slots[b.state.Slots.after(now.UnixMilli()):] {
		b.state.unused(time.UnixMilli(at))
	}
	b.answerAll(Answer{VoidThrough: b.state.VoidThrough})
}

// showBlocked makes a blocked budget be found like a blocked fetch.
func (b *budget) showBlocked(ctx workflow.Context) {
	blocked := b.state.isBlocked()
	if blocked == b.shown {
		return
	}
	b.shown = blocked
	update := workflows.SearchAttributePhase.ValueUnset()
	if blocked {
		update = workflows.SearchAttributePhase.ValueSet(string(workflows.PhaseBlocked))
	}
	_ = workflow.UpsertTypedSearchAttributes(ctx, update) // It fails only without attributes.
}
