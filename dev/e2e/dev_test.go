package e2e_test

import (
	"context"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/dev/internal/system"
	"github.com/callvault/callvault/workflows"
)

func TestSecondDemoRunMakesNoUpstreamCalls(t *testing.T) {
	t.Parallel()
	dev := builtDev(t)
	ctx, cancel := context.WithTimeout(t.Context(), system.TestTimeout)
	defer cancel()
	folder := t.TempDir()

	first := system.StartProcess(t, "dev", dev, system.Environment{}, "--data", folder)
	require.Zero(t, first.ExitCode(ctx))
	require.NotContains(t, first.Stdout.String(), "Calls of the SmartAssist API in this run: 0,")
	require.Regexp(t, `archived +6\n +had a manifest before +19\n`, first.Stdout.String(), "it ends with a batch")

	second := system.StartProcess(t, "dev", dev, system.Environment{}, "demo", "--data", folder)
	require.Zero(t, second.ExitCode(ctx))
	require.Contains(t, second.Stdout.String(), "Calls of the SmartAssist API in this run: 0, downloads: 0")
	require.Regexp(t, `archived +0\n +had a manifest before +25\n`, second.Stdout.String())
	require.Equal(t, outcomeTable(t, first.Stdout.String()), outcomeTable(t, second.Stdout.String()))
}

// builtDev returns the binary dev. The build is not part of a test's time.
func builtDev(t *testing.T) string {
	t.Helper()
	binary, err := system.DevBinary()
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
	ctx, cancel := context.WithTimeout(t.Context(), system.TestTimeout)
	defer cancel()
	folder := t.TempDir()
	up := system.StartProcess(t, "dev up", dev, system.Environment{}, "up", "--data", folder)
	up.Stderr.Await(ctx, t, "The simulator's sessions")

	// A second process on the same data folder is refused.
	other := system.StartProcess(t, "dev", dev, system.Environment{}, "--data", folder)
	require.Equal(t, 1, other.ExitCode(ctx))
	require.Contains(t, other.Stderr.String(), folder+": in use by process ")
	require.Contains(t, other.Stderr.String(), "--data DIR")

	settings := make(system.Environment)
	for _, line := range strings.Split(strings.TrimSpace(up.Stdout.String()), "\n") {
		match := regexp.MustCompile(`^export ([A-Z0-9_]+)='([^']*)'$`).FindStringSubmatch(line)
		require.NotNil(t, match, "not a shell export: %s", line)
		settings[match[1]] = match[2]
	}
	worker := system.StartProcess(t, "worker", system.WorkerBinary, settings)
	worker.Stderr.Await(ctx, t, "the worker serves")
	// The command that it suggests works.
	_, command, found := strings.Cut(up.Stderr.String(), "go run ./starter ")
	require.True(t, found, up.Stderr)
	command, _, _ = strings.Cut(command, "\n")
	fetch := system.StartProcess(t, "starter", system.StarterBinary, settings, append(strings.Fields(command), "--output", "json")...)
	require.Zero(t, fetch.ExitCode(ctx), fetch.Stderr)
	var result workflows.FetchResult
	fetch.DecodeStdout(&result)
	require.Equal(t, workflows.OutcomeArchived, result.Outcome)

	worker.Signal(syscall.SIGTERM)
	require.Zero(t, worker.ExitCode(ctx), worker.Stderr)
	up.Signal(syscall.SIGINT)
	require.Equal(t, 130, up.ExitCode(ctx), up.Stderr)
}
