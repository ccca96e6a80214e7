package bench_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/dev/internal/countingproxy"
	"github.com/callvault/callvault/internal/simulator"
	"github.com/callvault/callvault/workflows"
)

const (
	// pacedBytes is how much a paced media server sends in a second: a gigabyte takes 40 s.
	pacedBytes = 25_000_000

	// halfTimeout bounds the first half of a transfer.
	halfTimeout = 2 * time.Minute
)

// BenchmarkTransferTakeover kills the worker with SIGKILL when the store has received half
// of a recording of 1 GB, and another one takes over: from a media server that is as fast as
// the machine, and from a paced one. What the media server has written counts as fetched,
// including what the connection still held.
func BenchmarkTransferTakeover(b *testing.B) {
	for _, kind := range storeKinds() {
		b.Run(kind.name+"/fast", func(b *testing.B) { takeover(b, kind, 0) })
		b.Run(kind.name+"/paced", func(b *testing.B) { takeover(b, kind, pacedBytes) })
	}
}

func takeover(b *testing.B, kind storeKind, pace int64) {
	b.Helper()
	proxy := countingproxy.Start(b, kind.start(b).endpoint)
	s := newUnlimitedSite(b, accountOf{name: "bench", bots: []string{bot}, endpoint: proxy.URL})
	first := s.startWorkers(1)[0]
	s.archiveAll(1) // The first one starts what the others use.
	s.vendor.pace.Store(pace)
	put := proxy.Put.Load()
	session := s.addRecordings(bot, 1, simulator.File{Size: gigabyte})[0]
	fetching := s.start(session, "")
	require.Eventually(b, func() bool { return proxy.Put.Load()-put >= gigabyte/2 }, halfTimeout, time.Millisecond, "%s", first.output())
	first.kill()
	began := time.Now()
	s.startWorker()
	result := s.requireArchived([]fetch{fetching})[0]
	took := time.Since(began)
	require.EqualValues(b, gigabyte, result.Recordings[0].Bytes)

	report(b, "fetched twice, share of the file", float64(s.mediaBytes(session)-gigabyte)/gigabyte, "<= 0.05")
	report(b, "put to the store, share of the file", float64(proxy.Put.Load()-put)/gigabyte, "")
	report(b, "seconds from the kill to the end", took.Seconds(), "")
	b.ReportMetric(0, "ns/op")
}

// mediaBytes returns what the media server has sent of a session's recordings, once no
// request for them is left.
func (s *site) mediaBytes(session workflows.Session) int64 {
	s.b.Helper()
	ctx, cancel := context.WithTimeout(s.ctx, time.Minute)
	defer cancel()
	var sent int64
	require.NoError(s.b, s.vendor.Await(ctx, func(simulator.Counts) bool {
		sent = 0
		for _, call := range s.vendor.Calls() {
			if call.Kind != simulator.KindMedia || call.SessionID != session.SessionID {
				continue
			}
			if !call.Done {
				return false
			}
			sent += call.Bytes
		}
		return true
	}))
	return sent
}
