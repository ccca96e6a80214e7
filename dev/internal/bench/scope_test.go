package bench_test

import (
	"testing"
	"time"

	"github.com/callvault/callvault/internal/simulator"
	"github.com/callvault/callvault/workflows"
)

const (
	scopeFetches = 60
	scopeMissing = 90 * time.Second
)

// BenchmarkScope fetches sessions while the app's scope is missing for a while, and
// reports how many calls were spent to learn of it.
func BenchmarkScope(b *testing.B) {
	// The clock is ours, because the waits between two probes are.
	for _, windows := range [][]workflows.CallWindow{
		usualWindows,
		{{Calls: 600, Span: time.Minute}, {Calls: 18_000, Span: time.Hour}},
	} {
		b.Run(windowsName(windows), func(b *testing.B) {
			s := newSite(b, 1, windows, func(c *simulator.Config) { c.GenericLimitText = false })
			s.startWorkers(workers)
			s.vendor.SetScope(false)
			began := time.Now()
			var all []workflows.Session
			for range scopeFetches {
				all = append(all, s.addSession(bot, 0))
			}
			fetches := s.startAll(all, "", *starts).await(b)
			time.Sleep(time.Until(began.Add(scopeMissing)))
			granted := s.vendor.clock.now()
			s.vendor.SetScope(true)
			s.requireArchived(fetches)
			made := s.vendor.calls()
			refused := refusedCalls(made)
			report(b, "calls without scope", float64(refused[simulator.ReasonScope]), "few")
			report(b, "calls/forced", float64(len(made)-refused[simulator.ReasonScope])/scopeFetches, "1")
			report(b, "slots lost", float64(s.budget(bot).Slots-len(made)), "0")
			first := time.Duration(0)
			for _, call := range made {
				if call.At.After(granted) {
					first = call.At.Sub(granted)
					break
				}
			}
			report(b, "seconds until the first call after the scope is back", first.Seconds(), "")
			report(b, "seconds until all are archived after the scope is back", s.vendor.clock.now().Sub(granted).Seconds(), "")
			for _, call := range made {
				if call.Reason != "" {
					b.Logf("refused at %s: %s", call.At.Sub(s.vendor.clock.start), call.Reason)
				}
			}
			s.keepBudget(bot, made)
			b.Logf("changes: %v", s.budget(bot).Changes)
			b.ReportMetric(0, "ns/op")
		})
	}
}
