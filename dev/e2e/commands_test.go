package e2e_test

import (
	"net"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/internal/simulator"
	"github.com/callvault/callvault/workflows"
)

func TestWorkerReportsAllConfigurationFaultsAtOnce(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	const secret = "canary-in-configuration"
	secretFile := filepath.Join(t.TempDir(), "secret")
	require.NoError(t, os.WriteFile(secretFile, []byte(secret+"\n"), 0o600))
	h.secrets = append(h.secrets, secret)
	p := h.start("worker", workerBinary, h.env.with(
		"SMARTASSIST_URL", "http://smartassist.example.com",
		"SMARTASSIST_BOT_ID", "",
		"SMARTASSIST_CLIENT_ID", "",
		"SMARTASSIST_CLIENT_SECRET_FILE", secretFile,
		"SMARTASSIST_CALLS_PER_MINUTE", "a few",
		"SMARTASSIST_MEDIA_HOSTS", "https://media.example.com/",
		"S3_ENDPOINT", "http://user:"+secret+"@127.0.0.1:1",
		"S3_BUCKET", "No_Bucket",
		"S3_PREFIX", "/calls",
	))
	require.Equal(t, 2, p.exitCode(h.ctx))
	for _, variable := range []string{
		"SMARTASSIST_URL", "SMARTASSIST_BOT_ID", "SMARTASSIST_CLIENT_ID", "SMARTASSIST_CLIENT_SECRET",
		"SMARTASSIST_CALLS_PER_MINUTE", "SMARTASSIST_MEDIA_HOSTS", "S3_ENDPOINT", "S3_BUCKET", "S3_PREFIX",
	} {
		require.Contains(t, p.stderr.String(), "  "+variable+": ")
	}
	require.Contains(t, p.stderr.String(), "9 error(s)")
	require.Empty(t, p.stdout.String())
}

func TestSecretIsReadFromFile(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	secretFile := filepath.Join(t.TempDir(), "secret")
	require.NoError(t, os.WriteFile(secretFile, []byte(h.secrets[0]+"\n"), 0o600))
	h.startWorker("SMARTASSIST_CLIENT_SECRET", "", "SMARTASSIST_CLIENT_SECRET_FILE", secretFile)
	file := recording("file.wav", 60_000)
	h.requireArchived(h.result(h.execute(h.addSession(nil, file), workflows.FetchPolicy{})), file)
}

// closedAddress returns a loopback address on which nothing listens.
func closedAddress(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, listener.Close())
	return listener.Addr().String()
}

func TestUnreachableServerErrorNamesTheRemedy(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	address := closedAddress(t)
	tests := []struct {
		name    string
		process *process
		want    []string
	}{
		{"worker without Temporal", h.start("worker", workerBinary, h.env.with("TEMPORAL_ADDRESS", address)),
			[]string{address, "start one", "TEMPORAL_ADDRESS"}},
		{"starter without Temporal", h.start("starter", starterBinary, h.env.with("TEMPORAL_ADDRESS", address), "setup"),
			[]string{address, "start one", "TEMPORAL_ADDRESS"}},
		{"worker without a namespace", h.start("worker", workerBinary, h.env.with("TEMPORAL_NAMESPACE", "no-such-namespace")),
			[]string{"no-such-namespace", "TEMPORAL_NAMESPACE", "temporal operator namespace create"}},
		{"starter without a namespace", h.start("starter", starterBinary, h.env.with("TEMPORAL_NAMESPACE", "no-such-namespace"), "setup"),
			[]string{"no-such-namespace", "TEMPORAL_NAMESPACE", "temporal operator namespace create"}},
		{"worker without an archive", h.start("worker", workerBinary, h.env.with("S3_ENDPOINT", "http://"+address)),
			[]string{address, "S3_ENDPOINT"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			require.Equal(t, 1, test.process.exitCode(h.ctx), test.process.stderr)
			for _, text := range test.want {
				require.Contains(t, test.process.stderr.String(), text)
			}
			require.Empty(t, test.process.stdout.String())
		})
	}
}

func TestFetchContinuesAfterWaitingStarterExits(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.startWorker()
	file := recording("later.wav", 60_000)
	sessionID := h.addSession([]simulator.Step{once(simulator.StatusCallInProgress), {Status: simulator.StatusSuccess}}, file)
	waiting := h.startFetch(sessionID, "--poll-min", "1h")
	waiting.stderr.await(h.ctx, t, "call_in_progress")

	waiting.signal(syscall.SIGINT)
	require.Equal(t, 130, waiting.exitCode(h.ctx))
	require.Empty(t, waiting.stdout.String())
	require.Contains(t, waiting.stderr.String(), "The fetch continues in the background")
	require.Contains(t, waiting.stderr.String(), "fetch --bot "+bot+" --session "+sessionID+" --wait")

	again := h.startFetch(sessionID)
	again.stderr.await(h.ctx, t, "call_in_progress")
	require.True(t, h.checkNow(sessionOf(sessionID).FetchWorkflowID()).EndedWait)
	require.Zero(t, again.exitCode(h.ctx), again.stderr)
	var result workflows.FetchResult
	again.decodeStdout(&result)
	h.requireArchived(result, file)
}

func TestSetupIsIdempotent(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	first := h.startStarter("setup", "--output", "json")
	require.Zero(t, first.exitCode(h.ctx), first.stderr)
	var registered struct {
		Namespace  string
		Registered []string
	}
	first.decodeStdout(&registered)
	require.Equal(t, h.name, registered.Namespace)
	require.Equal(t, []string{"CallvaultBatch", "CallvaultBot", "CallvaultCallTime", "CallvaultChecks", "CallvaultOutcome", "CallvaultPhase", "CallvaultPurgeAt"}, registered.Registered)

	second := h.startStarter("setup")
	require.Zero(t, second.exitCode(h.ctx), second.stderr)
	require.Contains(t, second.stdout.String(), "has all of callvault's search attributes")
}

func TestWorkerHealthReportsReadiness(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	address := closedAddress(t)
	before := h.start("worker health", workerBinary, environment{"CALLVAULT_HEALTH_ADDRESS": address}, "health")
	require.Equal(t, 1, before.exitCode(h.ctx))
	h.startWorker("CALLVAULT_HEALTH_ADDRESS", address)
	h.await("the worker is ready", func() bool {
		return h.start("worker health", workerBinary, environment{"CALLVAULT_HEALTH_ADDRESS": address}, "health").exitCode(h.ctx) == 0
	})
}
