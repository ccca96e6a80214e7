package slots

import (
	"cmp"
	"context"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/callvault/callvault/workflows/callbudget"
)

// The requests of a process for slots of one budget.

const (
	// patience is how long one request waits in the budget's workflow.
	patience = time.Minute

	// maxRequests bounds the requests under way: one, and more only while more urgent
	// calls come.
	maxRequests = 10

	// firstPause and lastPause bound the backoff after a request that failed, without
	// jitter of the same length. One that failed because others came first is soon
	// repeated.
	firstPause = 100 * time.Millisecond
	lastPause  = 15 * time.Second
	busyPause  = time.Second
)

// run asks for slots as long as calls wait. A request is repeated before it is answered
// if a more urgent call comes: the budget's workflow then forgets the first one, and
// answers it without a slot.
func (b *budget) run() {
	pause, underWay := firstPause, 0
	answered := make(chan reply, maxRequests)
	for {
		b.load.awaitRoom()
		wants, better := b.wants()
		if len(wants) == 0 && underWay == 0 {
			if b.end() {
				return
			}
			continue
		}
		if len(wants) > 0 && underWay < maxRequests {
			underWay++
			go func() { answered <- b.ask(wants) }()
		}
		for again := false; !again; {
			select {
			case <-better:
				again = true
			case got := <-answered:
				underWay--
				// After a slot it is time for the next, also if another request waits.
				again = got.slot || underWay == 0
				if got.err == nil {
					pause = firstPause
				} else if again {
					pause = b.backOff(got.err, pause, better)
				}
			}
		}
	}
}

// reply is how a request ended: with a slot, and then not before it is time for the next
// request, without one, or with an error.
type reply struct {
	slot bool
	err  error
}

// backOff waits after a request that failed, and returns the next wait.
func (b *budget) backOff(err error, pause time.Duration, better <-chan struct{}) time.Duration {
	longest := lastPause
	if isBusy(err) {
		longest = busyPause
	} else {
		b.client.options.Logger.Warn("no call slot could be asked for; it is tried again", "budget", b.name, "error", err)
	}
	pause = min(pause, longest)
	select {
	case <-better:
	case <-time.After(pause + rand.N(pause)): //nolint:gosec // jitter needs no secrecy
	}
	return 2 * pause
}

// end ends the goroutine of run, unless calls wait again.
func (b *budget) end() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.running = len(b.waiters) > 0
	return !b.running
}

// wants returns what waits, most urgent first, and a channel that is closed if
// something more urgent comes.
func (b *budget) wants() ([]callbudget.Want, <-chan struct{}) {
	b.mu.Lock()
	defer b.mu.Unlock()
	var wants []callbudget.Want
	for _, w := range b.waiters {
		if !slices.Contains(wants, w.want) {
			wants = append(wants, w.want)
		}
	}
	slices.SortStableFunc(wants, compareWants)
	wants = inTurns(wants)
	b.asked = callbudget.LastLevel + 1
	for _, want := range wants {
		b.asked = min(b.asked, want.Level)
	}
	return wants, b.better
}

// compareWants puts the most urgent first, and last what was refused before.
func compareWants(a, b callbudget.Want) int {
	suspect := func(w callbudget.Want) int {
		if w.Suspect {
			return 1
		}
		return 0
	}
	return cmp.Or(cmp.Compare(suspect(a), suspect(b)), cmp.Compare(a.Level, b.Level))
}

// inTurns cuts sorted wants to callbudget.MaxWants, so that every bot keeps its first: many wants of
// blocked bots must not hide those of others.
func inTurns(wants []callbudget.Want) []callbudget.Want {
	if len(wants) <= callbudget.MaxWants {
		return wants
	}
	seen := make(map[string]bool)
	var first, rest []callbudget.Want
	for _, want := range wants {
		if seen[want.BotID] {
			rest = append(rest, want)
		} else {
			seen[want.BotID] = true
			first = append(first, want)
		}
	}
	return append(first, rest...)[:callbudget.MaxWants]
}

// ask sends one request, gives the slot to the call that it is for, and waits until it
// is time for the next request.
func (b *budget) ask(wants []callbudget.Want) reply {
	// Longer than the workflow waits, so that no answer is missed.
	ctx, cancel := context.WithTimeout(context.Background(), patience+margin)
	defer cancel()
	answer, err := b.client.takeSlot(ctx, b, callbudget.Ask{
		Worker:       b.client.worker,
		Wants:        wants,
		Patience:     patience,
		Configured:   b.served.Budget.Windows,
		ConfiguredAt: b.client.started,
		VoidKnown:    b.voidThrough(),
		Waiting:      b.waiting(),
	})
	switch {
	case ctx.Err() != nil:
		return reply{} // There was no slot.
	case err != nil:
		return reply{err: err}
	}
	b.takeVoid(answer.VoidThrough)
	if answer.Slot == nil {
		return reply{}
	}
	b.give(answer.Want, grant{answer.Slot, time.Now().Add(answer.In)})
	time.Sleep(answer.AskIn)
	return reply{slot: true}
}
