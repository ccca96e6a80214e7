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

func TestAWorkerNamesEveryFaultOfItsConfigurationAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const secret = "canary-of-the-configuration"
	secretFile := filepath.Join(t.TempDir(), "secret")
	require.NoError(t, os.WriteFile(secretFile, []byte(secret+"\n"), 0o600))
	w.secrets = append(w.secrets, secret)
	p := w.start("worker", workerBinary, w.env.with(
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
	require.Equal(t, 2, p.exitCode(w.ctx))
	for _, variable := range []string{
		"SMARTASSIST_URL", "SMARTASSIST_BOT_ID", "SMARTASSIST_CLIENT_ID", "SMARTASSIST_CLIENT_SECRET",
		"SMARTASSIST_CALLS_PER_MINUTE", "SMARTASSIST_MEDIA_HOSTS", "S3_ENDPOINT", "S3_BUCKET", "S3_PREFIX",
	} {
		require.Contains(t, p.stderr.String(), "  "+variable+": ")
	}
	require.Contains(t, p.stderr.String(), "9 fault(s)")
	require.Empty(t, p.stdout.String())
}

func TestASecretCanBeReadFromAFile(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	secretFile := filepath.Join(t.TempDir(), "secret")
	require.NoError(t, os.WriteFile(secretFile, []byte(w.secrets[0]+"\n"), 0o600))
	w.startWorker("SMARTASSIST_CLIENT_SECRET", "", "SMARTASSIST_CLIENT_SECRET_FILE", secretFile)
	file := recording("file.wav", 60_000)
	w.requireArchived(w.result(w.execute(w.addSession(nil, file), workflows.Policy{})), file)
}

// closedAddress is one at which nobody answers.
func closedAddress(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, listener.Close())
	return listener.Addr().String()
}

func TestAServerThatDoesNotAnswerIsNamedWithTheRemedy(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	address := closedAddress(t)
	tests := []struct {
		name    string
		process *process
		says    []string
	}{
		{"worker without Temporal", w.start("worker", workerBinary, w.env.with("TEMPORAL_ADDRESS", address)),
			[]string{address, "go run ./dev up", "TEMPORAL_ADDRESS"}},
		{"starter without Temporal", w.start("starter", starterBinary, w.env.with("TEMPORAL_ADDRESS", address), "setup"),
			[]string{address, "go run ./dev up", "TEMPORAL_ADDRESS"}},
		{"worker without a namespace", w.start("worker", workerBinary, w.env.with("TEMPORAL_NAMESPACE", "no-such-namespace")),
			[]string{"no-such-namespace"}},
		{"worker without an archive", w.start("worker", workerBinary, w.env.with("S3_ENDPOINT", "http://"+address)),
			[]string{address, "S3_ENDPOINT"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			require.Equal(t, 1, test.process.exitCode(w.ctx), test.process.stderr)
			for _, words := range test.says {
				require.Contains(t, test.process.stderr.String(), words)
			}
			require.Empty(t, test.process.stdout.String())
		})
	}
}

func TestAFetchGoesOnWhenThePersonWhoWaitsForItLeaves(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.startWorker()
	file := recording("later.wav", 60_000)
	sessionID := w.addSession([]simulator.Step{once(simulator.StatusCallInProgress), {Status: simulator.StatusSuccess}}, file)
	waiting := w.startFetch(sessionID, "--poll-min", "1h")
	waiting.stderr.await(w.ctx, t, "call_in_progress")

	waiting.signal(syscall.SIGINT)
	require.Equal(t, 130, waiting.exitCode(w.ctx))
	require.Empty(t, waiting.stdout.String())
	require.Contains(t, waiting.stderr.String(), "The fetch goes on without you")
	require.Contains(t, waiting.stderr.String(), "fetch --bot "+bot+" --session "+sessionID+" --wait")

	again := w.startFetch(sessionID)
	again.stderr.await(w.ctx, t, "call_in_progress")
	require.True(t, w.checkNow(workflows.FetchWorkflowID(bot, sessionID)).EndedWait)
	require.Zero(t, again.exitCode(w.ctx), again.stderr)
	var result workflows.FetchResult
	again.decodeStdout(&result)
	w.requireArchived(result, file)
}

func TestSetupMayRunTwice(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	first := w.startStarter("setup", "--output", "json")
	require.Zero(t, first.exitCode(w.ctx), first.stderr)
	var registered struct {
		Namespace  string
		Registered []string
	}
	first.decodeStdout(&registered)
	require.Equal(t, w.name, registered.Namespace)
	require.Equal(t, []string{"CallvaultBatch", "CallvaultBot", "CallvaultCallTime", "CallvaultOutcome", "CallvaultPhase"}, registered.Registered)

	second := w.startStarter("setup")
	require.Zero(t, second.exitCode(w.ctx), second.stderr)
	require.Contains(t, second.stdout.String(), "has all of callvault's search attributes")
}

func TestAWorkerTellsWhetherItIsReady(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	address := closedAddress(t)
	before := w.start("worker health", workerBinary, environment{"CALLVAULT_HEALTH_ADDRESS": address}, "health")
	require.Equal(t, 1, before.exitCode(w.ctx))
	w.startWorker("CALLVAULT_HEALTH_ADDRESS", address)
	w.await("the worker is ready", func() bool {
		return w.start("worker health", workerBinary, environment{"CALLVAULT_HEALTH_ADDRESS": address}, "health").exitCode(w.ctx) == 0
	})
}
