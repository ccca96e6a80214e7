package replay_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/stretchr/testify/require"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/sdk/client"
	sdkworker "go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/callvault/callvault/dev/internal/stack"
	"github.com/callvault/callvault/internal/simulator"
	"github.com/callvault/callvault/workflows"
	"github.com/callvault/callvault/workflows/batch"
)

// batchBots take the calls of the batches: the first of most, each of the others of one
// whose fetches would wait for those of others.
var batchBots = []string{"st-batch", "st-batch-paused", "st-batch-cancelled", "st-batch-continued"}

// batchState is a state in which a later version may find a batch.
type batchState struct {
	name string
	// reach returns a batch in that state. One that is open is exported while it runs.
	reach func(b *batchTest) *workflows.BatchRun
	open  bool
	// shows are lines of what the history was billed for.
	shows []string
	// carries is what the run that is exported has got from the run before; nothing if it
	// is the first.
	carries string

	// slow states are reached only to save their histories.
	slow bool
}

func batchStates() []batchState {
	return []batchState{
		{name: "done", shows: []string{"ActivityTaskScheduled ReportBatch on callvault-batch/dev"}, reach: func(b *batchTest) *workflows.BatchRun {
			sessions := b.sessions(simulator.StatusSuccess, simulator.StatusSuccess, simulator.StatusFailed, simulator.StatusMediaUnavailable)
			b.fetch(sessions[0], workflows.FetchPolicy{}).finish()
			run := b.batch(workflows.BatchRequest{Sessions: append(sessions, sessions[1])})
			result := b.result(run)
			require.Equal(b.t, workflows.BatchDone, result.Phase)
			require.Equal(b.t, map[workflows.Outcome]int{workflows.OutcomeArchived: 2, workflows.OutcomeFailed: 1, workflows.OutcomeUnavailable: 1}, result.Total.Outcomes)
			require.Equal(b.t, 1, result.Duplicates)
			require.Equal(b.t, 1, b.progress(run).Found)
			return run
		}},
		{name: "from_json", shows: []string{"ActivityTaskScheduled PrepareBatch on callvault-batch-list/" + stack.Bucket}, reach: func(b *batchTest) *workflows.BatchRun {
			run := b.fromJSON(map[string]any{"source": b.list(b.sessions(slices.Repeat([]string{simulator.StatusMediaUnavailable}, 60)...)), "maxFailures": 100})
			require.Equal(b.t, map[workflows.Outcome]int{workflows.OutcomeUnavailable: 60}, b.result(run).Total.Outcomes)
			return run
		}},
		{name: "not_ready", open: true, reach: func(b *batchTest) *workflows.BatchRun {
			run := b.batch(workflows.BatchRequest{Sessions: append(b.sessions(simulator.StatusSuccess), b.going())})
			b.await(run, func(p workflows.BatchProgress) bool { return p.NotReady == 1 && p.Ended() == 1 })
			return run
		}},
		{name: "paused", open: true, reach: func(b *batchTest) *workflows.BatchRun {
			b.holdCalls("st-batch-paused")
			run := b.batch(workflows.BatchRequest{Sessions: append(b.sessions(simulator.StatusSuccess, simulator.StatusSuccess), b.going())})
			b.await(run, func(p workflows.BatchProgress) bool { return p.AllRunning() == 2 })
			b.pause(run)
			return run
		}},
		{name: "resumed", reach: func(b *batchTest) *workflows.BatchRun {
			run := b.batch(workflows.BatchRequest{Sessions: b.sessions(simulator.StatusSuccess, simulator.StatusSuccess)})
			b.pause(run)
			b.resume(run)
			require.Equal(b.t, map[workflows.Outcome]int{workflows.OutcomeArchived: 2}, b.result(run).Total.Outcomes)
			return run
		}},
		{name: "stopped", open: true, reach: (*batchTest).stopped},
		{name: "resumed_after_it_stopped", open: true, reach: func(b *batchTest) *workflows.BatchRun {
			run := b.stopped()
			b.resume(run)
			b.await(run, func(p workflows.BatchProgress) bool {
				return p.Phase == workflows.BatchLaunching && p.AsOf.After(p.Since)
			})
			return run
		}},
		{name: "cancelled", shows: []string{"ActivityTaskScheduled CancelBatch on callvault-batch/dev"}, reach: func(b *batchTest) *workflows.BatchRun {
			b.holdCalls("st-batch-cancelled")
			run := b.batch(workflows.BatchRequest{Sessions: append(b.sessions(simulator.StatusSuccess, simulator.StatusSuccess), b.going())})
			b.await(run, func(p workflows.BatchProgress) bool { return p.Running[workflows.PhaseChecking] == 2 })
			require.NoError(b.t, run.Cancel(b.ctx))
			result := b.result(run)
			require.Equal(b.t, workflows.BatchCancelled, result.Phase)
			require.Equal(b.t, 3, result.Total.NoOutcome)
			return run
		}},
		{name: "list_refused", shows: []string{"WorkflowExecutionFailed"}, reach: func(b *batchTest) *workflows.BatchRun {
			run := b.batch(workflows.BatchRequest{Source: b.list([]workflows.BatchSession{{Session: workflows.Session{BotID: b.bot, SessionID: "none"}}})})
			_, err := run.Result(b.ctx)
			require.ErrorContains(b.t, err, "1 row(s) of the list are wrong")
			return run
		}},
		{name: "blocked", open: true, reach: func(b *batchTest) *workflows.BatchRun {
			run := b.batch(workflows.BatchRequest{Sessions: b.sessions(simulator.StatusSuccess)})
			b.pause(run)
			b.removePlan(run)
			b.resume(run)
			progress := b.await(run, func(p workflows.BatchProgress) bool { return p.Phase == workflows.BatchBlocked })
			require.Contains(b.t, progress.Reason, "the plan of the batch cannot be read")
			return run
		}},
		{name: "waiting_for_another", open: true, reach: func(b *batchTest) *workflows.BatchRun {
			sessions := b.sessions(simulator.StatusPartialDownloadFailed)
			another := b.fetch(sessions[0], workflows.FetchPolicy{PartialRetryAfter: 24 * time.Hour})
			b.t.Cleanup(func() { require.NoError(b.t, another.run.Cancel(b.ctx)) })
			run := b.batch(workflows.BatchRequest{Sessions: sessions})
			progress := b.await(run, func(p workflows.BatchProgress) bool {
				return p.Reason == "waiting for "+sessions[0].FetchWorkflowID()
			})
			require.Equal(b.t, workflows.BatchWaiting, progress.Phase)
			require.Equal(b.t, 1, progress.Attached)
			return run
		}},
		{name: "retried", reach: func(b *batchTest) *workflows.BatchRun {
			request := workflows.BatchRequest{BatchID: "retried", Sessions: b.sessions(simulator.StatusSuccess)}
			request.Sessions = append(request.Sessions, b.session(simulator.Session{Files: recording, Script: []simulator.Step{
				{Status: simulator.StatusMediaUnavailable, Calls: 1}, {Status: simulator.StatusSuccess}}}))
			require.Equal(b.t, 1, b.result(b.batch(request)).Total.Outcomes[workflows.OutcomeUnavailable])
			request.Refetch = true
			run := b.batch(request)
			require.Equal(b.t, workflows.BatchDone, b.result(run).Phase)
			progress := b.progress(run)
			require.Equal(b.t, 1, progress.Found, "what is archived is left as it is")
			require.Equal(b.t, 1, progress.Launched)
			return run
		}},
		{name: "list_unserved", slow: true, open: true, reach: func(b *batchTest) *workflows.BatchRun {
			run := b.batch(workflows.BatchRequest{Source: &workflows.ObjectRef{Bucket: "elsewhere", Key: "list.csv"}})
			progress := b.await(run, func(p workflows.BatchProgress) bool { return p.Phase == workflows.BatchBlocked })
			require.Contains(b.t, progress.Reason, "no worker of the account has taken the batch's work")
			return run
		}},
		{name: "continued_as_new", slow: true, open: true, carries: `"resume":{"startedAt":`, reach: func(b *batchTest) *workflows.BatchRun {
			b.holdCalls("st-batch-continued")
			run := b.batch(workflows.BatchRequest{Sessions: b.sessions(simulator.StatusSuccess)})
			b.await(run, func(p workflows.BatchProgress) bool { return p.AllRunning() == 1 })
			continued := b.steerUntilContinued(run)
			b.resume(continued)
			b.await(continued, func(p workflows.BatchProgress) bool {
				return p.Phase == workflows.BatchWaiting && p.AsOf.After(p.Since)
			})
			return continued
		}},
	}
}

// batchTest brings one batch after the other into its state.
type batchTest struct {
	*budgetTest
	t      *testing.T
	name   string // of the state
	serial uint64 // of the last session
}

var recording = []simulator.File{{Name: "a.wav", Raw: []byte("RIFF\x04\x00\x00\x00WAVE")}}

// sessions adds a session of a call of long ago for each status.
func (b *batchTest) sessions(statuses ...string) []workflows.BatchSession {
	b.t.Helper()
	var sessions []workflows.BatchSession
	for _, status := range statuses {
		session := simulator.Session{Script: []simulator.Step{{Status: status}}}
		if status == simulator.StatusSuccess {
			session.Files = recording
		}
		sessions = append(sessions, b.session(session))
	}
	return sessions
}

// going adds a session whose call goes on, so that its turn comes later.
func (b *batchTest) going() workflows.BatchSession {
	b.t.Helper()
	return b.sessionAt(time.Now(), simulator.Session{Script: []simulator.Step{{Status: simulator.StatusCallInProgress}}})
}

func (b *batchTest) session(session simulator.Session) workflows.BatchSession {
	b.t.Helper()
	return b.sessionAt(time.Date(2026, 3, 5, 12, 42, 34, 0, time.UTC), session)
}

func (b *batchTest) sessionAt(begin time.Time, session simulator.Session) workflows.BatchSession {
	b.t.Helper()
	b.serial++
	session.BotID, session.SessionID = b.bot, simulator.NewSessionID(begin, b.serial)
	require.NoError(b.t, b.stack.Upstream.AddSession(session))
	return workflows.BatchSession{Session: workflows.Session{BotID: session.BotID, SessionID: session.SessionID}}
}

// list puts sessions into the archive.
func (b *batchTest) list(sessions []workflows.BatchSession) *workflows.ObjectRef {
	b.t.Helper()
	var list strings.Builder
	list.WriteString("botId,sessionId,userId\n")
	for _, session := range sessions {
		fmt.Fprintf(&list, "%s,%s,\n", session.BotID, session.SessionID)
	}
	ref := &workflows.ObjectRef{Bucket: stack.Bucket, Key: "lists/" + b.name + ".csv"}
	_, err := b.store().PutObject(b.ctx, ref.Bucket, ref.Key, strings.NewReader(list.String()), int64(list.Len()), minio.PutObjectOptions{})
	require.NoError(b.t, err)
	return ref
}

func (b *batchTest) store() *minio.Client {
	b.t.Helper()
	store, err := open(b.stack)
	require.NoError(b.t, err)
	return store
}

// removePlan removes what the next pass reads.
func (b *batchTest) removePlan(run *workflows.BatchRun) {
	b.t.Helper()
	key := "batches/" + b.name + "/plan-" + run.RunID() + ".txt"
	_, err := b.store().StatObject(b.ctx, stack.Bucket, key, minio.StatObjectOptions{})
	require.NoError(b.t, err)
	require.NoError(b.t, b.store().RemoveObject(b.ctx, stack.Bucket, key, minio.RemoveObjectOptions{}))
}

// batch starts a batch that is named after its state.
func (b *batchTest) batch(request workflows.BatchRequest) *workflows.BatchRun {
	b.t.Helper()
	request.BatchID, request.Policy = b.name, workflows.FetchPolicy{PollMin: 50 * time.Millisecond, PollMax: 100 * time.Millisecond}
	run, err := workflows.StartBatch(b.ctx, b.client, request)
	require.NoError(b.t, err)
	return run
}

// fromJSON starts a batch without package workflows.
func (b *batchTest) fromJSON(input map[string]any) *workflows.BatchRun {
	b.t.Helper()
	_, err := b.client.ExecuteWorkflow(b.ctx, client.StartWorkflowOptions{ID: "batch/" + b.name, TaskQueue: workflows.TaskQueue}, workflows.FetchRecordingsBatchWorkflowName, input)
	require.NoError(b.t, err)
	return workflows.GetBatch(b.ctx, b.client, b.name)
}

func (b *batchTest) result(run *workflows.BatchRun) *workflows.BatchResult {
	b.t.Helper()
	result, err := run.Result(b.ctx)
	require.NoError(b.t, err)
	return result
}

func (b *batchTest) progress(run *workflows.BatchRun) workflows.BatchProgress {
	b.t.Helper()
	return b.await(run, func(workflows.BatchProgress) bool { return true })
}

// await returns the first progress that meets a condition. A batch is known not to be served
// after a minute.
func (b *batchTest) await(run *workflows.BatchRun, condition func(workflows.BatchProgress) bool) (progress workflows.BatchProgress) {
	b.t.Helper()
	require.Eventually(b.t, func() bool {
		now, err := run.Progress(b.ctx)
		progress = now
		return err == nil && condition(now)
	}, 90*time.Second, 50*time.Millisecond)
	return progress
}

// pause pauses a batch, and waits for a pass that starts nothing.
func (b *batchTest) pause(run *workflows.BatchRun) {
	b.t.Helper()
	_, err := run.Pause(b.ctx, workflows.BatchChange{Reason: "a pause"})
	require.NoError(b.t, err)
	b.await(run, func(p workflows.BatchProgress) bool { return p.Phase == workflows.BatchPaused && p.AsOf.After(p.Since) })
}

func (b *batchTest) resume(run *workflows.BatchRun) {
	b.t.Helper()
	_, err := run.Resume(b.ctx, workflows.BatchChange{Reason: "no pause"})
	require.NoError(b.t, err)
}

// stopped returns a batch that has stopped for its failures, before all had their turn.
func (b *batchTest) stopped() *workflows.BatchRun {
	b.t.Helper()
	run := b.batch(workflows.BatchRequest{
		Sessions:    append(b.sessions(simulator.StatusFailed, simulator.StatusFailed, simulator.StatusFailed), b.going()),
		MaxFailures: workflows.FailureLimit{Count: 1},
	})
	progress := b.await(run, func(p workflows.BatchProgress) bool {
		return p.Phase == workflows.BatchStopped && p.Outcomes[workflows.OutcomeFailed] == 3
	})
	require.Contains(b.t, progress.Reason, "maxFailures is 1")
	return run
}

// someFetch is a fetch that does not belong to a batch.
type someFetch struct {
	b   *batchTest
	run *workflows.FetchRun
}

func (b *batchTest) fetch(session workflows.BatchSession, policy workflows.FetchPolicy) someFetch {
	b.t.Helper()
	run, err := workflows.StartFetch(b.ctx, b.client, workflows.FetchRequest{Session: session.Session, Policy: policy})
	require.NoError(b.t, err)
	return someFetch{b, run}
}

func (f someFetch) finish() {
	f.b.t.Helper()
	_, err := f.run.Result(f.b.ctx)
	require.NoError(f.b.t, err)
}

// holdCalls lets the fetches of a bot wait for their call slot until the end of the test. The
// sessions that follow are that bot's.
func (b *batchTest) holdCalls(bot string) {
	b.t.Helper()
	b.bot = bot
	b.fetch(b.sessions(simulator.StatusSuccess)[0], workflows.FetchPolicy{}).finish() // It needs a budget.
	b.update(workflows.UpdatePause, workflows.BudgetChange{Reason: "a pause"})
	b.t.Cleanup(func() { b.update(workflows.UpdateResume, workflows.BudgetChange{Reason: "no pause"}) })
}

// steerUntilContinued pauses a batch again and again until it continues as new.
func (b *batchTest) steerUntilContinued(run *workflows.BatchRun) *workflows.BatchRun {
	b.t.Helper()
	var failed error
	const most = 1500 // An update has five events at least.
	for n := range most {
		handle, err := b.client.UpdateWorkflow(b.ctx, client.UpdateWorkflowOptions{
			WorkflowID: run.WorkflowID(), UpdateName: workflows.UpdatePause,
			Args: []any{workflows.BatchChange{Reason: fmt.Sprintf("pause %d", n)}}, WaitForStage: client.WorkflowUpdateStageCompleted,
		})
		switch {
		case err != nil: // It may be about to continue.
			failed = err
			time.Sleep(50 * time.Millisecond)
		case handle.RunID() != run.RunID():
			return workflows.GetBatch(b.ctx, b.client, b.name)
		}
	}
	require.FailNow(b.t, "the batch did not continue as new", "%d updates, the last error: %v", most, failed)
	return nil
}

func TestTodaysHistoriesOfBatchesReplay(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	s, c := start(ctx, t)
	replayer := sdkworker.NewWorkflowReplayer()
	replayer.RegisterWorkflowWithOptions(batch.Workflow, workflow.RegisterOptions{Name: workflows.FetchRecordingsBatchWorkflowName})
	b := &batchTest{budgetTest: &budgetTest{ctx: ctx, stack: s, client: c}}
	for _, state := range batchStates() {
		t.Run(state.name, func(t *testing.T) {
			skipSlow(t, state.slow, "batch")
			b.t, b.budgetTest.t, b.name, b.bot = t, t, state.name, batchBots[0]
			run := state.reach(b)
			history := export(ctx, t, c, run.WorkflowID(), run.RunID())
			if state.open {
				require.NoError(t, run.Cancel(ctx)) // It has no part in what follows.
			}
			requireState(t, state, history)
			keep(t, "batch", state.name, history) // Before the replay, which changes the history.
			require.NoError(t, replayer.ReplayWorkflowHistory(nil, history))
			t.Logf("%d events", len(history.GetEvents()))
		})
	}
}

// requireState requires that a history shows the state that it is kept for.
func requireState(t *testing.T, state batchState, history *historypb.History) {
	t.Helper()
	events := history.GetEvents()
	lines := billed(history)
	for _, line := range state.shows {
		require.Contains(t, lines, line)
	}
	require.Equal(t, !state.open, strings.HasPrefix(events[len(events)-1].GetEventType().String(), "WorkflowExecution"), strings.Join(lines, "\n"))
	started := events[0].GetWorkflowExecutionStartedEventAttributes()
	require.Equal(t, state.carries != "", started.GetContinuedExecutionRunId() != "")
	require.Contains(t, string(started.GetInput().GetPayloads()[0].GetData()), state.carries)
}
