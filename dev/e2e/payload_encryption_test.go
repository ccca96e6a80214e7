package e2e_test

import (
	"crypto/rand"
	"encoding/base64"
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"
	sdklog "go.temporal.io/sdk/log"

	"github.com/callvault/callvault/dev/internal/system"
	"github.com/callvault/callvault/internal/payloadcodec"
	"github.com/callvault/callvault/internal/secret"
	"github.com/callvault/callvault/internal/simulator"
	"github.com/callvault/callvault/workflows"
)

// keysFile writes a file with one key, as docs/payload-encryption.md says.
func keysFile(t *testing.T) string {
	t.Helper()
	key := make([]byte, 32)
	_, err := rand.Read(key)
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "payload.keys")
	require.NoError(t, os.WriteFile(path, []byte("2026-11 "+base64.StdEncoding.EncodeToString(key)+"\n"), 0o600))
	return path
}

// clientWithKeys returns a client that reads and writes with the keys of a file.
func (h *harness) clientWithKeys(keys string) client.Client {
	h.T.Helper()
	codec, err := payloadcodec.New(secret.File(keys).Read)
	require.NoError(h.T, err)
	c, err := client.DialContext(h.Ctx, client.Options{
		HostPort: h.Env["TEMPORAL_ADDRESS"], Namespace: h.Name, Logger: sdklog.NewStructuredLogger(slog.New(slog.DiscardHandler)),
		DataConverter: payloadcodec.NewDataConverter(codec),
	})
	require.NoError(h.T, err)
	h.T.Cleanup(c.Close)
	return c
}

func TestUserIdsStandInNoHistoryIfPayloadsAreEncrypted(t *testing.T) {
	t.Parallel()
	const user = "canary-user@example.com"
	h := newHarness(t)
	earlierID, earlierFile := h.addSleeping("earlier.wav")
	plain := h.StartWorker()
	earlier := h.Execute(earlierID, longWaits())
	h.AwaitPhase(earlier.GetID(), workflows.PhaseCallInProgress)
	plain.Kill()

	keys := keysFile(t)
	h.Env = h.Env.With("CALLVAULT_PAYLOAD_KEYS_FILE", keys)
	h.StartWorker()
	file := system.Recording("encrypted.wav", 60_000)
	sessionID := h.AddSession([]simulator.Step{once(simulator.StatusMediaInProgress), {Status: simulator.StatusSuccess}}, file)
	starter := h.StartFetch(sessionID, "--user", user, "--poll-min", "100ms", "--poll-max", "200ms")
	require.Zero(t, starter.ExitCode(h.Ctx), starter.Stderr)
	var result workflows.FetchResult
	starter.DecodeStdout(&result)
	h.RequireArchived(result, file)
	require.Equal(t, user, h.Upstream.Calls()[len(h.Upstream.Calls())-2].UserID)

	history := string(system.ExportHistory(t, h.History(h.Ctx, system.SessionOf(sessionID).FetchWorkflowID(), "")))
	require.NotContains(t, history, user)
	require.NotContains(t, history, "outcome")
	require.NotContains(t, history, "Recording of session", "summaries are encrypted too")

	// A fetch that began in clear goes on.
	c := h.clientWithKeys(keys)
	run := workflows.GetFetch(h.Ctx, c, system.SessionOf(earlierID))
	checked, err := run.CheckNow(h.Ctx)
	require.NoError(t, err)
	require.True(t, checked.EndedWait)
	archived, err := run.Result(h.Ctx)
	require.NoError(t, err)
	h.RequireArchived(*archived, earlierFile)
	memo, err := c.DescribeWorkflowExecution(h.Ctx, system.SessionOf(sessionID).FetchWorkflowID(), "")
	require.NoError(t, err)
	require.Equal(t, workflows.FlowPurgeAlarm, workflows.FlowOf(memo.GetWorkflowExecutionInfo().GetMemo()), "the memo is in clear")
}
