package e2e_test

import (
	"net"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/dev/internal/system"
	"github.com/callvault/callvault/internal/simulator"
	"github.com/callvault/callvault/workflows"
)

func TestWorkerReportsAllConfigurationFaultsAtOnce(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	const secret = "canary-in-configuration"
	secretFile := filepath.Join(t.TempDir(), "secret")
	require.NoError(t, os.WriteFile(secretFile, []byte(secret+"\n"), 0o600))
	h.Secrets = append(h.Secrets, secret)
	p := h.Start("worker", system.WorkerBinary, h.Env.With(
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
	require.Equal(t, 2, p.ExitCode(h.Ctx))
	for _, variable := range []string{
		"SMARTASSIST_URL", "SMARTASSIST_BOT_ID", "SMARTASSIST_CLIENT_ID", "SMARTASSIST_CLIENT_SECRET",
		"SMARTASSIST_CALLS_PER_MINUTE", "SMARTASSIST_MEDIA_HOSTS", "S3_ENDPOINT", "S3_BUCKET", "S3_PREFIX",
	} {
		require.Contains(t, p.Stderr.String(), "  "+variable+": ")
	}
	require.Contains(t, p.Stderr.String(), "9 error(s)")
	require.Empty(t, p.Stdout.String())
}

func TestSecretIsReadFromFile(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	secretFile := filepath.Join(t.TempDir(), "secret")
	require.NoError(t, os.WriteFile(secretFile, []byte(h.Secrets[0]+"\n"), 0o600))
	h.StartWorker("SMARTASSIST_CLIENT_SECRET", "", "SMARTASSIST_CLIENT_SECRET_FILE", secretFile)
	file := system.Recording("file.wav", 60_000)
	h.RequireArchived(h.Result(h.Execute(h.AddSession(nil, file), workflows.FetchPolicy{})), file)
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
		process *system.Process
		want    []string
	}{
		{"worker without Temporal", h.Start("worker", system.WorkerBinary, h.Env.With("TEMPORAL_ADDRESS", address)),
			[]string{address, "start one", "TEMPORAL_ADDRESS"}},
		{"starter without Temporal", h.Start("starter", system.StarterBinary, h.Env.With("TEMPORAL_ADDRESS", address), "setup"),
			[]string{address, "start one", "TEMPORAL_ADDRESS"}},
		{"worker without a namespace", h.Start("worker", system.WorkerBinary, h.Env.With("TEMPORAL_NAMESPACE", "no-such-namespace")),
			[]string{"no-such-namespace", "TEMPORAL_NAMESPACE", "temporal operator namespace create"}},
		{"starter without a namespace", h.Start("starter", system.StarterBinary, h.Env.With("TEMPORAL_NAMESPACE", "no-such-namespace"), "setup"),
			[]string{"no-such-namespace", "TEMPORAL_NAMESPACE", "temporal operator namespace create"}},
		{"worker without an archive", h.Start("worker", system.WorkerBinary, h.Env.With("S3_ENDPOINT", "http://"+address)),
			[]string{address, "S3_ENDPOINT"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			require.Equal(t, 1, test.process.ExitCode(h.Ctx), test.process.Stderr)
			for _, text := range test.want {
				require.Contains(t, test.process.Stderr.String(), text)
			}
			require.Empty(t, test.process.Stdout.String())
		})
	}
}

func TestFetchContinuesAfterWaitingStarterExits(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.StartWorker()
	file := system.Recording("later.wav", 60_000)
	sessionID := h.AddSession([]simulator.Step{once(simulator.StatusCallInProgress), {Status: simulator.StatusSuccess}}, file)
	waiting := h.StartFetch(sessionID, "--poll-min", "1h")
	waiting.Stderr.Await(h.Ctx, t, "call_in_progress")

	waiting.Signal(syscall.SIGINT)
	require.Equal(t, 130, waiting.ExitCode(h.Ctx))
	require.Empty(t, waiting.Stdout.String())
	require.Contains(t, waiting.Stderr.String(), "The fetch continues in the background")
	require.Contains(t, waiting.Stderr.String(), "fetch --bot "+system.Bot+" --session "+sessionID+" --wait")

	again := h.StartFetch(sessionID)
	again.Stderr.Await(h.Ctx, t, "call_in_progress")
	require.True(t, h.CheckNow(system.SessionOf(sessionID).FetchWorkflowID()).EndedWait)
	require.Zero(t, again.ExitCode(h.Ctx), again.Stderr)
	var result workflows.FetchResult
	again.DecodeStdout(&result)
	h.RequireArchived(result, file)
}

func TestSetupIsIdempotent(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	first := h.StartStarter("setup", "--output", "json")
	require.Zero(t, first.ExitCode(h.Ctx), first.Stderr)
	var registered struct {
		Namespace  string
		Registered []string
	}
	first.DecodeStdout(&registered)
	require.Equal(t, h.Name, registered.Namespace)
	require.Equal(t, []string{"CallvaultBatch", "CallvaultBot", "CallvaultCallTime", "CallvaultChecks", "CallvaultOutcome", "CallvaultPhase", "CallvaultPurgeAt"}, registered.Registered)

	second := h.StartStarter("setup")
	require.Zero(t, second.ExitCode(h.Ctx), second.Stderr)
	require.Contains(t, second.Stdout.String(), "has all of callvault's search attributes")
	require.Contains(t, second.Stdout.String(), "needs an operator")
}

func TestWorkerHealthReportsReadiness(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	address := closedAddress(t)
	before := h.Start("worker health", system.WorkerBinary, system.Environment{"CALLVAULT_HEALTH_ADDRESS": address}, "health")
	require.Equal(t, 1, before.ExitCode(h.Ctx))
	h.StartWorker("CALLVAULT_HEALTH_ADDRESS", address)
	h.Await("the worker is ready", func() bool {
		return h.Start("worker health", system.WorkerBinary, system.Environment{"CALLVAULT_HEALTH_ADDRESS": address}, "health").ExitCode(h.Ctx) == 0
	})
}
