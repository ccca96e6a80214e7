package e2e_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"

	"github.com/callvault/callvault/dev/internal/system"
	"github.com/callvault/callvault/internal/simulator"
	"github.com/callvault/callvault/workflows"
	"github.com/callvault/callvault/workflows/batch"
)

// slowBudget lets a test act on a batch while it runs: ten calls a second.
var slowBudget = []string{"SMARTASSIST_CALLS_PER_MINUTE", "600", "SMARTASSIST_CALLS_PER_HOUR", "0"}

// startBatch starts a batch of sessions.
func (h *harness) startBatch(id string, sessions []workflows.BatchSession, changes ...func(*workflows.BatchRequest)) *workflows.BatchRun {
	h.T.Helper()
	request := workflows.BatchRequest{BatchID: id, Sessions: sessions, Policy: longWaits()}
	for _, change := range changes {
		change(&request)
	}
	run, err := workflows.StartBatch(h.Ctx, h.Client, request)
	require.NoError(h.T, err)
	return run
}

// awaitBatch waits until a batch's progress is as wanted.
func (h *harness) awaitBatch(run *workflows.BatchRun, description string, wanted func(workflows.BatchProgress) bool) workflows.BatchProgress {
	h.T.Helper()
	var progress workflows.BatchProgress
	h.Await(description, func() bool {
		ctx, cancel := context.WithTimeout(h.Ctx, 5*time.Second)
		defer cancel()
		var err error
		progress, err = run.Progress(ctx)
		return err == nil && wanted(progress)
	})
	return progress
}

func (h *harness) batchResult(run *workflows.BatchRun) workflows.BatchResult {
	h.T.Helper()
	result, err := run.Result(h.Ctx)
	require.NoError(h.T, err)
	return *result
}

// plainSessions adds sessions that are ready at once.
func (h *harness) plainSessions(count int) []workflows.BatchSession {
	h.T.Helper()
	var sessions []workflows.BatchSession
	for i := range count {
		id := h.AddSession(nil, system.Recording(fmt.Sprintf("plain-%d.wav", i), 8_000))
		sessions = append(sessions, workflows.BatchSession{Session: system.SessionOf(id)})
	}
	return sessions
}

func TestPausedBatchGoesOnWhereItStopped(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.StartWorker(slowBudget...)
	run := h.startBatch("paused", h.plainSessions(200))
	h.awaitBatch(run, "some have ended", func(p workflows.BatchProgress) bool { return p.Ended() > 5 })
	paused, err := run.Pause(h.Ctx, workflows.BatchChange{Reason: "maintenance of the store"})
	require.NoError(t, err)
	require.Equal(t, workflows.BatchPaused, paused.Phase)
	h.AwaitListed(`WorkflowType = 'FetchRecordingsBatchWorkflow' AND CallvaultPhase = 'paused' AND CallvaultBatch = 'paused'`)
	halted := h.awaitBatch(run, "what was started has ended", func(p workflows.BatchProgress) bool { return p.AllRunning() == 0 && p.Ended() == p.Launched })
	require.Less(t, halted.Launched, 200)
	require.Equal(t, "maintenance of the store", halted.Reason)

	_, err = run.Resume(h.Ctx, workflows.BatchChange{})
	require.NoError(t, err)
	result := h.batchResult(run)
	require.Equal(t, 200, result.Total.Outcomes[workflows.OutcomeArchived])
	require.Equal(t, 200, h.Upstream.Counts().API, "no call was wasted")
}

func TestCancelledBatchLetsDownloadsEnd(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.StartWorker(slowBudget...)
	barrier := h.Upstream.BlockDownloads(4_000)
	downloading := h.AddSession(nil, system.Recording("download.wav", 60_000))
	sleeping := h.AddSession([]simulator.Step{{Status: simulator.StatusPartialDownloadFailed}})
	sessions := []workflows.BatchSession{{Session: system.SessionOf(downloading)}, {Session: system.SessionOf(sleeping)}}
	for range 300 {
		sessions = append(sessions, workflows.BatchSession{Session: system.SessionOf(h.AddSession([]simulator.Step{{Status: simulator.StatusCallInProgress}}))})
	}
	run := h.startBatch("cancelled", sessions)
	barrier.AwaitBlocked(h.Ctx, t, 1)
	h.AwaitPhase(system.SessionOf(sleeping).FetchWorkflowID(), workflows.PhasePartialWait)
	h.awaitBatch(run, "fetches wait", func(p workflows.BatchProgress) bool { return p.Launched > 30 })
	require.NoError(t, run.Cancel(h.Ctx))
	h.awaitBatch(run, "the others were cancelled", func(p workflows.BatchProgress) bool {
		return p.Phase == workflows.BatchCancelling && p.NoOutcome > 30 && p.AllRunning() == 1
	})
	barrier.Open()
	result := h.batchResult(run)
	require.Equal(t, workflows.BatchCancelled, result.Phase)
	require.Equal(t, map[workflows.Outcome]int{workflows.OutcomeArchived: 1}, result.Total.Outcomes)
	require.Equal(t, 302, result.Total.Sessions)
	require.Equal(t, 301, result.Total.NoOutcome)
	rows, _ := h.report(result.Report)
	require.Equal(t, "archived", rows[downloading][3])
	require.Contains(t, rows[sleeping][4], "ended without an outcome")
	require.Equal(t, "not started", rows[sessions[len(sessions)-1].SessionID][4])
	require.Zero(t, h.countRunning("cancelled"))
	require.Empty(t, h.OpenUploads())
}

func (h *harness) countRunning(batchID string) int64 {
	h.T.Helper()
	counted, err := h.Client.CountWorkflow(h.Ctx, &workflowservice.CountWorkflowExecutionsRequest{
		Namespace: h.Name, Query: batch.FetchesQuery(batchID, time.Time{}) + " AND ExecutionStatus = 'Running'",
	})
	require.NoError(h.T, err)
	return counted.GetCount()
}

func TestBatchStopsForTooManyFailuresUntilItIsResumed(t *testing.T) {
	t.Parallel()
	const most = 400 // So many that it has stopped twice before all are started.
	h := newHarness(t)
	h.StartWorker(slowBudget...)
	var sessions []workflows.BatchSession
	for i := range most {
		script := []simulator.Step{{Status: simulator.StatusFailed}}
		if i%2 == 0 {
			script = []simulator.Step{{Status: simulator.StatusMediaUnavailable}}
		}
		sessions = append(sessions, workflows.BatchSession{Session: system.SessionOf(h.AddSession(script))})
	}
	run := h.startBatch("failing", sessions, func(r *workflows.BatchRequest) { r.MaxFailures = workflows.FailureLimit{Count: 10} })
	stopped := h.awaitBatch(run, "the batch stops", func(p workflows.BatchProgress) bool { return p.Phase == workflows.BatchStopped })
	require.Contains(t, stopped.Reason, "maxFailures is 10")
	require.Len(t, stopped.Failures, 5)
	h.awaitBatch(run, "what was started has ended", func(p workflows.BatchProgress) bool {
		return p.AllRunning() == 0 && p.Ended() == p.Launched && p.Launched < most
	})
	resumed, err := run.Resume(h.Ctx, workflows.BatchChange{})
	require.NoError(t, err)
	require.Equal(t, workflows.BatchLaunching, resumed.Phase)
	h.awaitBatch(run, "it stops again", func(p workflows.BatchProgress) bool {
		return p.Phase == workflows.BatchStopped && p.Launched > stopped.Launched
	})
	require.NoError(t, run.Cancel(h.Ctx))
	result := h.batchResult(run)
	require.Equal(t, most, result.Total.Sessions)
	require.Positive(t, result.Total.NoOutcome)
}

func TestRetriedBatchStartsOnlyWhatDidNotArchive(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.StartWorker()
	sessions := h.plainSessions(20)
	for i := range 3 {
		id := h.AddSession([]simulator.Step{{Status: simulator.StatusFailed, Calls: 1}, {Status: simulator.StatusSuccess}}, system.Recording(fmt.Sprintf("second-%d.wav", i), 8_000))
		sessions = append(sessions, workflows.BatchSession{Session: system.SessionOf(id)})
	}
	first := h.batchResult(h.startBatch("retried", sessions))
	require.Equal(t, map[workflows.Outcome]int{workflows.OutcomeArchived: 20, workflows.OutcomeFailed: 3}, first.Total.Outcomes)
	_, err := workflows.StartBatch(h.Ctx, h.Client, workflows.BatchRequest{BatchID: "retried", Sessions: sessions})
	require.ErrorContains(t, err, "already")

	again := h.startBatch("retried", nil, func(r *workflows.BatchRequest) {
		r.Source, r.Refetch = &workflows.ObjectRef{Bucket: h.Name, Key: "batches/retried/sessions.ndjson"}, true
	})
	second := h.batchResult(again)
	require.Equal(t, map[workflows.Outcome]int{workflows.OutcomeArchived: 23}, second.Total.Outcomes)
	progress, err := again.Progress(h.Ctx)
	require.NoError(t, err)
	require.Equal(t, 20, progress.Found)
	require.Equal(t, 3, progress.Launched)
	require.Equal(t, 26, h.Upstream.Counts().API, "what is archived costs no call")
}

func TestSessionsThatAreNotOverAreNotAskedFor(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.StartWorker()
	serial := uint64(0)
	add := func(age, length time.Duration) workflows.BatchSession {
		serial++
		id := simulator.NewSessionID(time.Now().Add(-age), serial)
		require.NoError(t, h.Upstream.AddSession(simulator.Session{BotID: system.Bot, SessionID: id, Length: length, Files: []simulator.File{system.Recording(id+".wav", 8_000)}}))
		return workflows.BatchSession{Session: system.SessionOf(id)}
	}
	sessions := []workflows.BatchSession{
		add(time.Minute, time.Hour),        // open
		add(10*time.Minute, 5*time.Minute), // has just ended
		add(time.Hour, 10*time.Minute),     // over
		add(72*time.Hour, 10*time.Minute),  // nobody has to ask
		{Session: system.SessionOf(h.AddSession(nil, system.Recording("old.wav", 8_000)))},
	}
	run := h.startBatch("ready", sessions)
	progress := h.awaitBatch(run, "those that are ready are archived", func(p workflows.BatchProgress) bool { return p.Outcomes[workflows.OutcomeArchived] == 3 })
	require.Equal(t, 2, progress.NotReady)
	require.Contains(t, progress.Readiness, "once the session list says that the calls are over")
	require.Equal(t, workflows.BatchLaunching, progress.Phase)
	counts := h.Upstream.Counts()
	require.Equal(t, 3, counts.API)
	require.Equal(t, 1, counts.Sessions, "one call for all sessions of the last day")
	require.NoError(t, run.Cancel(h.Ctx))
	result := h.batchResult(run)
	require.Equal(t, 3, result.Total.Outcomes[workflows.OutcomeArchived])
	rows, _ := h.report(result.Report)
	require.Contains(t, rows[sessions[0].SessionID][4], "not started")
}

func TestBatchWithoutTheSessionListSaysSo(t *testing.T) {
	t.Parallel()
	h := newHarness(t, func(c *simulator.Config) { c.SessionsScopeWithdrawn = true })
	h.StartWorker()
	id := simulator.NewSessionID(time.Now().Add(-time.Hour), 1)
	require.NoError(t, h.Upstream.AddSession(simulator.Session{BotID: system.Bot, SessionID: id, Files: []simulator.File{system.Recording("a.wav", 8_000)}}))
	run := h.startBatch("unlisted", []workflows.BatchSession{{Session: system.SessionOf(id)}})
	require.Equal(t, 1, h.batchResult(run).Total.Outcomes[workflows.OutcomeArchived])
	progress, err := run.Progress(h.Ctx)
	require.NoError(t, err)
	require.Contains(t, progress.Readiness, "the session list cannot be used")
	require.Contains(t, progress.Readiness, "Bot Sessions")
}

func TestBatchStartsFromJSONAlone(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.StartWorker()
	sessions := h.plainSessions(4)
	h.PutObject("lists/in.csv", fmt.Sprintf("sessionId,botId\n%s,%s\n%s,%s\n%[1]s,%[2]s\n", sessions[2].SessionID, system.Bot, sessions[3].SessionID, system.Bot))
	for id, input := range map[string]string{
		"batch/inline":       fmt.Sprintf(`{"sessions": [{"botId": %q, "sessionId": %q}, {"botId": %[1]q, "sessionId": %[3]q, "userId": "u@example.com"}]}`, system.Bot, sessions[0].SessionID, sessions[1].SessionID),
		"batch/by-reference": fmt.Sprintf(`{"source": {"bucket": %q, "key": "lists/in.csv"}, "policy": {"giveUpAfter": "1h"}, "priority": 3, "maxFailures": "50%%"}`, h.Name),
	} {
		run, err := h.Client.ExecuteWorkflow(h.Ctx, client.StartWorkflowOptions{ID: id, TaskQueue: workflows.TaskQueue}, workflows.FetchRecordingsBatchWorkflowName, json.RawMessage(input))
		require.NoError(t, err)
		var result workflows.BatchResult
		require.NoError(t, run.Get(h.Ctx, &result), id)
		require.Equal(t, strings.TrimPrefix(id, "batch/"), result.BatchID)
		require.Equal(t, map[workflows.Outcome]int{workflows.OutcomeArchived: 2}, result.Total.Outcomes)
		require.Equal(t, id == "batch/by-reference", result.Duplicates == 1)
	}
	h.AwaitListed(`CallvaultBatch = 'inline' AND WorkflowType = 'FetchRecordingsBatchWorkflow' AND CallvaultPhase = 'done'`)
}

func TestListThatCannotBeUsedFailsTheBatchAtOnce(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.StartWorker()
	h.PutObject("lists/bad.csv", "botId,sessionId\n"+system.Bot+",65e7133a3242653c58d7aaaa\n"+system.Bot+",nonsense\nst-other,65e7133a3242653c58d7aaab\n")
	h.PutObject("lists/foreign.csv", "botId,sessionId\n"+system.Bot+",65e7133a3242653c58d7aaaa\nst-other,65e7133a3242653c58d7aaab\n")
	for key, says := range map[string]string{
		"lists/bad.csv":     `line 3: sessionId "…" is malformed`,
		"lists/foreign.csv": "line 3: bot st-other is not served by this worker",
		"lists/missing.csv": "the object does not exist",
	} {
		run := h.startBatch("bad", nil, func(r *workflows.BatchRequest) {
			r.BatchID, r.Source = strings.ReplaceAll(key, "/", "-"), &workflows.ObjectRef{Bucket: h.Name, Key: key}
		})
		_, err := run.Result(h.Ctx)
		require.ErrorContains(t, err, says)
		require.ErrorContains(t, err, workflows.ErrorTypeInvalidInput)
		require.Zero(t, h.countRunning(strings.ReplaceAll(key, "/", "-")))
	}
}

func TestBatchWaitsForAFetchOfSomebodyElse(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.StartWorker()
	barrier := h.Upstream.BlockDownloads(4_000)
	session := system.SessionOf(h.AddSession(nil, system.Recording("shared.wav", 60_000)))
	single := h.Execute(session.SessionID, longWaits())
	barrier.AwaitBlocked(h.Ctx, t, 1)
	run := h.startBatch("shared", []workflows.BatchSession{{Session: session}})
	progress := h.awaitBatch(run, "it has found the fetch", func(p workflows.BatchProgress) bool { return p.Attached == 1 })
	require.Equal(t, 1, progress.Launched)
	barrier.Open()
	h.Result(single)
	require.Equal(t, 1, h.batchResult(run).Total.Outcomes[workflows.OutcomeArchived])
	require.Equal(t, 1, h.Upstream.Counts().API)
}

// The dashboard says what starves a batch.
func TestBatchOfAPausedBudgetSaysWhy(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.StartWorker()
	first := h.plainSessions(1)[0]
	require.Equal(t, workflows.OutcomeArchived, h.Result(h.Execute(first.SessionID, longWaits())).Outcome) // The budget runs.
	pause := func(update string) {
		_, err := h.Client.UpdateWorkflow(h.Ctx, client.UpdateWorkflowOptions{
			WorkflowID: workflows.CallBudgetWorkflowID(system.Bot), UpdateName: update, Args: []any{workflows.BudgetChange{Reason: "the vendor asked for it"}},
			WaitForStage: client.WorkflowUpdateStageCompleted,
		})
		require.NoError(t, err)
	}
	pause(workflows.UpdatePause)
	run := h.startBatch("starved", h.plainSessions(5))
	progress := h.awaitBatch(run, "it says why", func(p workflows.BatchProgress) bool { return p.Reason != "" })
	require.Contains(t, progress.Reason, "no call slots: budget "+system.Bot+" is paused: the vendor asked for it")
	pause(workflows.UpdateResume)
	require.Equal(t, 5, h.batchResult(run).Total.Outcomes[workflows.OutcomeArchived])
}

// A pass whose worker is killed starts nothing twice and forgets nothing.
func TestBatchSurvivesKilledWorkers(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	workers := []*system.Process{h.StartWorker(slowBudget...), h.StartWorker(slowBudget...)}
	sessions, archived := h.batchSessions(80)
	run := h.startBatch("killed", sessions, func(r *workflows.BatchRequest) {
		r.Policy = workflows.FetchPolicy{PollMin: 300 * time.Millisecond, PollMax: time.Second}
	})
	for i, ended := range []int{1, 15, 30} {
		h.awaitBatch(run, fmt.Sprint(ended, " have ended"), func(p workflows.BatchProgress) bool { return p.Ended() >= ended })
		workers[i%2].Kill()
		workers[i%2] = h.Start("worker", system.WorkerBinary, h.Env.With(slowBudget...))
	}
	result := h.batchResult(run)
	require.Equal(t, map[workflows.Outcome]int{workflows.OutcomeArchived: len(archived), workflows.OutcomeFailed: 8, workflows.OutcomeUnavailable: 8}, result.Total.Outcomes)
	progress, err := run.Progress(h.Ctx)
	require.NoError(t, err)
	require.Equal(t, 80, progress.Launched+progress.Found, "%+v", progress)
	require.Equal(t, 80, progress.Ended()+progress.Found, "%+v", progress)
	rows, _ := h.report(result.Report)
	for id, files := range archived {
		require.Equal(t, files[0].Raw, h.Object(h.Ctx, rows[id][6]))
	}
	for _, event := range h.History(h.Ctx, run.WorkflowID(), run.RunID()) {
		require.NotEqual(t, enumspb.EVENT_TYPE_WORKFLOW_TASK_FAILED, event.GetEventType())
	}
}
