// Package daytest makes sealed days for tests.
package daytest

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/internal/archive"
	"github.com/callvault/callvault/internal/dayrecord"
	"github.com/callvault/callvault/workflows"
)

// Row returns the row of the nth session of a day, n seconds after its begin. An archived one
// has a file of ten bytes.
func Row(t *testing.T, day workflows.Day, n int, outcome workflows.Outcome) dayrecord.Row {
	t.Helper()
	begin, err := day.Begin()
	require.NoError(t, err)
	called := begin.Add(time.Duration(n) * time.Second)
	session := workflows.Session{BotID: day.BotID, SessionID: fmt.Sprintf("%08x3242653c%08x", called.Unix(), n)}
	folder, err := archive.Folder("", session)
	require.NoError(t, err)
	row := dayrecord.Row{
		Session: session, CallTime: called, ListedBy: []string{dayrecord.GetSessions, dayrecord.InteractionDetails}, Outcome: outcome, Status: "media_unavailable",
		Manifest: dayrecord.Object{Key: folder + archive.ManifestName, Bytes: 100, SHA256: strings.Repeat("b", 64)}, Files: []dayrecord.Object{},
	}
	if outcome == workflows.OutcomeArchived {
		row.Status, row.Bytes = "success", 10
		row.Files = append(row.Files, dayrecord.Object{Key: folder + "call.wav", Bytes: 10, SHA256: strings.Repeat("a", 64)})
	}
	return row
}

// Rows returns rows with these outcomes, in order.
func Rows(t *testing.T, day workflows.Day, outcomes ...workflows.Outcome) []dayrecord.Row {
	t.Helper()
	var rows []dayrecord.Row
	for n, outcome := range outcomes {
		rows = append(rows, Row(t, day, n, outcome))
	}
	return rows
}

// Seal returns the record of a revision with rows, and the bytes of both of its objects by
// key. prefix is the archive's. The tree's root is not computed.
func Seal(t *testing.T, prefix string, day workflows.Day, revision int, rows []dayrecord.Row) (dayrecord.Record, map[string][]byte) {
	t.Helper()
	begin, err := day.Begin()
	require.NoError(t, err)
	var lines bytes.Buffer
	encoder := json.NewEncoder(&lines)
	counts := dayrecord.Counts{Sessions: len(rows), Outcomes: make(map[workflows.Outcome]int)}
	for _, row := range rows {
		require.NoError(t, encoder.Encode(row))
		counts.Outcomes[row.Outcome]++
		counts.Files += len(row.Files)
		counts.Bytes += row.Bytes
	}
	sealedAt := begin.Add(time.Duration(72+revision) * time.Hour)
	record := dayrecord.Record{
		Version: dayrecord.Version, BotID: day.BotID, Date: day.Date, Revision: revision, SealedAt: sealedAt, Counts: counts,
		Listings: []dayrecord.Listing{
			{List: dayrecord.GetSessions, At: sealedAt.Add(-time.Hour), Sessions: len(rows), Calls: 1},
			{List: dayrecord.InteractionDetails, At: sealedAt.Add(-time.Hour), Sessions: len(rows), Calls: 1},
		},
		Rows: dayrecord.Rows{
			Object:   dayrecord.Object{Key: key(t, prefix, day, revision, archive.DayRowsFile), Bytes: int64(lines.Len()), SHA256: hexSum(lines.Bytes())},
			TreeSize: int64(len(rows)), TreeRoot: strings.Repeat("0", 64),
		},
	}
	return record, map[string][]byte{record.Rows.Key: lines.Bytes(), key(t, prefix, day, revision, archive.DayRecordFile): Encode(t, record)}
}

// Encode returns the bytes of a record.
func Encode(t *testing.T, record dayrecord.Record) []byte {
	t.Helper()
	body, err := json.Marshal(record)
	require.NoError(t, err)
	return body
}

func key(t *testing.T, prefix string, day workflows.Day, revision int, file archive.DayFile) string {
	t.Helper()
	key, err := archive.DayKey(prefix, day, revision, file)
	require.NoError(t, err)
	return key
}

func hexSum(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:])
}
