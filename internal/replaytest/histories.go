// Package replaytest replays the saved histories of an engine, for the engines' tests.
package replaytest

import (
	"log/slog"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"
)

// Histories replays what released versions have written into histories: the files in
// testdata/histories of the package under test, of which there are so many at least. The
// engines are the workflows' functions, by the names that they are registered by.
func Histories(t *testing.T, engines map[string]any, atLeast int) {
	t.Helper()
	files, err := filepath.Glob("testdata/histories/*.json")
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(files), atLeast, "one for each state")
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			replayer := worker.NewWorkflowReplayer()
			for name, engine := range engines {
				replayer.RegisterWorkflowWithOptions(engine, workflow.RegisterOptions{Name: name})
			}
			require.NoError(t, replayer.ReplayWorkflowHistoryFromJSONFile(log.NewStructuredLogger(slog.New(slog.DiscardHandler)), file))
		})
	}
}
