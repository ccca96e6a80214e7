package e2e_test

import (
	"syscall"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/dev/internal/system"
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
	h.StartWorker()
	file := system.Recording("late.wav", 60_000)
	sessionID := h.AddSession([]simulator.Step{once(simulator.StatusMediaUnavailable), {Status: simulator.StatusSuccess}}, file)
	require.Equal(t, workflows.OutcomeUnavailable, h.Result(h.Execute(sessionID, workflows.FetchPolicy{})).Outcome)

	asked := h.StartFetch(sessionID)
	require.Equal(t, 1, asked.ExitCode(h.Ctx), "the manifest's outcome stands")
	require.Equal(t, 1, h.Upstream.SessionCounts(system.Bot, sessionID).StatusCalls)

	reopened := h.StartFetch(sessionID, "--refetch")
	require.Zero(t, reopened.ExitCode(h.Ctx), reopened.Stderr)
	var result workflows.FetchResult
	reopened.DecodeStdout(&result)
	h.RequireArchived(result, file)
	manifest := h.Manifest(sessionID)
	require.Equal(t, "unavailable", manifest.Previous.Outcome)
	require.Equal(t, "media_unavailable", manifest.Previous.Evidence[0].Status)
	require.Equal(t, "success", manifest.Evidence[0].Status)

	require.Zero(t, h.StartFetch(sessionID, "--refetch").ExitCode(h.Ctx), "an archived session is never fetched again")
	require.Equal(t, 2, h.Upstream.SessionCounts(system.Bot, sessionID).StatusCalls)
}

func TestMissingObjectIsFetchedAgain(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.StartWorker()
	first, second := system.Recording("first.wav", 60_000), system.Recording("second.wav", 70_000)
	sessionID := h.AddSession(nil, first, second)
	h.RequireArchived(h.Result(h.Execute(sessionID, workflows.FetchPolicy{})), first, second)

	require.NoError(t, h.Store.RemoveObject(h.Ctx, h.Name, h.Folder(sessionID)+second.Name, minio.RemoveObjectOptions{}))
	result := h.Result(h.Execute(sessionID, workflows.FetchPolicy{}))
	h.RequireArchived(result, first, second)
	require.Equal(t, "archived", h.Manifest(sessionID).Previous.Outcome)
	require.Equal(t, 3, h.Upstream.SessionCounts(system.Bot, sessionID).MediaRequests, "only what was missing")
}

func TestMissingObjectThatCannotBeHadIsDamage(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.StartWorker()
	file := system.Recording("lost.wav", 60_000)
	sessionID := h.AddSession([]simulator.Step{once(simulator.StatusSuccess), {Status: simulator.StatusMediaUnavailable}}, file)
	h.RequireArchived(h.Result(h.Execute(sessionID, workflows.FetchPolicy{})), file)
	key := h.Folder(sessionID) + file.Name
	require.NoError(t, h.Store.RemoveObject(h.Ctx, h.Name, key, minio.RemoveObjectOptions{}))

	damaged := h.StartFetch(sessionID)
	require.Equal(t, 1, damaged.ExitCode(h.Ctx))
	var result workflows.FetchResult
	damaged.DecodeStdout(&result)
	require.Equal(t, workflows.OutcomeDamaged, result.Outcome)
	require.Contains(t, result.Reason, key)
	manifest := h.Manifest(sessionID)
	require.Equal(t, "damaged", manifest.Outcome)
	require.Equal(t, "archived", manifest.Previous.Outcome)
	require.Equal(t, key, manifest.Previous.Files[0].Key)
}

func TestBotThatNoWorkerServesBlocks(t *testing.T) {
	t.Parallel()
	const other = "st-22222222-2222-2222-2222-222222222222"
	h := newHarness(t, func(c *simulator.Config) { c.BotIDs = []string{system.Bot, other} })
	first := h.StartWorker()
	file := system.Recording("deploy.wav", 60_000)
	session := workflows.Session{BotID: other, SessionID: simulator.NewSessionID(system.CallTime, 77)}
	require.NoError(t, h.Upstream.AddSession(simulator.Session{BotID: other, SessionID: session.SessionID, Files: []simulator.File{file}}))
	run, err := workflows.StartFetch(h.Ctx, h.Client, workflows.FetchRequest{Session: session, Policy: shortWaits()})
	require.NoError(t, err)
	progress := h.AwaitPhase(run.WorkflowID(), workflows.PhaseBlocked)
	require.Contains(t, progress.Reason, "no worker has taken the first step for bot "+other)

	h.StartWorker("SMARTASSIST_BOT_ID", system.Bot+","+other)
	first.Signal(syscall.SIGTERM)
	result, err := run.Result(h.Ctx)
	require.NoError(t, err)
	require.Equal(t, workflows.OutcomeArchived, result.Outcome)
}

// The alert for what needs an operator falls silent when nobody waits any more.
func TestCancelledFetchIsNotFoundByItsPhase(t *testing.T) {
	t.Parallel()
	h := newHarness(t, func(c *simulator.Config) { c.ScopeWithdrawn = true })
	worker := h.StartWorker()
	run := h.Execute(h.AddSession(nil, system.Recording("never.wav", 60_000)), longWaits())
	h.AwaitPhase(run.GetID(), workflows.PhaseBlocked)
	h.AwaitListed("CallvaultPhase = 'blocked' AND ExecutionStatus = 'Running'")
	worker.Stderr.Await(h.Ctx, t, "fetches are blocked")
	require.NoError(t, h.Client.CancelWorkflow(h.Ctx, run.GetID(), ""))
	require.Error(t, run.Get(h.Ctx, nil))
	h.AwaitListed("ExecutionStatus = 'Canceled' AND CallvaultPhase IS NULL")
}
