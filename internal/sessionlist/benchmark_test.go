package sessionlist_test

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/internal/sessionlist"
)

// BenchmarkRead checks files of a million rows of 50 bots, of which every tenth is a
// duplicate. The goal is 200,000 rows a second in less than 100 MB.
func BenchmarkRead(b *testing.B) {
	for _, c := range []struct {
		name   string
		format sessionlist.Format
		userID string
	}{
		{"CSV", sessionlist.CSV, "agent%d@example.com"},
		{"CSV quoted", sessionlist.CSV, `"agent", %d`},
		{"NDJSON", sessionlist.NDJSON, "agent%d@example.com"},
		{"NDJSON escaped", sessionlist.NDJSON, `"agent", %d`},
	} {
		b.Run(c.name, func(b *testing.B) {
			path := millionRows(b, c.format, c.userID)
			var peak uint64
			for b.Loop() {
				peak = max(peak, readAll(b, path))
			}
			b.ReportMetric(float64(b.N)*1_000_000/b.Elapsed().Seconds(), "rows/s")
			b.ReportMetric(float64(peak)/1e6, "peak-heap-MB")
		})
	}
}

// readAll returns the most bytes of the heap that it saw, garbage included.
func readAll(b *testing.B, path string) (peak uint64) {
	file, err := os.Open(path)
	require.NoError(b, err)
	defer file.Close()
	list := sessionlist.Read(file, sessionlist.Options{})
	sessions := 0
	for _, err := range list.All() {
		require.NoError(b, err)
		if sessions++; sessions%20_000 == 0 {
			var memory runtime.MemStats
			runtime.ReadMemStats(&memory)
			peak = max(peak, memory.HeapInuse)
		}
	}
	require.Equal(b, sessionlist.Summary{Rows: 1_000_000, Sessions: 900_000, Duplicates: 100_000}, list.Summary())
	return peak
}

// BenchmarkReadFaults checks a file of a million rows that are all wrong.
func BenchmarkReadFaults(b *testing.B) {
	path := filepath.Join(b.TempDir(), "list")
	file, err := os.Create(path)
	require.NoError(b, err)
	defer file.Close()
	fmt.Fprintln(file, "botId,sessionId")
	for n := range 1_000_000 {
		fmt.Fprintf(file, "st-1,65E7%020x\n", n)
	}
	for b.Loop() {
		_, err = file.Seek(0, io.SeekStart)
		require.NoError(b, err)
		faults := 0
		list := sessionlist.Read(file, sessionlist.Options{OnFault: func(sessionlist.Fault) { faults++ }})
		for _, err := range list.All() {
			require.NoError(b, err)
		}
		require.Equal(b, 1_000_000, faults)
	}
	b.ReportMetric(float64(b.N)*1_000_000/b.Elapsed().Seconds(), "rows/s")
}

// BenchmarkWrite writes one row again and again.
func BenchmarkWrite(b *testing.B) {
	for _, format := range []sessionlist.Format{sessionlist.CSV, sessionlist.NDJSON} {
		b.Run(string(format), func(b *testing.B) {
			writer, err := sessionlist.NewWriter(io.Discard, format)
			require.NoError(b, err)
			row := sessionlist.Row{Session: session(1), UserID: "agent@example.com"}
			for b.Loop() {
				require.NoError(b, writer.Write(row))
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "rows/s")
		})
	}
}

func millionRows(b *testing.B, format sessionlist.Format, userID string) (path string) {
	path = filepath.Join(b.TempDir(), "list")
	file, err := os.Create(path)
	require.NoError(b, err)
	defer file.Close()
	writer, err := sessionlist.NewWriter(file, format)
	require.NoError(b, err)
	for n := range 1_000_000 {
		if n%10 == 9 {
			n -= 9
		}
		require.NoError(b, writer.Write(sessionlist.Row{Session: session(n), UserID: fmt.Sprintf(userID, n)}))
	}
	require.NoError(b, writer.Flush())
	return path
}
