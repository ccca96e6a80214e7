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

// longWaits returns a policy that waits longer than any test runs, so that only
// checkNow ends a wait.
func longWaits() workflows.FetchPolicy {
	return workflows.FetchPolicy{PollMin: time.Hour, PollMax: time.Hour}
}

func TestMissingScopeBlocksUntilGranted(t *testing.T) {
	t.Parallel()
	h := newHarness(t, func(c *simulator.Config) { c.ScopeWithdrawn = true })
	h.startWorker()
	file := recording("scope.wav", 60_000)
	sessionID := h.addSession(nil, file)
	run := h.execute(sessionID, longWaits())

	progress := h.awaitPhase(run.GetID(), workflows.PhaseBlocked)
	require.Contains(t, progress.Reason, "Permission denied. Scope is incorrect!")
	require.Contains(t, progress.Reason, `"SmartAssist Recordings"`)
	require.WithinDuration(t, time.Now().Add(time.Hour), progress.NextCheckAt, 10*time.Minute)
	h.awaitListed("CallvaultPhase = 'blocked' AND ExecutionStatus = 'Running'")
	watching := h.startFetch(sessionID)
	watching.stderr.await(h.ctx, t, "blocked")
	watching.stderr.await(h.ctx, t, "Scope is incorrect")

	h.upstream.SetScope(true)
	require.True(t, h.checkNow(run.GetID()).EndedWait)
	h.requireArchived(h.result(run), file)
	require.Zero(t, watching.exitCode(h.ctx), watching.stderr)
	h.awaitListed("CallvaultPhase = 'archived'")
}

func TestWrongClientSecretBlocksUntilCorrected(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	const wrong = "canary-wrong-client-secret"
	h.secrets = append(h.secrets, wrong)
	misconfigured := h.startWorker("SMARTASSIST_CLIENT_SECRET", wrong)
	file := recording("secret.wav", 60_000)
	run := h.execute(h.addSession(nil, file), longWaits())
	progress := h.awaitPhase(run.GetID(), workflows.PhaseBlocked)
	require.Contains(t, progress.Reason, "SMARTASSIST_CLIENT_SECRET")
	h.awaitListed("CallvaultPhase = 'blocked'")

	misconfigured.signal(syscall.SIGTERM)
	require.Zero(t, misconfigured.exitCode(h.ctx), misconfigured.stderr)
	h.startWorker()
	require.True(t, h.checkNow(run.GetID()).EndedWait)
	h.requireArchived(h.result(run), file)
}

func TestWrongArchiveCredentialsBlockUntilCorrected(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	misconfigured := h.startWorker("AWS_SECRET_ACCESS_KEY", "not-it")
	file := recording("archive.wav", 60_000)
	run := h.execute(h.addSession(nil, file), longWaits())
	progress := h.awaitPhase(run.GetID(), workflows.PhaseBlocked)
	require.Contains(t, progress.Reason, "AWS_SECRET_ACCESS_KEY")
	require.Zero(t, h.upstream.Counts().API, "no API calls while the archive is not writable")

	misconfigured.signal(syscall.SIGTERM)
	require.Zero(t, misconfigured.exitCode(h.ctx), misconfigured.stderr)
	h.startWorker()
	require.True(t, h.checkNow(run.GetID()).EndedWait)
	h.requireArchived(h.result(run), file)
}

func TestInvalidManifestBlocksUntilRemoved(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.startWorker()
	file := recording("damaged.wav", 60_000)
	sessionID := h.addSession(nil, file)
	key := h.folder(sessionID) + "manifest.json"
	_, err := h.store.PutObject(h.ctx, h.name, key, strings.NewReader("{}"), 2, minio.PutObjectOptions{DisableContentSha256: true})
	require.NoError(t, err)
	run := h.execute(sessionID, longWaits())
	progress := h.awaitPhase(run.GetID(), workflows.PhaseBlocked)
	require.Contains(t, progress.Reason, key)
	require.Contains(t, progress.Reason, "move it away")
	require.Zero(t, h.upstream.Counts().API)

	require.NoError(t, h.store.RemoveObject(h.ctx, h.name, key, minio.RemoveObjectOptions{}))
	require.True(t, h.checkNow(run.GetID()).EndedWait)
	h.requireArchived(h.result(run), file)
}

func TestUnavailableUpstreamIsRetriedUntilItRecovers(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.startWorker()
	require.NoError(t, h.upstream.SetOutage(&simulator.Fault{Kind: simulator.Respond, Status: 503}))
	file := recording("outage.wav", 60_000)
	run := h.execute(h.addSession(nil, file), workflows.FetchPolicy{PollMin: 300 * time.Millisecond, PollMax: 300 * time.Millisecond})
	require.NoError(t, h.upstream.Await(h.ctx, func(c simulator.Counts) bool { return c.Outages >= 3 }))
	require.NoError(t, h.upstream.SetOutage(nil))
	result := h.result(run)
	h.requireArchived(result, file)
	require.GreaterOrEqual(t, result.StatusChecks, 4)
}
