package e2e_test

import (
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/dev/internal/system"
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
	h.StartWorker()
	file := system.Recording("scope.wav", 60_000)
	sessionID := h.AddSession(nil, file)
	run := h.Execute(sessionID, longWaits())

	progress := h.AwaitPhase(run.GetID(), workflows.PhaseBlocked)
	require.Contains(t, progress.Reason, "Permission denied. Scope is incorrect!")
	require.Contains(t, progress.Reason, `"SmartAssist Recordings"`)
	require.WithinDuration(t, time.Now().Add(time.Hour), progress.NextCheckAt, 10*time.Minute)
	h.AwaitListed("CallvaultPhase = 'blocked' AND ExecutionStatus = 'Running'")
	watching := h.StartFetch(sessionID)
	watching.Stderr.Await(h.Ctx, t, "blocked")
	watching.Stderr.Await(h.Ctx, t, "Scope is incorrect")

	h.Upstream.SetScope(true)
	require.True(t, h.CheckNow(run.GetID()).EndedWait)
	h.RequireArchived(h.Result(run), file)
	require.Zero(t, watching.ExitCode(h.Ctx), watching.Stderr)
	h.AwaitListed("CallvaultPhase = 'archived'")
}

func TestWrongClientSecretBlocksUntilCorrected(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	const wrong = "canary-wrong-client-secret"
	h.Secrets = append(h.Secrets, wrong)
	misconfigured := h.StartWorker("SMARTASSIST_CLIENT_SECRET", wrong)
	file := system.Recording("secret.wav", 60_000)
	run := h.Execute(h.AddSession(nil, file), longWaits())
	progress := h.AwaitPhase(run.GetID(), workflows.PhaseBlocked)
	require.Contains(t, progress.Reason, "SMARTASSIST_CLIENT_SECRET")
	h.AwaitListed("CallvaultPhase = 'blocked'")

	misconfigured.Signal(syscall.SIGTERM)
	require.Zero(t, misconfigured.ExitCode(h.Ctx), misconfigured.Stderr)
	h.StartWorker()
	require.True(t, h.CheckNow(run.GetID()).EndedWait)
	h.RequireArchived(h.Result(run), file)
}

func TestWrongArchiveCredentialsBlockUntilCorrected(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	misconfigured := h.StartWorker("AWS_SECRET_ACCESS_KEY", "not-it")
	file := system.Recording("archive.wav", 60_000)
	run := h.Execute(h.AddSession(nil, file), longWaits())
	progress := h.AwaitPhase(run.GetID(), workflows.PhaseBlocked)
	require.Contains(t, progress.Reason, "AWS_SECRET_ACCESS_KEY")
	require.Zero(t, h.Upstream.Counts().API, "no API calls while the archive is not writable")

	misconfigured.Signal(syscall.SIGTERM)
	require.Zero(t, misconfigured.ExitCode(h.Ctx), misconfigured.Stderr)
	h.StartWorker()
	require.True(t, h.CheckNow(run.GetID()).EndedWait)
	h.RequireArchived(h.Result(run), file)
}

func TestInvalidManifestBlocksUntilRemoved(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.StartWorker()
	file := system.Recording("damaged.wav", 60_000)
	sessionID := h.AddSession(nil, file)
	key := h.Folder(sessionID) + "manifest.json"
	_, err := h.Store.PutObject(h.Ctx, h.Name, key, strings.NewReader("{}"), 2, minio.PutObjectOptions{DisableContentSha256: true})
	require.NoError(t, err)
	run := h.Execute(sessionID, longWaits())
	progress := h.AwaitPhase(run.GetID(), workflows.PhaseBlocked)
	require.Contains(t, progress.Reason, key)
	require.Contains(t, progress.Reason, "move it away")
	require.Zero(t, h.Upstream.Counts().API)

	require.NoError(t, h.Store.RemoveObject(h.Ctx, h.Name, key, minio.RemoveObjectOptions{}))
	require.True(t, h.CheckNow(run.GetID()).EndedWait)
	h.RequireArchived(h.Result(run), file)
}

func TestUnavailableUpstreamIsRetriedUntilItRecovers(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.StartWorker()
	require.NoError(t, h.Upstream.SetOutage(&simulator.Fault{Kind: simulator.Respond, Status: 503}))
	file := system.Recording("outage.wav", 60_000)
	run := h.Execute(h.AddSession(nil, file), workflows.FetchPolicy{PollMin: 300 * time.Millisecond, PollMax: 300 * time.Millisecond})
	require.NoError(t, h.Upstream.Await(h.Ctx, func(c simulator.Counts) bool { return c.Outages >= 3 }))
	require.NoError(t, h.Upstream.SetOutage(nil))
	result := h.Result(run)
	h.RequireArchived(result, file)
	require.GreaterOrEqual(t, result.StatusChecks, 4)
}
