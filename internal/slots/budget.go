package slots

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/callvault/callvault/internal/account"
	"github.com/callvault/callvault/workflows/callbudget"
)

// spareNotice is how long before its time a slot that was left over can still be used.
const spareNotice = 250 * time.Millisecond

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
	better  chan struct{} // closed when a call waits that no request names as well
	asked   int           // the best level that the running request names
	spare   *grant        // a slot that nobody waited for yet,
	spareOf string        // for this bot
	void    time.Time     // slots up to then are withdrawn

	counts  map[string]map[int]int // what waits, not told yet
	counted time.Time
}

// waiter is a call that waits.
type waiter struct {
	want    callbudget.Want
	granted chan grant
}

// grant is a slot and when it is to be used, by this machine's clock.
type grant struct {
	slot *callbudget.Slot
	at   time.Time
}

func newBudget(c *Client, name string, served *account.Account, load *load) *budget {
	return &budget{client: c, name: name, served: served, load: load, better: make(chan struct{})}
}

// join lets a call wait for a slot.
func (b *budget) join(w *waiter) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.spare != nil && b.spareOf == w.want.BotID {
		spare := *b.spare
		b.spare = nil
		if time.Until(spare.at) > spareNotice {
			w.granted <- spare
			return
		}
	}
	b.waiters = append(b.waiters, w)
	if !b.running {
		b.running = true
		go b.run()
	} else if w.want.Level < b.asked {
		b.asked = w.want.Level
		close(b.better)
		b.better = make(chan struct{})
	}
}

// leave ends the wait of a call, and returns the slot that it got meanwhile, if any.
func (b *budget) leave(w *waiter) (grant, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.waiters = slices.DeleteFunc(b.waiters, func(other *waiter) bool { return other == w })
	select {
	case got := <-w.granted:
		return got, true
	default:
		return grant{}, false
	}
}

// give gives a slot to a call: the wanted one, else another one of the bot.
func (b *budget) give(want callbudget.Want, got grant) {
	b.mu.Lock()
	defer b.mu.Unlock()
	var best *waiter
	for _, w := range b.waiters {
		if w.want.BotID == want.BotID && (best == nil || fit(w, want) < fit(best, want)) {
			best = w
		}
	}
	if best == nil && got.slot.Probe {
		go b.client.Report(context.Background(), callbudget.CallReport{BotID: want.BotID, Slot: *got.slot, Result: callbudget.Unused})
		return
	}
	if best == nil {
		b.spare, b.spareOf = &got, want.BotID
		return
	}
	b.waiters = slices.DeleteFunc(b.waiters, func(w *waiter) bool { return w == best })
	best.granted <- got
}

// fit is lower the better a call fits a want.
func fit(w *waiter, want callbudget.Want) int {
	if w.want == want {
		return 0
	}
	return w.want.Level
}

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
	return !slot.At.After(b.void)
}
