package bench_test

import (
	"flag"
	"fmt"
	"testing"
	"time"

	"github.com/callvault/callvault/internal/simulator"
	"github.com/callvault/callvault/workflows"
)

var largeBytes = flag.Int64("large", 2_000_000_000, "the size of a large recording, of which the disk must hold sixteen, and twice that if the worker copies them")

// slowBytes is how much of a small recording is sent in a second, so that all are transferred side by side:
// at full speed one is over before the next begins.
const slowBytes = 250_000

// BenchmarkTransferMemory reports the most memory that a whole worker has had, when it
// transfers recordings side by side. Each row has a worker of its own.
func BenchmarkTransferMemory(b *testing.B) {
	slow := simulator.Fault{Kind: simulator.Slow, BytesPerSecond: slowBytes, Times: -1}
	kind := storeKinds()[0] // The memory does not depend on the store.
	for _, row := range []struct {
		name     string
		accounts int // each has 16 transfers at a time
		file     simulator.File
		goal     string
	}{
		{"16x50MB", 1, simulator.File{Size: 50_000_000}, ""},
		{"64x5MB", 4, simulator.File{Size: 5_000_000, Faults: []simulator.Fault{slow}}, "< 150"},
		{"16xlarge", 1, simulator.File{Size: *largeBytes}, "< 200"},
	} {
		b.Run(row.name, func(b *testing.B) {
			to := kind.start(b)
			var accounts []accountOf
			for i := range row.accounts {
				accounts = append(accounts, accountOf{name: fmt.Sprint("bench-", i), bots: []string{fmt.Sprint("st-bench-", i)}, endpoint: to.endpoint})
			}
			s := newUnlimitedSite(b, accounts...)
			worker := s.startWorkers(1)[0]
			idle := worker.peak(b)
			var all []workflows.Session
			for _, account := range accounts {
				all = append(all, s.addRecordings(account.bots[0], 16, row.file)...)
			}
			most := s.watchTransfers()
			took := s.transferAll(all)
			report(b, "peak memory of the worker, MiB", float64(worker.peak(b))/(1<<20), row.goal)
			report(b, "before the transfers, MiB", float64(idle)/(1<<20), "")
			report(b, "transfers at once, most", float64(most()), "")
			report(b, "MB a second", float64(row.file.Size)*float64(len(all))/1e6/took.Seconds(), "")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// watchTransfers counts the transfers that go on until the returned function is called, which
// returns the most at one time.
func (s *site) watchTransfers() (most func() int) {
	const interval = 50 * time.Millisecond
	end, ended := make(chan struct{}), make(chan int)
	go func() {
		ticker := time.NewTicker(interval)
		defer ticker.Stop()
		highest := 0
		for {
			select {
			case <-end:
				ended <- highest
				return
			case <-ticker.C:
			}
			running := 0
			for _, call := range s.vendor.Calls() {
				if call.Kind == simulator.KindMedia && !call.Done {
					running++
				}
			}
			highest = max(highest, running)
		}
	}()
	return func() int {
		close(end)
		return <-ended
	}
}
