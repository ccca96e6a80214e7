package bench_test

import (
	"crypto/sha256"
	"encoding/hex"
	"flag"
	"io"
	"testing"

	"github.com/minio/minio-go/v7"
	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/internal/simulator"
	"github.com/callvault/callvault/workflows"
)

var hugeBytes = flag.Int64("huge", 6<<30, "the size of a recording that is larger than S3 accepts in one PUT")

// BenchmarkTransferHuge archives one recording that is larger than S3 accepts in one PUT, and
// compares what the store has then with the simulator's own SHA-256.
func BenchmarkTransferHuge(b *testing.B) {
	for _, kind := range storeKinds() {
		b.Run(kind.name, func(b *testing.B) {
			to := kind.start(b)
			s := newUnlimitedSite(b, accountOf{name: "bench", bots: []string{bot}, endpoint: to.endpoint, maxRecordingSize: "5TiB"})
			worker := s.startWorkers(1)[0]
			session := s.addRecordings(bot, 1, simulator.File{Size: *hugeBytes, Format: simulator.RF64})[0]
			took := s.transferAll([]workflows.Session{session})
			peak := worker.peak(b)

			want, err := s.vendor.SHA256(bot, session.SessionID)
			require.NoError(b, err)
			recording := s.requireArchived([]fetch{s.start(session, "")})[0].Recordings[0]
			require.Equal(b, want[0][0], recording.SHA256)
			object, err := to.client.GetObject(s.ctx, recording.Bucket, recording.Key, minio.GetObjectOptions{})
			require.NoError(b, err)
			hash := sha256.New()
			stored, err := io.Copy(hash, object)
			require.NoError(b, err)
			require.Equal(b, *hugeBytes, stored)
			require.Equal(b, recording.SHA256, hex.EncodeToString(hash.Sum(nil)), "what the store has")
			report(b, "peak memory of the worker, MiB", float64(peak)/(1<<20), "< 200")
			report(b, "MB a second", float64(*hugeBytes)/1e6/took.Seconds(), "")
			report(b, "part, MiB", float64(recording.StoreChecksum.PartBytes)/(1<<20), "")
			b.ReportMetric(0, "ns/op")
		})
	}
}
