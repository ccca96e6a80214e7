//go:build unix

package audio_test

import (
	"crypto/sha256"
	"io"
	"math"
	"math/rand/v2"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/internal/audio"
)

// cpu is the user and system time of the process.
func cpu(b *testing.B) time.Duration {
	var usage syscall.Rusage
	require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &usage))
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// benchmarkInspect measures the CPU-seconds that inspection takes for a GB of the
// samples repeated, in writes of 32 KiB, beside SHA-256 of the same bytes. CPU time
// is counted in steps of some milliseconds, so a round takes a GB of each. The
// fastest round counts: what else runs on the machine can only add.
func benchmarkInspect(b *testing.B, header string, samples []byte) {
	const writes = 1 << 15
	measure := func(w io.Writer) float64 {
		before := cpu(b)
		for range writes {
			_, _ = w.Write(samples)
		}
		return (cpu(b) - before).Seconds() / (writes * float64(len(samples))) * 1e9
	}
	inspection, hash := math.Inf(1), math.Inf(1)
	for b.Loop() {
		inspector := audio.NewInspector(audio.Options{})
		_, _ = io.WriteString(inspector, header)
		inspection = min(inspection, measure(inspector))
		require.NotNil(b, inspector.Findings())
		hash = min(hash, measure(sha256.New()))
	}
	b.ReportMetric(inspection, "CPU-s/GB")
	b.ReportMetric(hash, "CPU-s/GB-SHA-256")
	b.ReportMetric(inspection/hash, "of-SHA-256")
}

// speech is 32 KiB of bytes of which each sample of 16 bits is 0 with a probability of
// some per cent, and each of 8 bits is silence in μ-law likewise: what a branch
// would guess worst.
func speech() []byte {
	random := rand.New(rand.NewPCG(1, 0))
	samples := make([]byte, 32<<10)
	for i := range samples {
		samples[i] = byte(random.IntN(12))
		if random.IntN(12) == 0 {
			samples[i] = 0xff
		}
	}
	return samples
}

func BenchmarkInspectWAV(b *testing.B) {
	for _, c := range []struct {
		name                 string
		tag, channels, width uint64
	}{
		{"PCM16Mono", 1, 1, 2}, {"PCM16Stereo", 1, 2, 2}, {"MuLawMono", 7, 1, 1}, {"MuLawStereo", 7, 2, 1}, {"ALawMono", 6, 1, 1},
		{"PCM8Mono", 1, 1, 1}, {"PCM24Mono", 1, 1, 3}, {"PCM32Stereo", 1, 2, 4}, {"PCM16Of3Channels", 1, 3, 2},
	} {
		header := "RIFF" + zeros(4) + "WAVE" + fmtChunk(c.tag, c.channels, 8000, c.channels*c.width, 8*c.width) + "data" + zeros(4)
		b.Run(c.name, func(b *testing.B) { benchmarkInspect(b, header, speech()) })
	}
	header := "RIFF" + zeros(4) + "WAVE" + pcmFormat + "data" + zeros(4)
	b.Run("PCM16MonoSilence", func(b *testing.B) { benchmarkInspect(b, header, []byte(zeros(32<<10))) })
	b.Run("PCM16MonoFromAnOddOffset", func(b *testing.B) { benchmarkInspect(b, header+"x", speech()) })
}

// BenchmarkInspectFLAC measures for a GB of FLAC.
func BenchmarkInspectFLAC(b *testing.B) {
	const rounds = 50
	_, file := encoded(rand.New(rand.NewPCG(2, 0)), 2, 16, 200_000)
	least := math.Inf(1)
	for b.Loop() {
		before := cpu(b)
		for range rounds {
			inspector := audio.NewInspector(audio.Options{DecodeFLAC: true})
			for piece := range slices.Chunk([]byte(file), 32<<10) {
				_, _ = inspector.Write(piece)
			}
			require.Equal(b, audio.MD5Matches, inspector.Findings().FLACMD5)
		}
		least = min(least, (cpu(b)-before).Seconds()/float64(rounds*len(file))*1e9)
	}
	b.ReportMetric(least, "CPU-s/GB")
}
