package slots

import (
	"cmp"
	"context"
	"math/rand/v2"
	"slices"
	"time"

	"go.temporal.io/sdk/client"

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

	// takePause is the wait before a slot is tried to be taken again, and takeNotice how
	// long before the slot's time that is given up.
	takePause  = 30 * time.Millisecond
	takeNotice = 100 * time.Millisecond
)

// run asks for slots as long as calls wait. It asks again before it is answered if a more
// urgent call comes: the budget's workflow then forgets the first request, and answers it
// without a slot.
func (b *budget) run() {
	pause, underWay := firstPause, 0
	ended := make(chan error, maxRequests)
	for {
		b.load.awaitRoom()
		next, better := b.next()
		if len(next.wants) == 0 && underWay == 0 {
			if b.end() {
				return
			}
			continue
		}
		if len(next.wants) > 0 && underWay < maxRequests {
			underWay++
			go func() { ended <- b.ask(next) }()
		}
		for again := false; !again; {
			select {
			case <-better:
				again = true
			case err := <-ended:
				underWay--
				again = underWay == 0 // Otherwise another request waits.
				if err == nil {
					pause = firstPause
				} else if again {
					pause = b.backOff(err, pause, better)
				}
			}
		}
	}
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

// next returns what the next request asks for, most urgent first, its number, and a
// channel that is closed if something more urgent comes.
func (b *budget) next() (next wanted, better <-chan struct{}) {
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
	clear(b.asked)
	for _, want := range wants {
		if level, named := b.asked[want.BotID]; !named || want.Level < level {
			b.asked[want.BotID] = want.Level
		}
	}
	b.number++
	return wanted{wants, b.heldOf(wants), b.number}, b.better
}

// hasAskedSince reports whether another request goes on, so that this one need not.
func (b *budget) hasAskedSince(request wanted) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.number > request.number
}

// heldOf counts the calls that wait for each of some wants.
func (b *budget) heldOf(wants []callbudget.Want) []int {
	held := make([]int, len(wants))
	for _, w := range b.waiters {
		if i := slices.Index(wants, w.want); i >= 0 && held[i] < callbudget.MaxHeld {
			held[i]++
		}
	}
	return held
}

// wanted is what one request asks for.
type wanted struct {
	wants  []callbudget.Want
	held   []int
	number int
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

// ask sends a request, and the next one when that is answered with a slot, until one is
// answered without. Each takes the slot of the one before, when it is time, for the call
// that waits for it.
func (b *budget) ask(next wanted) error {
	var taking *reservation
	for {
		answer, err := b.exchange(next, taking)
		if err != nil || answer.Slot == nil {
			return err
		}
		received := time.Now()
		b.grantMore(answer, received)
		time.Sleep(answer.TakeIn)
		if taking = b.reserve(answer, received); taking == nil {
			return nil // A slot that nobody takes is given back.
		}
		if b.hasAskedSince(next) || b.load.isFull() {
			next.wants, next.held = nil, nil // It only takes its slot.
		} else {
			next, _ = b.next()
		}
	}
}

// exchange sends one request, which takes a slot if one is reserved, and returns its
// answer.
func (b *budget) exchange(next wanted, taking *reservation) (answer callbudget.Answer, err error) {
	// Longer than the workflow waits, so that no answer is missed.
	ctx, cancel := context.WithTimeout(context.Background(), patience+margin)
	defer cancel()
	waiting, inLanes := b.waiting()
	ask := callbudget.Ask{
		Worker:       b.client.worker,
		Number:       next.number,
		Wants:        next.wants,
		Held:         next.held,
		Takes:        true,
		Patience:     patience,
		Configured:   b.served.Budget.Windows,
		ConfiguredAt: b.client.started,
		VoidKnown:    b.voidThrough(),
		Waiting:      waiting, WaitingInLanes: inLanes,
	}
	var asked client.WorkflowUpdateHandle
	if taking == nil {
		asked, err = b.client.update(ctx, b.served, b.name, callbudget.UpdateTakeSlot, ask, client.WorkflowUpdateStageCompleted)
	} else {
		ask.Took = taking.slot.At
		asked, err = b.take(ctx, ask, taking.at)
		b.settle(taking, err)
		if isGivenBack(err) {
			return answer, nil // The call waits again.
		}
	}
	if err == nil {
		err = asked.Get(ctx, &answer)
	}
	if ctx.Err() != nil {
		return callbudget.Answer{}, nil // There was no slot.
	}
	b.takeVoid(answer.VoidThrough)
	return answer, err
}

// take sends a request that takes a slot, and returns once it was taken. While the
// budget's workflow continues as new it is repeated, as long as it makes sense.
func (b *budget) take(ctx context.Context, ask callbudget.Ask, at time.Time) (client.WorkflowUpdateHandle, error) {
	for {
		asked, err := b.client.update(ctx, b.served, b.name, callbudget.UpdateTakeSlot, ask, client.WorkflowUpdateStageAccepted)
		if err == nil || !isBusy(err) || time.Until(at) < takeNotice {
			return asked, err
		}
		time.Sleep(takePause)
	}
}
