package e2e_test

import (
	"context"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/workflows"
)

func TestSecondDemoRunMakesNoUpstreamCalls(t *testing.T) {
	t.Parallel()
	dev := builtDev(t)
	ctx, cancel := context.WithTimeout(t.Context(), testTimeout)
	defer cancel()
	folder := t.TempDir()

	first := startProcess(t, "dev", dev, environment{}, "--data", folder)
	require.Zero(t, first.exitCode(ctx))
	require.NotContains(t, first.stdout.String(), "Calls of the SmartAssist API in this run: 0,")
	require.Regexp(t, `archived +6\n +had a manifest before +19\n`, first.stdout.String(), "it ends with a batch")

	second := startProcess(t, "dev", dev, environment{}, "demo", "--data", folder)
	require.Zero(t, second.exitCode(ctx))
	require.Contains(t, second.stdout.String(), "Calls of the SmartAssist API in this run: 0, downloads: 0")
	require.Regexp(t, `archived +0\n +had a manifest before +25\n`, second.stdout.String())
	require.Equal(t, outcomeTable(t, first.stdout.String()), outcomeTable(t, second.stdout.String()))
}

// builtDev returns the binary dev. The build is not part of a test's time.
func builtDev(t *testing.T) string {
	t.Helper()
	binary, err := devBinary()
	require.NoError(t, err)
	return binary
}

// outcomeTable returns the demo's table of outcomes.
func outcomeTable(t *testing.T, text string) string {
	t.Helper()
	_, rest, found := strings.Cut(text, "SESSION ")
	require.True(t, found, text)
	table, _, found := strings.Cut(rest, "\n\n")
	require.True(t, found, text)
	return table
}

func TestDevUpServesWorkerAndStarter(t *testing.T) {
	t.Parallel()
	dev := builtDev(t)
	ctx, cancel := context.WithTimeout(t.Context(), testTimeout)
	defer cancel()
	folder := t.TempDir()
	up := startProcess(t, "dev up", dev, environment{}, "up", "--data", folder)
	up.stderr.await(ctx, t, "The simulator's sessions")

	// A second process on the same data folder is refused.
	other := startProcess(t, "dev", dev, environment{}, "--data", folder)
	require.Equal(t, 1, other.exitCode(ctx))
	require.Contains(t, other.stderr.String(), folder+": in use by process ")
	require.Contains(t, other.stderr.String(), "--data DIR")

	settings := make(environment)
	for _, line := range strings.Split(strings.TrimSpace(up.stdout.String()), "\n") {
		match := regexp.MustCompile(`^export ([A-Z0-9_]+)='([^']*)'$`).FindStringSubmatch(line)
		require.NotNil(t, match, "not a shell export: %s", line)
		settings[match[1]] = match[2]
	}
	worker := startProcess(t, "worker", workerBinary, settings)
	worker.stderr.await(ctx, t, "the worker serves")
	// The command that it suggests works.
	_, command, found := strings.Cut(up.stderr.String(), "go run ./starter ")
	require.True(t, found, up.stderr)
	command, _, _ = strings.Cut(command, "\n")
	fetch := startProcess(t, "starter", starterBinary, settings, append(strings.Fields(command), "--output", "json")...)
	require.Zero(t, fetch.exitCode(ctx), fetch.stderr)
	var result workflows.FetchResult
	fetch.decodeStdout(&result)
	require.Equal(t, workflows.OutcomeArchived, result.Outcome)

	worker.signal(syscall.SIGTERM)
	require.Zero(t, worker.exitCode(ctx), worker.stderr)
	up.signal(syscall.SIGINT)
	require.Equal(t, 130, up.exitCode(ctx), up.stderr)
}
