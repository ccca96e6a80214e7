package batchreport_test

import (
	"bytes"
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/internal/batchreport"
	"github.com/callvault/callvault/workflows"
)

func jsonOf(t *testing.T, batchID string, rows ...batchreport.Row) string {
	t.Helper()
	var out bytes.Buffer
	report, err := batchreport.NewJSON(&out, batchID)
	require.NoError(t, err)
	for _, row := range rows {
		require.NoError(t, report.Write(row))
	}
	require.NoError(t, report.Close())
	return out.String()
}

func TestReportIsReadByAJSONDecoder(t *testing.T) {
	rows := someRows()
	var report struct {
		BatchID string                `json:"batchId"`
		Rows    []batchreport.Row     `json:"rows"`
		Total   workflows.ReportTotal `json:"total"`
	}
	decoder := json.NewDecoder(bytes.NewReader([]byte(jsonOf(t, "2026-11", rows...))))
	decoder.DisallowUnknownFields()
	require.NoError(t, decoder.Decode(&report))
	rows[0].StartedAt = rows[0].StartedAt.In(time.UTC)
	report.Rows[0].StartedAt = report.Rows[0].StartedAt.In(time.UTC)
	require.Equal(t, "2026-11", report.BatchID)
	require.Equal(t, rows, report.Rows)
	require.Equal(t, workflows.ReportTotal{
		Sessions: 5, NoOutcome: 2, Files: 2, Bytes: 51, Calls: 4,
		Outcomes: map[workflows.Outcome]int{workflows.OutcomeArchived: 1, workflows.OutcomeFailed: 1, "of_a_later_release": 1},
	}, report.Total)
}

func TestRowHasItsKeysAlways(t *testing.T) {
	require.JSONEq(t, `{"batchId": "b", "rows": [
		{"botId": "`+botID+`", "sessionId": "`+sessionOf(0).SessionID+`", "callTime": "2024-03-05T12:42:34Z", "outcome": "", "reason": "not started", "files": [], "statusChecks": 0}],
		"total": {"sessions": 1, "outcomes": {}, "noOutcome": 1, "files": 0, "bytes": 0, "calls": 0}}`,
		jsonOf(t, "b", batchreport.Row{Session: sessionOf(0), CallTime: callTime, Reason: batchreport.NotStarted, Files: []batchreport.File{}}))
}

func TestJSONOfNothingIsValid(t *testing.T) {
	require.JSONEq(t, `{"batchId": "b\"</script>", "rows": [], "total": {"sessions": 0, "outcomes": {}, "noOutcome": 0, "files": 0, "bytes": 0, "calls": 0}}`, jsonOf(t, `b"</script>`))
}

func TestJSONThatCannotBeWrittenFails(t *testing.T) {
	_, err := batchreport.NewJSON(&failing{}, "b")
	require.ErrorIs(t, err, errDisk)
	report, err := batchreport.NewJSON(&failing{left: 50}, "b")
	require.NoError(t, err)
	require.ErrorIs(t, report.Write(someRows()[0]), errDisk)
	require.ErrorIs(t, report.Close(), errDisk)
	require.Error(t, report.Write(batchreport.Row{Session: sessionOf(0), CallTime: time.Date(10_000, 1, 1, 0, 0, 0, 0, time.UTC)}), "a time that JSON does not have")
}
