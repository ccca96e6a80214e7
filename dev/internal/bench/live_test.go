package bench_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/dev/internal/bench"
	"github.com/callvault/callvault/workflows"
)

const (
	// singles is how many single fetches are started, one after another.
	singles = 20

	// idle is how long the budget is not used, by our clock, before a burst catches up.
	idle = time.Minute
)

// BenchmarkLive starts single fetches, one after another, while a backfill waits, and
// reports how many other calls came before theirs: first while the backfill catches up
// what an idle budget has left, then at its even pace.
func BenchmarkLive(b *testing.B) {
	for _, windows := range [][]workflows.CallWindow{usualWindows, minuteAlone} {
		b.Run(windowsName(windows), func(b *testing.B) {
			s := newSite(b, *speed, windows, nil)
			s.startWorkers(workers)
			s.requireArchived([]fetch{s.start(s.addSession(bot, 0), "")})
			time.Sleep(idle)
			var backfill []workflows.Session
			for range *waiting {
				backfill = append(backfill, s.addSession(bot, 0))
			}
			started := s.startAll(backfill, "backfill", *starts)
			// Half of them while the backfill is being started and catches up.
			catching := s.singles(singles)
			started.await(b)
			steady := s.singles(singles)
			waitingStill := len(backfill) + 2*singles - len(s.vendor.calls())
			s.reportLive("catching up", catching)
			s.reportLive("steady", steady)
			s.keepBudget(bot, s.vendor.calls())
			report(b, "still waiting", float64(waitingStill), "> 0")
			report(b, "refused by rate", float64(byRate(s.vendor.calls())), "0")
			b.ReportMetric(0, "ns/op")
		})
	}
}

func (s *site) singles(n int) []fetch {
	s.b.Helper()
	var all []fetch
	for range n {
		one := s.start(s.addSession(bot, 0), "")
		s.requireArchived([]fetch{one})
		all = append(all, one)
	}
	return all
}

func (s *site) reportLive(phase string, fetches []fetch) {
	s.b.Helper()
	made := s.vendor.calls()
	at := times(made, "")
	var before []int
	var waits []time.Duration
	for _, one := range fetches {
		for _, call := range made {
			if call.SessionID == one.session.SessionID {
				before = append(before, bench.Between(at, one.started, call.At))
				waits = append(waits, call.At.Sub(one.started)/time.Duration(s.vendor.clock.speed))
				break
			}
		}
	}
	require.Len(s.b, before, len(fetches))
	report(s.b, phase+": slots before it, most", float64(bench.Percentile(before, 1)), "<= 2")
	report(s.b, phase+": slots before it, median", float64(bench.Percentile(before, .5)), "")
	s.b.Logf("%s: slots before each: %v; waited %v", phase, before, waits)
	for i, n := range before {
		if n > 2 {
			s.b.Logf("%s: the one that waited for %d others:\n%s", phase, n, s.timeline(fetches[i]))
		}
	}
}
