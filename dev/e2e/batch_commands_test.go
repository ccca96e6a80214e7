package e2e_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/dev/internal/system"
	"github.com/callvault/callvault/internal/simulator"
	"github.com/callvault/callvault/workflows"
)

// batch runs a command of batches to its end and returns it with its exit code.
func (h *harness) batch(arguments ...string) (p *system.Process, code int) {
	h.T.Helper()
	p = h.StartStarter(append([]string{"batch"}, arguments...)...)
	return p, p.ExitCode(h.Ctx)
}

// listFile writes a list of the tests' bot's sessions and returns its path.
func (h *harness) listFile(name string, sessionIDs ...string) string {
	h.T.Helper()
	lines := "botId,sessionId,userId\n"
	for _, id := range sessionIDs {
		lines += system.Bot + "," + id + ",\n"
	}
	path := filepath.Join(h.T.TempDir(), name)
	require.NoError(h.T, os.WriteFile(path, []byte(lines), 0o600))
	return path
}

// batchReport is the JSON form of a report.
type batchReport struct {
	BatchID string
	Rows    []struct {
		SessionID string
		Outcome   workflows.Outcome
		Files     []struct{ Key, SHA256 string }
	}
	Total workflows.ReportTotal
}

// batchFigures are some of what a dry run prints as JSON.
type batchFigures struct {
	Rows, Duplicates, Sessions, HaveManifest, CallsAtLeast int
	Budgets                                                []struct{ Budget, Limits string }
}

func TestBatchCommandsWalkFromTheListToTheLastRecording(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.StartWorker()
	success := simulator.Step{Status: simulator.StatusSuccess}
	var all []string
	for _, name := range []string{"a.wav", "b.wav", "c.wav"} {
		all = append(all, h.AddSession([]simulator.Step{success}, system.Recording(name, 8_000)))
	}
	failing := h.AddSession([]simulator.Step{once(simulator.StatusFailed), success}, system.Recording("d.wav", 8_000))
	all = append(all, failing)
	list := h.listFile("sessions.csv", append(all, all[0])...)

	// Before: what it would cost.
	var figures batchFigures
	p, code := h.batch("start", "--file", list, "--id", "walk", "--dry-run", "--output", "json")
	require.Zero(t, code, p.Stderr)
	p.DecodeStdout(&figures)
	require.Equal(t, []int{5, 1, 4, 0, 4}, []int{figures.Rows, figures.Duplicates, figures.Sessions, figures.HaveManifest, figures.CallsAtLeast})
	require.Zero(t, h.Upstream.Counts().API)

	// The batch, of which one session fails.
	p, code = h.batch("start", "--file", list, "--id", "walk", "--wait", "--output", "json")
	require.Equal(t, 1, code, p.Stderr)
	var result workflows.BatchResult
	p.DecodeStdout(&result)
	require.Equal(t, workflows.BatchDone, result.Phase)
	require.Equal(t, map[workflows.Outcome]int{workflows.OutcomeArchived: 3, workflows.OutcomeFailed: 1}, result.Total.Outcomes)
	require.NotContains(t, p.Stderr.String(), "warning")
	require.Contains(t, p.Stderr.String(), "started batch walk with 4 sessions")

	p, code = h.batch("start", "--file", list, "--id", "walk")
	require.Equal(t, 2, code)
	require.Contains(t, p.Stderr.String(), "there is a batch walk already")

	p, code = h.batch("status", "walk")
	require.Zero(t, code, p.Stderr)
	require.Contains(t, p.Stdout.String(), "batch walk: done")
	require.Contains(t, p.Stdout.String(), "report: s3://"+h.Name+"/batches/walk/report.csv")
	require.Contains(t, p.Stdout.String(), system.SessionOf(failing).FetchWorkflowID()+"  failed")

	h.Await("the ended batch is listed", func() bool {
		p, code = h.batch("list", "--all", "--output", "json")
		var listed []struct{ BatchID, Phase, State string }
		return code == 0 && json.Unmarshal([]byte(p.Stdout.String()), &listed) == nil && len(listed) == 1 &&
			listed[0].BatchID == "walk" && listed[0].Phase == "done" && listed[0].State == "Completed"
	})

	// The report that is made now is the one that the batch has written.
	p, code = h.batch("report", "walk")
	require.Equal(t, 1, code)
	require.Equal(t, string(h.Object(h.Ctx, "batches/walk/report.csv")), p.Stdout.String())
	require.Contains(t, p.Stderr.String(), "not every session is archived: archived 3, failed 1")

	// What failed is fetched again.
	p, code = h.batch("retry", "walk", "--wait")
	require.Zero(t, code, p.Stderr)
	require.Contains(t, p.Stdout.String(), "batch walk: done: 4 sessions: archived 4\n")
	file := filepath.Join(t.TempDir(), "report.json")
	p, code = h.batch("report", "walk", "--output", "json", "--file", file)
	require.Zero(t, code, p.Stderr)
	body, err := os.ReadFile(file)
	require.NoError(t, err)
	var report batchReport
	require.NoError(t, json.Unmarshal(body, &report))
	require.Equal(t, 4, report.Total.Outcomes[workflows.OutcomeArchived])
	require.Len(t, report.Rows, 4)
	for _, row := range report.Rows {
		manifest := h.Manifest(row.SessionID)
		require.Len(t, row.Files, 1)
		require.Equal(t, manifest.Files[0].SHA256, row.Files[0].SHA256)
	}
	require.Equal(t, 5, h.Upstream.Counts().API, "one call for each session, and one for the retry")

	// Afterwards nothing is left to do.
	p, code = h.batch("start", "--file", list, "--dry-run")
	require.Zero(t, code, p.Stderr)
	require.Contains(t, p.Stdout.String(), "every session has a manifest: nothing is left to do")
}

func TestBatchCommandsSteerABatchThatRuns(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.StartWorker()
	waiting := []simulator.Step{{Status: simulator.StatusCallInProgress}}
	list := h.listFile("waiting.csv", h.AddSession(waiting), h.AddSession(waiting))
	p, code := h.batch("start", "--file", list, "--id", "steered", "--poll-min", "1h", "--output", "json")
	require.Zero(t, code, p.Stderr)
	var begun struct{ BatchID, WorkflowID string }
	p.DecodeStdout(&begun)
	require.Equal(t, "batch/steered", begun.WorkflowID)
	h.awaitBatch(workflows.GetBatch(h.Ctx, h.Client, "steered"), "all fetches are started", func(p workflows.BatchProgress) bool { return p.Phase == workflows.BatchWaiting })

	p, code = h.batch("pause", "steered", "--reason", "a test")
	require.Zero(t, code, p.Stderr)
	require.Contains(t, p.Stdout.String(), "batch steered: paused")
	require.Contains(t, p.Stdout.String(), "a test")
	h.Await("the paused batch is listed", func() bool {
		p, code = h.batch("list")
		return code == 0 && strings.Contains(p.Stdout.String(), "steered") && strings.Contains(p.Stdout.String(), "paused")
	})
	p, code = h.batch("retry", "steered")
	require.Equal(t, 2, code)
	require.Contains(t, p.Stderr.String(), "batch steered is running")

	p, code = h.batch("resume", "steered", "--reason", "the test goes on", "--output", "json")
	require.Zero(t, code, p.Stderr)
	var progress workflows.BatchProgress
	p.DecodeStdout(&progress)
	require.Equal(t, workflows.BatchWaiting, progress.Phase)

	watching := h.StartStarter("batch", "status", "steered", "--watch")
	watching.Stderr.Await(h.Ctx, t, "waiting")
	p, code = h.batch("cancel", "steered")
	require.Zero(t, code, p.Stderr)
	require.Equal(t, 1, watching.ExitCode(h.Ctx), watching.Stderr)
	require.Contains(t, watching.Stdout.String(), "batch steered: cancelled: 2 sessions: no outcome 2\n")
	p, code = h.batch("pause", "steered")
	require.Equal(t, 1, code)
	require.Contains(t, p.Stderr.String(), "batch steered is not running any more")
	p, code = h.batch("report", "steered")
	require.Equal(t, 1, code)
	require.Contains(t, p.Stdout.String(), "its fetch ended without an outcome")
}
