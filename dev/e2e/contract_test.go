package e2e_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/dev/internal/system"
	"github.com/callvault/callvault/internal/simulator"
)

// goCommand runs the go command in a folder and returns what it printed.
func goCommand(ctx context.Context, t *testing.T, folder string, environment []string, arguments ...string) string {
	t.Helper()
	command := exec.CommandContext(ctx, "go", arguments...)
	command.Dir = folder
	command.Env = append(os.Environ(), environment...)
	output, err := command.CombinedOutput()
	require.NoError(t, err, "go %s: %s", strings.Join(arguments, " "), output)
	return string(output)
}

func TestExamplesRun(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.StartWorker()
	file := system.Recording("call.wav", 60_000)
	inCall := []simulator.Step{{Status: simulator.StatusCallInProgress}}
	failed := []simulator.Step{{Status: simulator.StatusFailed}}
	failedOnce := []simulator.Step{{Status: simulator.StatusFailed, Calls: 1}, {Status: simulator.StatusSuccess}}
	for i, script := range [][]simulator.Step{nil, nil, inCall, nil, failed, nil, failedOnce, nil} {
		session := simulator.Session{BotID: system.Bot, SessionID: fmt.Sprintf("65e7133a3242653c58d7%04d", i+1), Script: script, Files: []simulator.File{file}}
		require.NoError(t, h.Upstream.AddSession(session))
	}
	h.PutObject("lists/2024-03.csv", "botId,sessionId\n"+system.Bot+",65e7133a3242653c58d70006\n"+system.Bot+",65e7133a3242653c58d70007\n")
	other := h.newElsewhere()
	environment := []string{"GOWORK=off", "CALLVAULT_RUN_EXAMPLES=1", "CALLER_NAMESPACE=" + other.name, "NEXUS_ENDPOINT=" + other.endpoint}
	for name, value := range h.Env {
		environment = append(environment, name+"="+value)
	}
	output := goCommand(h.Ctx, t, system.Repository, environment, "test", "-count=1", "-v", "-run", "^Example", "./workflows")
	for _, example := range []string{"StartFetch", "RunFetch", "FetchRun_Progress", "StartBatch", "RunBatch", "_nexus"} {
		require.Contains(t, output, "--- PASS: Example"+example+" ")
	}
}

// heavy are modules that a caller of our workflows must not get.
var heavy = []string{"minio", "cobra", "jwt", "go-jose", "flac"}

func TestContractImportsTheSDKAlone(t *testing.T) {
	t.Parallel()
	for _, imported := range strings.Fields(goCommand(t.Context(), t, system.Repository, []string{"GOWORK=off"}, "list", "-f", `{{join .Imports " "}}`, "./workflows")) {
		first, _, _ := strings.Cut(imported, "/")
		require.True(t, !strings.Contains(first, ".") || first == "go.temporal.io", imported)
	}
	for _, dependency := range strings.Fields(goCommand(t.Context(), t, system.Repository, []string{"GOWORK=off"}, "list", "-deps", "./workflows")) {
		if strings.HasPrefix(dependency, "github.com/callvault/") {
			require.Equal(t, "github.com/callvault/callvault/workflows", dependency)
		}
		for _, module := range heavy {
			require.NotContains(t, dependency, module)
		}
	}
}

func TestModuleThatImportsTheContractAloneBuilds(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	write := func(name, content string) {
		require.NoError(t, os.WriteFile(filepath.Join(folder, name), []byte(content), 0o600))
	}
	write("go.mod", fmt.Sprintf("module caller.example\n\ngo 1.26.0\n\nrequire github.com/callvault/callvault v0.1.0\n\nreplace github.com/callvault/callvault => %s\n", system.Repository))
	write("caller.go", `package caller

import (
	"go.temporal.io/sdk/workflow"

	"github.com/callvault/callvault/workflows"
)

func Nightly(ctx workflow.Context, session workflows.Session) (*workflows.FetchResult, error) {
	return workflows.RunFetch(ctx, workflows.FetchRequest{Session: session})
}
`)
	sums, err := os.ReadFile(filepath.Join(system.Repository, "go.sum"))
	require.NoError(t, err)
	write("go.sum", string(sums))
	environment := []string{"GOWORK=off", "GOFLAGS=-mod=mod"}
	goCommand(t.Context(), t, folder, environment, "mod", "tidy")
	goCommand(t.Context(), t, folder, environment, "vet", "./...")
	kept, err := os.ReadFile(filepath.Join(folder, "go.mod"))
	require.NoError(t, err)
	for _, module := range heavy {
		require.NotContains(t, string(kept), module)
	}
}
