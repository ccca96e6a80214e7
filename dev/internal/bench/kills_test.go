package bench_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/internal/simulator"
)

// kills is how many workers are killed, spread evenly over the calls of the run.
const kills = 5

// BenchmarkKills is BenchmarkShare's first row with workers that are killed with SIGKILL
// and restarted at once. A budget continues as new after 250 asks, so how often it does
// depends on -sessions; the number is reported as it is.
func BenchmarkKills(b *testing.B) {
	s := newSite(b, *speed, usualWindows, nil)
	running := s.startWorkers(workers)
	all, forced := s.addSessions(*sessions)
	started := s.startAll(all, "backfill", *starts)
	for i := range kills {
		s.awaitCalls(forced * (i + 1) / (kills + 1))
		victim := i % workers
		running[victim].kill()
		running[victim] = s.startWorker()
	}
	fetches := started.await(b)
	s.requireArchived(fetches)
	s.reportShare(forced, "<= 1 a kill")
	s.reportCost(fetches)
	report(b, "kills", kills, "")
	report(b, "continued as new", float64(s.budgetCost(bot).runs-1), "")
	b.ReportMetric(0, "ns/op")
}

// awaitCalls waits until the vendor has received so many calls of the API, refused ones
// included.
func (s *site) awaitCalls(n int) {
	s.b.Helper()
	received := func(counts simulator.Counts) bool { return counts.API >= n }
	require.NoError(s.b, s.vendor.Await(s.ctx, received))
}
