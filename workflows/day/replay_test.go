package day_test

import (
	"log/slog"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/callvault/callvault/workflows"
	"github.com/callvault/callvault/workflows/day"
)

// A day may run for weeks: whatever a released version has written into a history, this
// version must replay. A test that fails here needs workflow.GetVersion in the code, not a
// new file in testdata.
func TestHistoriesOfReleasedCodeReplay(t *testing.T) {
	files, err := filepath.Glob("testdata/histories/*.json")
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(files), 7, "one for each state")
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			replayer := worker.NewWorkflowReplayer()
			replayer.RegisterWorkflowWithOptions(day.Workflow, workflow.RegisterOptions{Name: workflows.ArchiveDayWorkflowName})
			replayer.RegisterWorkflowWithOptions(day.StartWorkflow, workflow.RegisterOptions{Name: workflows.ArchiveDaysWorkflowName})
			require.NoError(t, replayer.ReplayWorkflowHistoryFromJSONFile(log.NewStructuredLogger(slog.New(slog.DiscardHandler)), file))
		})
	}
}
