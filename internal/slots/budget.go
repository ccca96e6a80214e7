package slots

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"github.com/callvault/callvault/internal/account"
	"github.com/callvault/callvault/workflows/callbudget"
)

// budget is one call budget as this process sees it: the calls that wait here, and the
// requests for them. While calls wait, one goroutine asks for their slots.
type budget struct {
	client *Client
	name   string
	served *account.Account
	load   *load

	mu      sync.Mutex
	waiters []*waiter
	running bool
	better  chan struct{}                    // closed when a call waits that no request names as well
	asked   map[string]int                   // the best level of each bot that the last request names
	number  int                              // of the last request
	void    time.Time                        // slots up to then are withdrawn
	stopped time.Time                        // slots up to then are not used by this process
	last    time.Time                        // of the slots that calls have got
	failed  map[string]callbudget.CallReport // the last failure of each bot

	counts     map[string]map[int]int // what waits, not told yet
	laneCounts map[string][]int
	counted    time.Time
}

// waiter is a call that waits.
type waiter struct {
	want    callbudget.Want
	granted chan grant
	gone    bool // it does not wait any more
}

// grant is a slot and when it is to be used, by this machine's clock.
type grant struct {
	slot *callbudget.Slot
	at   time.Time
}

func newBudget(c *Client, name string, served *account.Account, load *load) *budget {
	return &budget{client: c, name: name, served: served, load: load, better: make(chan struct{}), asked: make(map[string]int), failed: make(map[string]callbudget.CallReport)}
}

// join lets a call wait for a slot.
func (b *budget) join(w *waiter) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.await(w)
}

// await lets a call wait, and has it asked for.
func (b *budget) await(w *waiter) {
	b.waiters = append(b.waiters, w)
	if !b.running {
		b.running = true
		go b.run()
	} else if level, named := b.asked[w.want.BotID]; !named || w.want.Level < level {
		b.asked[w.want.BotID] = w.want.Level
		close(b.better)
		b.better = make(chan struct{})
	}
}

// leave ends the wait of a call, and returns the slot that it got meanwhile, if any.
func (b *budget) leave(w *waiter) (grant, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	w.gone = true
	b.waiters = slices.DeleteFunc(b.waiters, func(other *waiter) bool { return other == w })
	select {
	case got := <-w.granted:
		return got, true
	default:
		return grant{}, false
	}
}

// reservation is a slot that was offered to the process, and the call that is to have it
// once it is taken.
type reservation struct {
	grant
	waiter *waiter
	want   callbudget.Want // that the slot was handed out for
}

// reserve reserves a slot that was offered at a time for a call: for a more urgent one of
// the bot if there is one now, the wanted one, or another one. It returns nil if none is
// left.
func (b *budget) reserve(answer callbudget.Answer, offered time.Time) *reservation {
	b.mu.Lock()
	defer b.mu.Unlock()
	best := b.callFor(*answer.Slot, answer.Want)
	if best == nil {
		return nil
	}
	return &reservation{grant{answer.Slot, offered.Add(answer.In)}, best, answer.Want}
}

// grantMore gives the further slots of an answer, which was received at a time, to the calls
// that wait for them.
func (b *budget) grantMore(answer callbudget.Answer, received time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, more := range answer.More {
		w := b.callFor(more.Slot, more.Want)
		if w == nil {
			go b.client.Report(context.Background(), b.served, callbudget.CallReport{BotID: more.Want.BotID, Slot: more.Slot, Result: callbudget.Unused})
			continue
		}
		b.grant(w, grant{&more.Slot, received.Add(answer.In + more.Slot.At.Sub(answer.Slot.At))})
	}
}

// callFor returns the call that is to have a slot, as fitting does; nil if the slot is void.
func (b *budget) callFor(slot callbudget.Slot, want callbudget.Want) *waiter {
	if b.isVoidNow(slot) {
		return nil
	}
	return b.fitting(want)
}

// fitting returns the call that fits a want best, and lets it wait no longer.
func (b *budget) fitting(want callbudget.Want) *waiter {
	var best *waiter
	for _, w := range b.waiters {
		if w.want.BotID == want.BotID && (best == nil || compareFit(w, best, want) < 0) {
			best = w
		}
	}
	b.waiters = slices.DeleteFunc(b.waiters, func(w *waiter) bool { return w == best })
	return best
}

// settle gives a slot to its call if it was taken. Otherwise the call waits again.
func (b *budget) settle(r *reservation, failed error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	w := r.waiter
	if failed != nil {
		if !w.gone {
			b.await(w)
		}
		return
	}
	if w.gone {
		w = b.fitting(r.want)
	}
	if w == nil {
		go b.client.Report(context.Background(), b.served, callbudget.CallReport{BotID: r.want.BotID, Slot: *r.slot, Result: callbudget.Unused})
		return
	}
	b.grant(w, r.grant)
}

// grant gives a slot to a call.
func (b *budget) grant(w *waiter, slot grant) {
	if slot.slot.At.After(b.last) {
		b.last = slot.slot.At
	}
	w.granted <- slot
}

// compareFit puts the call first that fits a slot for a want better: first one whose
// refusal would tell as much, then the more urgent one, then the wanted one.
func compareFit(a, b *waiter, want callbudget.Want) int {
	differs := func(is bool) int {
		if is {
			return 0
		}
		return 1
	}
	return cmp.Or(
		cmp.Compare(differs(a.want.Suspect == want.Suspect), differs(b.want.Suspect == want.Suspect)),
		cmp.Compare(a.want.Level, b.want.Level),
		cmp.Compare(differs(a.want == want), differs(b.want == want)),
	)
}

// stop keeps the calls of this process from using the slots that they have got.
func (b *budget) stop() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.stopped = b.last
}

// failAlike records that a call of a bot needs operator action, and reports whether the call
// of another session did so just before: the budget blocks the bot after two.
func (b *budget) failAlike(report callbudget.CallReport) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	before, found := b.failed[report.BotID]
	b.failed[report.BotID] = report
	return found && before.SessionID != report.SessionID && report.Slot.At.Sub(before.Slot.At).Abs() <= alikeWithin
}

// alikeWithin is how far apart the slots of two calls are, at most, that tell of a bot.
const alikeWithin = time.Second

func (b *budget) isAsking() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.running
}

func (b *budget) takeVoid(through time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if through.After(b.void) {
		b.void = through
	}
}

func (b *budget) voidThrough() time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.void
}

func (b *budget) isVoid(slot callbudget.Slot) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.isVoidNow(slot)
}

func (b *budget) isVoidNow(slot callbudget.Slot) bool {
	return !slot.At.After(b.void) || !slot.At.After(b.stopped)
}
