package e2e_test

import (
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/internal/simulator"
	"github.com/callvault/callvault/workflows"
)

// patient waits longer than any test: only checkNow gets it on.
func patient() workflows.Policy { return workflows.Policy{PollMin: time.Hour, PollMax: time.Hour} }

func TestAMissingScopeBlocksUntilItIsGranted(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *simulator.Config) { c.ScopeWithdrawn = true })
	w.startWorker()
	file := recording("scope.wav", 60_000)
	sessionID := w.addSession(nil, file)
	run := w.execute(sessionID, patient())

	progress := w.awaitPhase(run.GetID(), workflows.PhaseBlocked)
	require.Contains(t, progress.Reason, "Permission denied. Scope is incorrect!")
	require.Contains(t, progress.Reason, `"SmartAssist Recordings"`)
	require.WithinDuration(t, time.Now().Add(time.Hour), progress.NextCheckAt, 10*time.Minute)
	w.awaitListed("CallvaultPhase = 'blocked' AND ExecutionStatus = 'Running'")
	watching := w.startFetch(sessionID)
	watching.stderr.await(w.ctx, t, "blocked")
	watching.stderr.await(w.ctx, t, "Scope is incorrect")

	w.upstream.SetScope(true)
	require.True(t, w.checkNow(run.GetID()).EndedWait)
	w.requireArchived(w.result(run), file)
	require.Zero(t, watching.exitCode(w.ctx), watching.stderr)
	w.awaitListed("CallvaultPhase = 'archived'")
}

func TestAWrongSecretBlocksUntilTheWorkerHasTheRightOne(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const wrong = "canary-of-the-wrong-secret"
	w.secrets = append(w.secrets, wrong)
	mistaken := w.startWorker("SMARTASSIST_CLIENT_SECRET", wrong)
	file := recording("secret.wav", 60_000)
	run := w.execute(w.addSession(nil, file), patient())
	progress := w.awaitPhase(run.GetID(), workflows.PhaseBlocked)
	require.Contains(t, progress.Reason, "SMARTASSIST_CLIENT_SECRET")
	w.awaitListed("CallvaultPhase = 'blocked'")

	mistaken.signal(syscall.SIGTERM)
	require.Zero(t, mistaken.exitCode(w.ctx), mistaken.stderr)
	w.startWorker()
	require.True(t, w.checkNow(run.GetID()).EndedWait)
	w.requireArchived(w.result(run), file)
}

func TestWrongCredentialsOfTheArchiveBlockUntilTheWorkerHasTheRightOnes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	mistaken := w.startWorker("AWS_SECRET_ACCESS_KEY", "not-it")
	file := recording("archive.wav", 60_000)
	run := w.execute(w.addSession(nil, file), patient())
	progress := w.awaitPhase(run.GetID(), workflows.PhaseBlocked)
	require.Contains(t, progress.Reason, "AWS_SECRET_ACCESS_KEY")
	require.Zero(t, w.upstream.Counts().API, "nothing is asked for that could not be kept")

	mistaken.signal(syscall.SIGTERM)
	require.Zero(t, mistaken.exitCode(w.ctx), mistaken.stderr)
	w.startWorker()
	require.True(t, w.checkNow(run.GetID()).EndedWait)
	w.requireArchived(w.result(run), file)
}

func TestAManifestThatSomebodySpoiltBlocksUntilItIsMovedAway(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.startWorker()
	file := recording("spoilt.wav", 60_000)
	sessionID := w.addSession(nil, file)
	key := w.folder(sessionID) + "manifest.json"
	_, err := w.store.PutObject(w.ctx, w.name, key, strings.NewReader("{}"), 2, minio.PutObjectOptions{DisableContentSha256: true})
	require.NoError(t, err)
	run := w.execute(sessionID, patient())
	progress := w.awaitPhase(run.GetID(), workflows.PhaseBlocked)
	require.Contains(t, progress.Reason, key)
	require.Contains(t, progress.Reason, "move it away")
	require.Zero(t, w.upstream.Counts().API)

	require.NoError(t, w.store.RemoveObject(w.ctx, w.name, key, minio.RemoveObjectOptions{}))
	require.True(t, w.checkNow(run.GetID()).EndedWait)
	w.requireArchived(w.result(run), file)
}

func TestAnUpstreamThatIsOutOfOrderIsWaitedOut(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.startWorker()
	require.NoError(t, w.upstream.SetOutage(&simulator.Fault{Kind: simulator.Answer, Status: 503}))
	file := recording("outage.wav", 60_000)
	run := w.execute(w.addSession(nil, file), workflows.Policy{PollMin: 300 * time.Millisecond, PollMax: 300 * time.Millisecond})
	require.NoError(t, w.upstream.Await(w.ctx, func(c simulator.Counts) bool { return c.Outages >= 3 }))
	require.NoError(t, w.upstream.SetOutage(nil))
	result := w.result(run)
	w.requireArchived(result, file)
	require.GreaterOrEqual(t, result.StatusChecks, 4)
}
