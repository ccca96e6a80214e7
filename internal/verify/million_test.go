package verify_test

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/internal/dayrecord"
	"github.com/callvault/callvault/internal/status"
	"github.com/callvault/callvault/internal/verify"
	"github.com/callvault/callvault/internal/verify/verifytest"
	"github.com/callvault/callvault/workflows"
)

// The figure of the log: 200 days of 5,000 sessions, one append each.
const (
	millionDays     = 200
	sessionsEachDay = 5000
)

// BenchmarkASessionOfAMillion verifies one session of a log of 1,000,000 manifests, from a copy
// that has all rows: its row in its day, its day in the log, its manifest, and a file of a kilobyte.
//
//	go test ./internal/verify -run '^$' -bench Million
func BenchmarkASessionOfAMillion(b *testing.B) {
	sample, row := million(b)
	for name, kept := range map[string][]byte{"alone": nil, "with a kept checkpoint": sample.Checkpoints[millionDays/3]} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				result := run(b, sample, verify.Options{SessionID: row.SessionID, BotID: row.BotID, Kept: kept})
				require.True(b, result.OK, "%v", result.Failures)
				require.Equal(b, 1, result.Checked.Files)
			}
		})
	}
}

// million returns the archive, and a row in the middle of it whose objects are there.
func million(b *testing.B) (*verifytest.Archive, dayrecord.Row) {
	b.Helper()
	sample := verifytest.New(b.TempDir(), "calls/", 1)
	listings := []dayrecord.Listing{{List: dayrecord.GetSessions}, {List: dayrecord.InteractionDetails}}
	begin := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	var chosen dayrecord.Row
	objects, most := 0, 0
	for n := range millionDays {
		day := workflows.Day{BotID: "st-00000000-0000-0000-0000-000000000001", Date: begin.AddDate(0, 0, n).Format(time.DateOnly)}
		rows := make([]dayrecord.Row, sessionsEachDay)
		for i := range rows {
			rows[i] = typicalRow(day, begin.AddDate(0, 0, n).Add(time.Duration(i)*86400*time.Second/sessionsEachDay), uint64(i))
		}
		if n == millionDays/2 {
			chosen = withObjects(b, sample, &rows[sessionsEachDay/2])
		}
		entry, err := sample.Seal(day, rows, listings, begin.AddDate(0, 0, n+3))
		require.NoError(b, err)
		require.NoError(b, sample.Append(entry))
		sample.Revisions[n].Rows = nil // They are on the disk.
		now := logObjects(b, sample)
		most = max(most, now-objects)
		if n > 0 {
			require.Equal(b, 2, now-objects, "objects of the log that day %d adds", n)
		}
		objects = now
	}
	b.Logf("the log has %d objects for %d days; a day adds 2", objects, millionDays)
	return sample, chosen
}

func logObjects(b *testing.B, sample *verifytest.Archive) int {
	b.Helper()
	count := 0
	require.NoError(b, filepath.WalkDir(path(sample, "calls/log"), func(_ string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			count++
		}
		return err
	}))
	return count
}

func typicalRow(day workflows.Day, at time.Time, n uint64) dayrecord.Row {
	session := workflows.Session{BotID: day.BotID, SessionID: fmt.Sprintf("%08x%016x", at.Unix(), n)}
	folder := "calls/" + day.BotID + "/" + strings.ReplaceAll(day.Date, "-", "/") + "/" + session.SessionID + "/"
	digest := fmt.Sprintf("%064x", n)
	return dayrecord.Row{
		Session: session, CallTime: at.Truncate(time.Second), ListedBy: []string{dayrecord.GetSessions, dayrecord.InteractionDetails},
		Outcome: workflows.OutcomeArchived, Status: "success", Manifest: dayrecord.Object{Key: folder + "manifest.json", Bytes: 1200, SHA256: digest},
		Files: []dayrecord.Object{{Key: folder + "f-00000000-0000-0000-0000-000000000000.wav", Bytes: 960044, SHA256: digest}}, Bytes: 960044,
		Evidence: []status.Evidence{{Status: "success", First: at, Last: at, Count: 1}}, PurgeAt: at.AddDate(0, 3, 0), UserHash: digest,
	}
}

// withObjects writes the manifest and the file of a row, and returns it with their digests.
func withObjects(b *testing.B, sample *verifytest.Archive, row *dayrecord.Row) dayrecord.Row {
	b.Helper()
	file, err := sample.Put(row.Files[0].Key, make([]byte, 1024))
	require.NoError(b, err)
	row.Files, row.Bytes = []dayrecord.Object{file}, file.Bytes
	content, err := json.Marshal(map[string]any{"botId": row.BotID, "sessionId": row.SessionID, "outcome": row.Outcome, "files": row.Files})
	require.NoError(b, err)
	row.Manifest, err = sample.Put(row.Manifest.Key, content)
	require.NoError(b, err)
	return *row
}
