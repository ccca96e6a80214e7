package day_test

import (
	"testing"

	"github.com/callvault/callvault/internal/replaytest"
	"github.com/callvault/callvault/workflows"
	"github.com/callvault/callvault/workflows/day"
)

// A day may run for weeks: whatever a released version has written into a history, this
// version must replay. A test that fails here needs workflow.GetVersion in the code, not a
// new file in testdata.
func TestHistoriesOfReleasedCodeReplay(t *testing.T) {
	replaytest.Histories(t, map[string]any{workflows.ArchiveDayWorkflowName: day.Workflow, workflows.ArchiveDaysWorkflowName: day.StartWorkflow}, 13)
}
