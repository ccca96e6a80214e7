package bench_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/dev/internal/bench"
	"github.com/callvault/callvault/internal/simulator"
	"github.com/callvault/callvault/workflows"
)

// BenchmarkHiddenLimit fetches sessions while the vendor takes fewer calls a minute than
// are configured: 60 % of them for the first half of the calls, then 40 %. A raised limit
// is left out: it is found by one call more, an hour of our clock after the limit was
// learned. The clock is at most twice as fast, because the stop after a refusal is a
// minute of ours, or a window if that is shorter.
func BenchmarkHiddenLimit(b *testing.B) {
	first, second := minute.Calls*60/100, minute.Calls*40/100
	s := newSite(b, min(*speed, 2), minuteAlone, func(c *simulator.Config) { c.CallsPerMinute = first })
	s.startWorkers(workers)
	all, forced := s.addSessions(*sessions)
	started := s.startAll(all, "backfill", *starts)
	began := s.vendor.clock.now()
	s.awaitCalls(forced / 2)
	require.NoError(b, s.vendor.SetBudget(second, simulator.Unlimited))
	lowered := s.vendor.clock.now()
	fetches := started.await(b)
	s.requireArchived(fetches)
	ended := s.vendor.clock.now()
	s.reportPhase("60 %", first, began, lowered)
	s.reportPhase("40 %", second, lowered, ended)
	made, status := s.vendor.calls(), s.budget(bot)
	report(b, "calls/forced", float64(len(made))/float64(forced), "1")
	report(b, "slots lost", float64(status.Slots-len(made)), "0")
	s.keepBudget(bot, made)
	b.Logf("changes: %v", status.Changes)
	b.ReportMetric(0, "ns/op")
}

// reportPhase reports how a limit that held from one time to another was kept, by the
// vendor's clock.
func (s *site) reportPhase(phase string, limit int, from, to time.Time) {
	s.b.Helper()
	var accepted, refused []time.Time
	for _, call := range s.vendor.calls() {
		switch {
		case call.At.Before(from) || !call.At.Before(to):
		case call.Reason == simulator.ReasonMinute:
			refused = append(refused, call.At)
		default:
			accepted = append(accepted, call.At)
		}
	}
	converged := from
	if len(refused) > 0 {
		converged = refused[len(refused)-1]
	}
	truth := workflows.CallWindow{Calls: limit, Span: minute.Span}
	windowsOf := func(d time.Duration) float64 { return d.Seconds() / minute.Span.Seconds() }
	counted := bench.From(accepted, converged.Add(minute.Span))
	report(s.b, phase+": refused by rate", float64(len(refused)), "<= 1")
	report(s.b, phase+": share of the true limit", bench.Share(counted, truth), ">= 0.95")
	report(s.b, phase+": calls that share is of", float64(len(counted)), "")
	if reached, ok := bench.Reached(accepted, converged, truth, .97); ok {
		report(s.b, phase+": windows from the last refusal to a window that is 97 % full", windowsOf(reached.Sub(converged)), "<= 2")
	}
	s.b.Logf("%s: %.1f windows, refused at %v", phase, windowsOf(to.Sub(from)), refused)
}
