package fetchrecording_test

import (
	"testing"

	"github.com/callvault/callvault/internal/replaytest"
	"github.com/callvault/callvault/workflows"
	"github.com/callvault/callvault/workflows/fetchrecording"
)

// A fetch sleeps over deploys: whatever a released version has written into a
// history, this version must replay. A test that fails here needs
// workflow.GetVersion in the code, not a new file in testdata.
func TestHistoriesOfReleasedCodeReplay(t *testing.T) {
	replaytest.Histories(t, map[string]any{workflows.FetchRecordingWorkflowName: fetchrecording.Workflow}, 8)
}
