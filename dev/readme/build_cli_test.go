package readme_test

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// cli is the newest version of the temporal CLI that builds as a module of its own. Later ones
// need a module that is not published.
const cli = "github.com/temporalio/cli@v1.5.1"

// noServer takes the place of the file with "temporal server start-dev", which brings in
// another Temporal server: with it a build from an empty cache takes eight minutes
// instead of two. The commands that the README shows are not touched.
const noServer = `package temporalcli

import "errors"

func (*TemporalServerStartDevCommand) run(*CommandContext, []string) error {
	return errors.New("this build has no server")
}
`

// buildCLI builds the temporal CLI from its published source, and returns the folder with
// the binary.
func buildCLI(ctx context.Context, t *testing.T) (folder string) {
	t.Helper()
	var module struct{ Dir string }
	downloaded := goCommand(ctx, t, t.TempDir(), "mod", "download", "-json", cli)
	require.NoError(t, json.Unmarshal(downloaded, &module), "%s", downloaded)

	source := filepath.Join(t.TempDir(), "cli")
	require.NoError(t, os.CopyFS(source, os.DirFS(module.Dir)))
	server := filepath.Join(source, "temporalcli", "commands.server.go")
	require.NoError(t, os.WriteFile(server, []byte(noServer), 0o600))

	folder = t.TempDir()
	goCommand(ctx, t, source, "build", "-o", folder, "./cmd/temporal")
	return folder
}

// goCommand runs the go command in a folder, apart from the workspace, and returns what it
// writes to standard output.
func goCommand(ctx context.Context, t *testing.T, folder string, arguments ...string) []byte {
	t.Helper()
	command := exec.CommandContext(ctx, "go", arguments...)
	command.Dir = folder
	command.Env = append(os.Environ(), "GOWORK=off")
	var complaints bytes.Buffer
	command.Stderr = &complaints
	output, err := command.Output()
	require.NoError(t, err, "go %s: %s%s", arguments, output, &complaints)
	return output
}
