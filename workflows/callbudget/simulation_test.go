package callbudget

import (
	"container/heap"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var start = time.Date(2026, 3, 5, 12, 0, 0, 123_456_789, time.UTC)

// simulation runs a budget, workers and a vendor in virtual time. The workers do what
// internal/slots and CheckStatus do: one request at a time, which takes the slot of the
// last answer, a call at the time of its slot, unless the slot was withdrawn or comes too
// late, and a report of each refusal.
type simulation struct {
	t      testing.TB
	random *rand.Rand
	*timeline

	budget  *budget
	waiting []waitingAsk
	timer   time.Time // zero if none runs
	stalled time.Time // the workflow stands still until then

	vendor  *vendor
	workers []*asker

	// fails reports whether a bot's calls need operator action; nil if none does. siblings
	// are the other budgets of its account.
	fails    func(botID string) bool
	siblings []*simulation

	// latency is how long a message takes at most, and used how late a call is within
	// what is allowed: a share from 0 to 1.
	latency time.Duration
	used    func() float64

	// timersLate is how late a timer is, at most.
	timersLate time.Duration

	calls []call // that the vendor got

	// underWay is how many more calls may be refused with one, because they were under
	// way when its report came.
	underWay int

	usedSlots []Slot
	lost      int // slots that were taken and neither used nor given back
}

// call is a call that reached the vendor.
type call struct {
	at      time.Time
	slot    Slot
	want    Want
	refused refusal
	failed  bool // it needs operator action
}

// timeline is the virtual time, which several budgets may share.
type timeline struct {
	now    time.Time
	events events
	number int // of events
}

// waitingAsk is an ask that waits in the workflow.
type waitingAsk struct {
	*pending
	worker *asker
	number int // of the worker's requests
}

// asker is a worker process that asks for slots.
type asker struct {
	sim  *simulation
	name string

	// backlog are wants that never end; live are calls that each need one slot.
	backlog, saved []Want
	held           int // of the backlog's calls at a time; 0 if they are not counted
	live           []waitingCall

	asking  int // the number of the last request; older ones do not go on
	running bool
	asked   int // the best level of the last request
	pause   time.Duration
	void    time.Time
	stopped bool

	// kills and killsLate kill it when it gets its next slot: before it takes it, or
	// after.
	kills, killsLate bool

	waits []time.Duration // of its live calls
}

type waitingCall struct {
	want  Want
	since time.Time
}

type event struct {
	at     time.Time
	number int
	do     func()
}

type events []event

func (e events) Len() int { return len(e) }
func (e events) Less(i, j int) bool {
	if e[i].at.Equal(e[j].at) {
		return e[i].number < e[j].number
	}
	return e[i].at.Before(e[j].at)
}
func (e events) Swap(i, j int) { e[i], e[j] = e[j], e[i] }
func (e *events) Push(x any)   { *e = append(*e, x.(event)) }
func (e *events) Pop() any {
	last := (*e)[len(*e)-1]
	*e = (*e)[:len(*e)-1]
	return last
}

func simulate(t testing.TB, seed uint64, v *vendor, configured ...string) *simulation {
	if isRace {
		t.Skip("a simulation has one goroutine, and so no race: it runs without the detector")
	}
	t.Logf("seed %d", seed)
	s := &simulation{
		t: t, timeline: &timeline{now: start}, vendor: v, latency: 30 * time.Millisecond,
		random: rand.New(rand.NewPCG(seed, 8)),
	}
	s.used = s.random.Float64
	s.budget = &budget{state: newState("account", windows(configured...), start, start)}
	_, least, _ := s.budget.state.pace()
	s.underWay = 1 + int((s.budget.state.ahead()+400*time.Millisecond)/least)
	return s
}

func (s *timeline) after(d time.Duration, do func()) { s.at(s.now.Add(d), do) }

func (s *timeline) at(at time.Time, do func()) {
	s.number++
	heap.Push(&s.events, event{at, s.number, do})
}

// run runs what happens in a time.
func (s *timeline) run(d time.Duration) {
	until := s.now.Add(d)
	for len(s.events) > 0 && !s.events[0].at.After(until) {
		e := heap.Pop(&s.events).(event)
		s.now = latest(s.now, e.at)
		e.do()
	}
	s.now = until
}

// send has the workflow do something after the time that a message takes.
func (s *simulation) send(do func()) {
	s.after(s.delay(), func() { s.inWorkflow(do) })
}

func (s *simulation) delay() time.Duration {
	return time.Millisecond + time.Duration(s.random.Int64N(int64(s.latency)))
}

// inWorkflow does something in the workflow, and then what its loop does.
func (s *simulation) inWorkflow(do func()) {
	if s.now.Before(s.stalled) {
		s.at(s.stalled, func() { s.inWorkflow(do) })
		return
	}
	do()
	b := s.budget
	b.state.forgetOld(s.now)
	b.state.endOffers(s.now)
	if due := b.answerDue(s.now); !due.IsZero() {
		s.setTimer(b.wakeFor(s.now, due))
	}
	s.waiting = slices.DeleteFunc(s.waiting, func(w waitingAsk) bool {
		if w.answer == nil {
			return false
		}
		s.after(s.delay(), func() { w.worker.take(w.number, *w.answer) })
		return true
	})
}

func (s *simulation) setTimer(wake time.Time) {
	if !s.timer.IsZero() && !wake.Before(s.timer) {
		return
	}
	s.timer = wake
	at := latest(wake, s.now.Add(time.Millisecond))
	if s.timersLate > 0 {
		at = at.Add(time.Duration(s.random.Int64N(int64(s.timersLate))))
	}
	s.at(at, func() {
		if s.timer.Equal(wake) {
			s.timer = time.Time{}
			s.inWorkflow(func() {})
		}
	})
}

// worker adds a worker with a backlog that never ends.
func (s *simulation) worker(backlog ...Want) *asker {
	w := &asker{sim: s, name: fmt.Sprintf("worker %d", len(s.workers)), backlog: backlog, pause: 200 * time.Millisecond}
	s.workers = append(s.workers, w)
	s.after(time.Duration(s.random.Int64N(int64(100*time.Millisecond))), w.wake)
	return w
}

// saturate adds workers that always want slots.
func (s *simulation) saturate(workers int) {
	for range workers {
		s.worker(Want{BotID: "st-1", Level: 10, Batch: "backfill"})
	}
}

// call has a worker wait for one call.
func (w *asker) call(want Want) {
	w.await(waitingCall{want, w.sim.now})
}

func (w *asker) await(call waitingCall) {
	w.live = append(w.live, call)
	if !w.running {
		w.wake()
	} else if call.want.Level < w.asked {
		w.ask()
	}
}

func (w *asker) wake() {
	if !w.running && !w.stopped && len(w.wants()) > 0 {
		w.running = true
		w.ask()
	}
}

func (w *asker) wants() []Want {
	wants := slices.Clone(w.backlog)
	for _, waiting := range w.live {
		if !slices.Contains(wants, waiting.want) {
			wants = append(wants, waiting.want)
		}
	}
	slices.SortStableFunc(wants, func(a, b Want) int { return a.Level - b.Level })
	return wants
}

func (w *asker) ask() { w.askFor(nil) }

// grant is a slot that a worker was offered, and the live call that is to have it; nil if
// it is for the backlog.
type grant struct {
	slot Slot
	want Want
	call *waitingCall
}

// askFor sends a request, which takes a slot if one was offered.
func (w *asker) askFor(offered *grant) {
	wants := w.wants()
	if len(wants) == 0 && offered == nil || w.stopped {
		w.running = false
		return
	}
	w.asking++
	number, name := w.asking, w.name
	ask := Ask{Worker: name, Number: number, Wants: wants, Patience: time.Minute, Takes: true}
	w.asked = ask.best() + 1
	if len(wants) > 0 {
		w.asked = ask.best()
	}
	if w.held > 0 {
		ask.Held = slices.Repeat([]int{w.held}, len(wants))
	}
	if offered != nil {
		ask.Took = offered.slot.At
	}
	s := w.sim
	s.after(time.Minute+2*time.Second, func() { w.goOn(number) }) // No answer.
	s.send(func() {
		err := s.budget.admit(ask, s.now)
		if offered != nil {
			s.after(s.delay(), func() { w.taken(*offered, err) })
		}
		if err != nil {
			s.after(w.pause, func() { w.goOn(number) })
			w.pause = min(2*w.pause, 15*time.Second)
			return
		}
		s.waiting = append(s.waiting, waitingAsk{s.budget.enter(ask, s.now), w, number})
	})
}

// goOn sends the next request, if it follows the last one.
func (w *asker) goOn(number int) {
	if w.asking == number {
		w.ask()
	}
}

// take takes the answer to a request.
func (w *asker) take(number int, answer Answer) {
	w.void = latest(w.void, answer.VoidThrough)
	w.pause = 200 * time.Millisecond
	for _, more := range answer.More {
		w.use(more.Slot, more.Want)
	}
	switch {
	case answer.Slot == nil:
		w.goOn(number)
	case w.kills:
		w.kill()
	default:
		w.sim.after(answer.TakeIn, func() { w.askFor(&grant{*answer.Slot, answer.Want, w.reserve(answer.Want)}) })
	}
}

// reserve removes the live call from those that wait which is to have a slot: the most
// urgent one, if it is as urgent as the want of the slot.
func (w *asker) reserve(want Want) *waitingCall {
	best := -1
	for i, waiting := range w.live {
		if waiting.want.Level <= want.Level && (best < 0 || waiting.want.Level < w.live[best].want.Level) {
			best = i
		}
	}
	if best < 0 {
		return nil
	}
	reserved := w.live[best]
	w.live = slices.Delete(w.live, best, best+1)
	return &reserved
}

// kill kills the worker. Another one comes in its place.
func (w *asker) kill() {
	w.kills, w.killsLate, w.stopped = false, false, true
	w.sim.after(2*time.Second, func() {
		w.name += "'"
		w.stopped, w.running = false, false
		w.wake()
	})
}

// taken makes the call of a slot, unless it was given back.
func (w *asker) taken(got grant, err error) {
	s, slot := w.sim, got.slot
	switch {
	case err != nil && got.call != nil:
		w.await(*got.call)
		return
	case err != nil:
		return
	case w.stopped || w.killsLate:
		s.lost++
		if !w.stopped {
			w.kill()
		}
		return
	case got.call != nil:
		w.waits = append(w.waits, slot.At.Sub(got.call.since))
	}
	w.use(slot, got.want)
}

// use makes the call of a slot.
func (w *asker) use(slot Slot, want Want) {
	s := w.sim
	ready := s.now.Add(s.delay()) // The call has to get to the worker that makes it.
	late := time.Duration(s.used() * float64(slot.Within))
	s.at(latest(ready, slot.At.Add(late)), func() {
		if !slot.At.After(w.void) {
			s.lost++
			return
		}
		if s.now.Sub(slot.At) > slot.Within {
			s.report(CallReport{BotID: want.BotID, Slot: slot, Result: Late, LateBy: s.now.Sub(slot.At)})
			return
		}
		s.usedSlots = append(s.usedSlots, slot)
		network := time.Duration(s.used() * float64(s.slack()/lateParts) * (lateParts - 1))
		s.after(network, func() { w.reach(slot, want) })
	})
}

// slack is how late calls reach the vendor, at most, if they are not allowed more.
func (s *simulation) slack() time.Duration {
	slack := maxSlack
	for _, w := range s.budget.state.Windows {
		slack = min(slack, w.slack())
	}
	return slack
}

// reach has a call reach the vendor.
func (w *asker) reach(slot Slot, want Want) {
	s := w.sim
	made := call{at: s.now, slot: slot, want: want, failed: s.fails != nil && s.fails(want.BotID)}
	report := CallReport{BotID: want.BotID, SessionID: nextSession(), Slot: slot}
	if made.failed {
		report.Result, report.Reason = Blocked, reason
	} else if made.refused = s.vendor.take(s.now); made.refused.span > 0 {
		report.Result, report.Span, report.RetryAfter = Refused, made.refused.told, made.refused.retryAfter
	} else if s.fails != nil && slot.Probe {
		report.Result = Answered
	}
	s.calls = append(s.calls, made)
	if report.Result == "" {
		return
	}
	response := 50*time.Millisecond + time.Duration(s.random.Int64N(int64(250*time.Millisecond)))
	s.after(response, func() {
		s.report(report)
		if slot.ForAccount || report.Result == Blocked && !slot.Probe {
			report.Elsewhere = true
			for _, other := range s.siblings {
				other.report(report)
			}
		}
	})
}

func (s *simulation) report(report CallReport) {
	s.send(func() { s.budget.takeReport(report, s.now) })
}

// rest has all workers want nothing for a time.
func (s *simulation) rest(d time.Duration) {
	for _, w := range s.workers {
		w.backlog, w.saved = nil, w.backlog
	}
	s.run(d)
	for _, w := range s.workers {
		w.backlog = w.saved
		w.wake()
	}
}

// every does something again and again.
func (s *simulation) every(d time.Duration, do func()) {
	s.after(d, func() {
		do()
		s.every(d, do)
	})
}

// accepted returns the times of the calls that the vendor accepted since a time.
func (s *simulation) accepted(since time.Time) []time.Time {
	var times []time.Time
	for _, c := range s.calls {
		if c.refused.span == 0 && !c.failed && !c.at.Before(since) {
			times = append(times, c.at)
		}
	}
	return times
}

// refusals counts the calls that were refused since a time.
func (s *simulation) refusals(since time.Time) int {
	count := 0
	for _, c := range s.calls {
		if c.refused.span != 0 && !c.at.Before(since) {
			count++
		}
	}
	return count
}

// share returns which share of a window the accepted calls used, from the first to the
// last since a time.
func (s *simulation) share(window string, since time.Time) float64 {
	w := windows(window)[0]
	times := s.accepted(since)
	require.NotEmpty(s.t, times)
	took := times[len(times)-1].Sub(times[0])
	return float64(len(times)-1) / (float64(w.Calls) * float64(took) / float64(w.Span))
}

// requireWithin checks that no window held more slots or calls than its limit.
func (s *simulation) requireWithin(limits ...string) {
	s.t.Helper()
	var slots, calls []time.Time
	for _, slot := range s.usedSlots {
		slots = append(slots, slot.At)
	}
	for _, c := range s.calls {
		calls = append(calls, c.at)
	}
	slices.SortFunc(calls, time.Time.Compare)
	for _, w := range windows(limits...) {
		require.LessOrEqual(s.t, most(slots, w.Span), w.Calls, "slots in %s", w.Span)
		require.LessOrEqual(s.t, most(calls, w.Span), w.Calls, "calls in %s", w.Span)
	}
}
