package e2e_test

import (
	"encoding/csv"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/dev/internal/system"
	"github.com/callvault/callvault/internal/simulator"
	"github.com/callvault/callvault/workflows"
)

// batchSessions adds sessions of every outcome to the simulator.
func (h *harness) batchSessions(count int) ([]workflows.BatchSession, map[string][]simulator.File) {
	h.T.Helper()
	var sessions []workflows.BatchSession
	archived := make(map[string][]simulator.File)
	for i := range count {
		var id string
		file := system.Recording(fmt.Sprintf("call-%d.wav", i), 8_000)
		switch i % 10 {
		case 3:
			id = h.AddSession([]simulator.Step{{Status: simulator.StatusFailed}})
		case 7:
			id = h.AddSession([]simulator.Step{{Status: simulator.StatusMediaUnavailable}})
		case 5:
			id = h.AddSession([]simulator.Step{{Status: simulator.StatusMediaInProgress, Calls: 2}, {Status: simulator.StatusSuccess}}, file)
			archived[id] = []simulator.File{file}
		default:
			id = h.AddSession([]simulator.Step{{Status: simulator.StatusSuccess}}, file)
			archived[id] = []simulator.File{file}
		}
		sessions = append(sessions, workflows.BatchSession{Session: system.SessionOf(id), UserID: "canary-user@example.com"})
	}
	return sessions, archived
}

// report is a report in the archive: its rows by session, and its last line.
func (h *harness) report(ref workflows.ObjectRef) (rows map[string][]string, total []string) {
	h.T.Helper()
	require.Equal(h.T, h.Name, ref.Bucket)
	lines, err := csv.NewReader(strings.NewReader(string(h.Object(h.Ctx, ref.Key)))).ReadAll()
	require.NoError(h.T, err)
	rows = make(map[string][]string)
	for _, line := range lines[1 : len(lines)-1] {
		rows[line[1]] = line
	}
	require.Len(h.T, rows, len(lines)-2, "one row for each session")
	return rows, lines[len(lines)-1]
}

func TestBatchEndsWithAReportOfEverySession(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.StartWorker()
	sessions, archived := h.batchSessions(60)
	run, err := workflows.StartBatch(h.Ctx, h.Client, workflows.BatchRequest{
		BatchID: "mixed", Sessions: sessions, Policy: workflows.FetchPolicy{PollMin: 100 * time.Millisecond, PollMax: 200 * time.Millisecond},
	})
	require.NoError(t, err)
	result, err := run.Result(h.Ctx)
	require.NoError(t, err)
	require.Equal(t, workflows.BatchDone, result.Phase)
	require.Equal(t, map[workflows.Outcome]int{workflows.OutcomeArchived: 48, workflows.OutcomeFailed: 6, workflows.OutcomeUnavailable: 6}, result.Total.Outcomes)
	require.Equal(t, 60, result.Total.Sessions)
	require.Zero(t, result.Total.NoOutcome)
	require.Equal(t, h.Upstream.Counts().API, result.Total.Calls)
	progress, err := run.Progress(h.Ctx)
	require.NoError(t, err)
	require.Equal(t, h.Upstream.Counts().API, progress.Calls)
	require.Equal(t, 48, progress.Outcomes[workflows.OutcomeArchived])

	rows, total := h.report(result.Report)
	require.Equal(t, "total", total[0])
	require.Equal(t, "60", total[1])
	require.Len(t, rows, 60)
	for id, files := range archived {
		row := rows[id]
		require.Equal(t, "archived", row[3], row)
		require.Equal(t, h.Folder(id)+files[0].Name, row[6])
		require.Equal(t, strconv.Itoa(len(files[0].Raw)), row[7])
		require.Equal(t, files[0].Raw, h.Object(h.Ctx, row[6]))
	}
}
