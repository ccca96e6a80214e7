// Package readme_test runs what README.md says about the temporal CLI with the real one.
package readme_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/log"

	"github.com/callvault/callvault/dev/internal/datadir"
	"github.com/callvault/callvault/dev/internal/ports"
	"github.com/callvault/callvault/dev/internal/stack"
	"github.com/callvault/callvault/internal/simulator"
	"github.com/callvault/callvault/internal/worker"
	"github.com/callvault/callvault/workflows"
)

// timeout bounds the whole test, with a build of the CLI from an empty cache.
const timeout = 9 * time.Minute

// commands returns the README's commands below markers such as "# batch, inline".
func commands(t *testing.T) map[string]string {
	t.Helper()
	content, err := os.ReadFile("../../README.md")
	require.NoError(t, err)
	found := make(map[string]string)
	for _, match := range regexp.MustCompile("(?m)^# batch, ([a-z ]+)\\n((?:[^`\\n].*\\n)+)").FindAllStringSubmatch(string(content), -1) {
		found[match[1]] = match[2]
	}
	return found
}

func TestCommandsForBatchesRunAsTheyStand(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), timeout)
	defer cancel()
	repository, err := filepath.Abs("../..") // before the store changes the working folder
	require.NoError(t, err)
	lines := commands(t)
	binaries := buildCLI(ctx, t)

	data, err := datadir.Open(t.TempDir())
	require.NoError(t, err)
	defer data.Close()
	s, err := stack.Start(ctx, stack.Options{Data: data, Upstream: simulator.Config{EnforceJTI: true, CallsPerMinute: 6_000, CallsPerHour: simulator.Unlimited},
		TemporalPort: ports.Any, UIPort: ports.Any, StorePort: ports.Any, UpstreamPort: ports.Any})
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Stop()) }()
	c, err := client.DialContext(ctx, client.Options{HostPort: s.Temporal.Address(), Namespace: stack.Namespace, Logger: log.NewStructuredLogger(quiet)})
	require.NoError(t, err)
	defer c.Close()
	defer startWorker(ctx, t, s, c)()

	sessions := addSessions(t, s)
	putList(ctx, t, s, "lists/2026-12.csv", fmt.Sprintf("botId,sessionId\n%s,%s\n", simulator.DefaultBotID, sessions[1]))
	run := func(marker string) string {
		t.Helper()
		line := lines[marker]
		require.NotEmpty(t, line, marker)
		line = strings.ReplaceAll(strings.ReplaceAll(line, "st-…", simulator.DefaultBotID), "000000000000000000000000", sessions[0])
		command := exec.CommandContext(ctx, "sh", "-c", line)
		command.Dir = repository
		command.Env = append(os.Environ(), "PATH="+binaries+":"+os.Getenv("PATH"), "TEMPORAL_ADDRESS="+s.Temporal.Address(), "TEMPORAL_NAMESPACE="+stack.Namespace,
			"HOME="+binaries)
		output, err := command.CombinedOutput()
		require.NoError(t, err, "%s: %s", line, output)
		return string(output)
	}

	require.Contains(t, run("by reference"), "batch/2026-12")
	result, err := workflows.GetBatch(ctx, c, "2026-12").Result(ctx)
	require.NoError(t, err)
	require.Equal(t, 1, result.Total.Outcomes[workflows.OutcomeArchived])

	require.Contains(t, run("inline"), "batch/2026-11")
	require.Contains(t, run("pause"), "paused")
	require.Contains(t, run("progress"), "paused")
	require.NotContains(t, run("resume"), `"paused"`)
	require.NotContains(t, run("fetches"), "error")
	run("cancel") // Its only session is in a call, so it is still running.
	result, err = workflows.GetBatch(ctx, c, "2026-11").Result(ctx)
	require.NoError(t, err)
	require.Equal(t, workflows.BatchCancelled, result.Phase)
}

var quiet = slog.New(slog.DiscardHandler)

// startWorker returns once a worker serves. The returned function stops it.
func startWorker(ctx context.Context, t *testing.T, s *stack.Stack, c client.Client) (stop func()) {
	t.Helper()
	settings, err := s.Settings()
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(ctx)
	ready, ended := make(chan struct{}), make(chan error, 1)
	go func() {
		ended <- worker.Run(ctx, worker.Options{Client: c, Namespace: stack.Namespace, Settings: settings, Logger: quiet, Ready: func() { close(ready) }})
	}()
	select {
	case <-ready:
	case err := <-ended:
		require.NoError(t, err)
	}
	return func() { cancel(); require.NoError(t, <-ended) }
}

// addSessions adds one whose call goes on, and one that is ready.
func addSessions(t *testing.T, s *stack.Stack) []string {
	t.Helper()
	var ids []string
	for i, script := range [][]simulator.Step{{{Status: simulator.StatusCallInProgress}}, nil} {
		id := simulator.NewSessionID(time.Now().AddDate(0, 0, -3), uint64(i))
		require.NoError(t, s.Upstream.AddSession(simulator.Session{BotID: simulator.DefaultBotID, SessionID: id, Script: script, Files: []simulator.File{{Duration: time.Second}}}))
		ids = append(ids, id)
	}
	return ids
}

func putList(ctx context.Context, t *testing.T, s *stack.Stack, key, content string) {
	t.Helper()
	store, err := minio.New(strings.TrimPrefix(s.Store.Endpoint(), "http://"), &minio.Options{
		Creds: s.Credentials(), Region: stack.Region,
	})
	require.NoError(t, err)
	_, err = store.PutObject(ctx, stack.Bucket, key, strings.NewReader(content), int64(len(content)), minio.PutObjectOptions{})
	require.NoError(t, err)
}
