package e2e_test

import (
	"syscall"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/internal/simulator"
	"github.com/callvault/callvault/workflows"
)

// shortWaits returns a policy with waits short enough for a test.
func shortWaits() workflows.FetchPolicy {
	return workflows.FetchPolicy{PollMin: 200 * time.Millisecond, PollMax: 400 * time.Millisecond, PartialRetryAfter: time.Second, GiveUpAfter: time.Minute}
}

func TestRefetchReopensAFailure(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.startWorker()
	file := recording("late.wav", 60_000)
	sessionID := h.addSession([]simulator.Step{once(simulator.StatusMediaUnavailable), {Status: simulator.StatusSuccess}}, file)
	require.Equal(t, workflows.OutcomeUnavailable, h.result(h.execute(sessionID, workflows.FetchPolicy{})).Outcome)

	asked := h.startFetch(sessionID)
	require.Equal(t, 1, asked.exitCode(h.ctx), "the manifest's outcome stands")
	require.Equal(t, 1, h.upstream.SessionCounts(bot, sessionID).StatusCalls)

	reopened := h.startFetch(sessionID, "--refetch")
	require.Zero(t, reopened.exitCode(h.ctx), reopened.stderr)
	var result workflows.FetchResult
	reopened.decodeStdout(&result)
	h.requireArchived(result, file)
	manifest := h.manifest(sessionID)
	require.Equal(t, "unavailable", manifest.Previous.Outcome)
	require.Equal(t, "media_unavailable", manifest.Previous.Evidence[0].Status)
	require.Equal(t, "success", manifest.Evidence[0].Status)

	require.Zero(t, h.startFetch(sessionID, "--refetch").exitCode(h.ctx), "an archived session is never fetched again")
	require.Equal(t, 2, h.upstream.SessionCounts(bot, sessionID).StatusCalls)
}

func TestMissingObjectIsFetchedAgain(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.startWorker()
	first, second := recording("first.wav", 60_000), recording("second.wav", 70_000)
	sessionID := h.addSession(nil, first, second)
	h.requireArchived(h.result(h.execute(sessionID, workflows.FetchPolicy{})), first, second)

	require.NoError(t, h.store.RemoveObject(h.ctx, h.name, h.folder(sessionID)+second.Name, minio.RemoveObjectOptions{}))
	result := h.result(h.execute(sessionID, workflows.FetchPolicy{}))
	h.requireArchived(result, first, second)
	require.Equal(t, "archived", h.manifest(sessionID).Previous.Outcome)
	require.Equal(t, 3, h.upstream.SessionCounts(bot, sessionID).MediaRequests, "only what was missing")
}

func TestMissingObjectThatCannotBeHadIsDamage(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.startWorker()
	file := recording("lost.wav", 60_000)
	sessionID := h.addSession([]simulator.Step{once(simulator.StatusSuccess), {Status: simulator.StatusMediaUnavailable}}, file)
	h.requireArchived(h.result(h.execute(sessionID, workflows.FetchPolicy{})), file)
	key := h.folder(sessionID) + file.Name
	require.NoError(t, h.store.RemoveObject(h.ctx, h.name, key, minio.RemoveObjectOptions{}))

	damaged := h.startFetch(sessionID)
	require.Equal(t, 1, damaged.exitCode(h.ctx))
	var result workflows.FetchResult
	damaged.decodeStdout(&result)
	require.Equal(t, workflows.OutcomeDamaged, result.Outcome)
	require.Contains(t, result.Reason, key)
	manifest := h.manifest(sessionID)
	require.Equal(t, "damaged", manifest.Outcome)
	require.Equal(t, "archived", manifest.Previous.Outcome)
	require.Equal(t, key, manifest.Previous.Files[0].Key)
}

func TestBotThatNoWorkerServesBlocks(t *testing.T) {
	t.Parallel()
	const other = "st-22222222-2222-2222-2222-222222222222"
	h := newHarness(t, func(c *simulator.Config) { c.BotIDs = []string{bot, other} })
	first := h.startWorker()
	file := recording("deploy.wav", 60_000)
	session := workflows.Session{BotID: other, SessionID: simulator.NewSessionID(callTime, 77)}
	require.NoError(t, h.upstream.AddSession(simulator.Session{BotID: other, SessionID: session.SessionID, Files: []simulator.File{file}}))
	run, err := workflows.StartFetch(h.ctx, h.client, workflows.FetchRequest{Session: session, Policy: shortWaits()})
	require.NoError(t, err)
	progress := h.awaitPhase(run.WorkflowID(), workflows.PhaseBlocked)
	require.Contains(t, progress.Reason, "no worker has taken the first step for bot "+other)

	h.startWorker("SMARTASSIST_BOT_ID", bot+","+other)
	first.signal(syscall.SIGTERM)
	result, err := run.Result(h.ctx)
	require.NoError(t, err)
	require.Equal(t, workflows.OutcomeArchived, result.Outcome)
}

// The alert for what needs an operator falls silent when nobody waits any more.
func TestCancelledFetchIsNotFoundByItsPhase(t *testing.T) {
	t.Parallel()
	h := newHarness(t, func(c *simulator.Config) { c.ScopeWithdrawn = true })
	worker := h.startWorker()
	run := h.execute(h.addSession(nil, recording("never.wav", 60_000)), longWaits())
	h.awaitPhase(run.GetID(), workflows.PhaseBlocked)
	h.awaitListed("CallvaultPhase = 'blocked' AND ExecutionStatus = 'Running'")
	worker.stderr.await(h.ctx, t, "fetches are blocked")
	require.NoError(t, h.client.CancelWorkflow(h.ctx, run.GetID(), ""))
	require.Error(t, run.Get(h.ctx, nil))
	h.awaitListed("ExecutionStatus = 'Canceled' AND CallvaultPhase IS NULL")
}
