package slots

import (
	"cmp"
	"context"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/callvault/callvault/internal/account"
	"github.com/callvault/callvault/workflows/callbudget"
)

const (
	// patience is how long one request waits in the budget's workflow.
	patience = time.Minute

	// maxRequests bounds the requests under way: one, and more only while more urgent
	// calls come.
	maxRequests = 10

	// spareNotice is how long before its time a slot that was left over can still be
	// used.
	spareNotice = 250 * time.Millisecond

	// firstPause and lastPause bound the backoff after a request that failed, without
	// jitter of the same length. One that failed because others came first is soon
	// repeated.
	firstPause = 100 * time.Millisecond
	lastPause  = 15 * time.Second
	busyPause  = time.Second
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

// waiting returns what waits in the queues, if it was counted since the last request,
// and has it counted again when it is time.
func (b *budget) waiting() map[string]map[int]int {
	held := b.held()
	b.mu.Lock()
	defer b.mu.Unlock()
	counts := b.counts
	b.counts = nil
	if time.Since(b.counted) >= waitingInterval {
		b.counted = time.Now()
		go func() {
			b.load.count(held)
			b.mu.Lock()
			defer b.mu.Unlock()
			b.counts = held
		}()
	}
	return counts
}

// held counts the calls that wait here, by bot and priority.
func (b *budget) held() map[string]map[int]int {
	b.mu.Lock()
	defer b.mu.Unlock()
	held := make(map[string]map[int]int)
	for _, w := range b.waiters {
		if held[w.want.BotID] == nil {
			held[w.want.BotID] = make(map[int]int)
		}
		held[w.want.BotID][callbudget.Priority(w.want.Level)]++
	}
	return held
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
