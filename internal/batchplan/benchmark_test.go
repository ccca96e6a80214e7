package batchplan_test

import (
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/internal/batchplan"
	"github.com/callvault/callvault/workflows"
)

// BenchmarkBuild collects and orders a million sessions of 50 bots, and writes their text.
// B/session is what it allocates for each, and heap-B/session what of it stays.
func BenchmarkBuild(b *testing.B) {
	for _, user := range []string{"", "agent-12345@example.com"} {
		b.Run(fmt.Sprintf("user of %d bytes", len(user)), func(b *testing.B) {
			sessions := aMillion(user)
			var before, after runtime.MemStats
			var allocated, kept uint64
			for b.Loop() {
				b.StopTimer()
				runtime.GC()
				runtime.ReadMemStats(&before)
				b.StartTimer()
				builder := batchplan.NewBuilder()
				for _, session := range sessions {
					if err := builder.Add(session); err != nil {
						b.Fatal(err)
					}
				}
				plan := builder.Build(now, 30*24*time.Hour)
				written, err := io.Copy(io.Discard, plan.Text())
				b.StopTimer()
				require.NoError(b, err)
				require.Equal(b, plan.Bytes, written)
				runtime.ReadMemStats(&after)
				allocated += after.TotalAlloc - before.TotalAlloc
				runtime.GC()
				runtime.ReadMemStats(&after)
				kept = max(kept, after.HeapAlloc-before.HeapAlloc)
				runtime.KeepAlive(builder)
				b.StartTimer()
			}
			n := float64(len(sessions))
			b.ReportMetric(float64(b.N)*n/b.Elapsed().Seconds(), "sessions/s")
			b.ReportMetric(float64(allocated)/float64(b.N)/n, "B/session")
			b.ReportMetric(float64(kept)/n, "heap-B/session")
		})
	}
}

func aMillion(user string) []workflows.BatchSession {
	random := rand.New(rand.NewPCG(1, 1))
	sessions := make([]workflows.BatchSession, 0, workflows.MaxBatchSessions)
	bots := make([]string, 50)
	for i := range bots {
		bots[i] = fmt.Sprintf("st-%d", i)
	}
	for i := range workflows.MaxBatchSessions {
		at := now.Add(-time.Duration(random.Int64N(int64(60 * 24 * time.Hour))))
		sessions = append(sessions, workflows.BatchSession{Session: workflows.Session{BotID: bots[i%50], SessionID: fmt.Sprintf("%08x%016x", at.Unix(), i)}, UserID: user})
	}
	return sessions
}
