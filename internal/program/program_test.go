package program

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestHintsNameTheProgramAsTheUserRunsIt(t *testing.T) {
	for running, want := range map[string]string{
		"/tmp/go-build4242/b001/exe/starter": "go run ./worker",
		"/callvault-starter":                 "/callvault-worker",
		"./bin/callvault-starter":            "./bin/callvault-worker",
		"starter":                            "worker",
		"callvault-starter.exe":              "callvault-worker",
		"/usr/local/bin/cv":                  "callvault-worker",
	} {
		require.Equal(t, want, commandBeside(running, "worker"), running)
	}
}

func TestHintsNameTheCommandThatRunsTheContainer(t *testing.T) {
	name := Name("starter")
	t.Setenv("CALLVAULT_STARTER_COMMAND", "docker-compose run --rm starter")
	t.Setenv("CALLVAULT_WORKER_COMMAND", "docker-compose up -d worker")
	require.Equal(t, "docker-compose run --rm starter", Command("starter"))
	require.Equal(t, "docker-compose up -d worker", Command("worker"))
	require.Equal(t, name, Name("starter"), "the usage has the program's own name")
}

func TestVersionComesFromTheBuild(t *testing.T) {
	info := &debug.BuildInfo{GoVersion: "go1.26.8"}
	require.Equal(t, "(devel) go1.26.8", versionOf(info))
	info.Main.Version = "v0.1.0"
	require.Equal(t, "v0.1.0 go1.26.8", versionOf(info))
	info.Settings = []debug.BuildSetting{{Key: "vcs.revision", Value: "0123456789abcdef"}, {Key: "vcs.time", Value: "2026-11-24T12:00:00Z"}}
	require.Equal(t, "v0.1.0 (commit 0123456789ab of 2026-11-24T12:00:00Z) go1.26.8", versionOf(info))
}

func TestOnlyAVersionOfOneBuildIsABuildID(t *testing.T) {
	for version, want := range map[string]string{
		"v0.3.0":                               "v0.3.0",
		"v0.3.1-0.20261124120000-0123456789ab": "v0.3.1-0.20261124120000-0123456789ab",
		"v0.3.1-0.20261124120000-0123456789ab+dirty": "",
		"(devel)": "",
		"":        "",
	} {
		require.Equal(t, want, buildIDOf(&debug.BuildInfo{Main: debug.Module{Version: version}}), version)
	}
}

func TestExitCodes(t *testing.T) {
	interrupted, cancel := context.WithCancel(t.Context())
	cancel()
	for _, row := range []struct {
		ctx    context.Context
		err    error
		code   int
		stderr string
	}{
		{t.Context(), nil, ExitDone, ""},
		{interrupted, nil, ExitDone, ""},
		{t.Context(), errors.New("broken"), ExitFailed, "starter: broken\n"},
		{t.Context(), fmt.Errorf("%w: gave_up", ErrReported), ExitFailed, ""},
		{t.Context(), fmt.Errorf("wrapped: %w", Usage(errors.New("no such flag"))), ExitUsage, "starter: wrapped: no such flag\n"},
		{interrupted, Usage(errors.New("no such flag")), ExitUsage, "starter: no such flag\n"},
		{t.Context(), ErrInterrupted, ExitInterrupted, ""},
		{interrupted, errors.New("connection lost"), ExitInterrupted, ""},
	} {
		var stderr bytes.Buffer
		require.Equal(t, row.code, Exit(row.ctx, "starter", row.err, &stderr), row.err)
		require.Equal(t, row.stderr, stderr.String())
	}
}
