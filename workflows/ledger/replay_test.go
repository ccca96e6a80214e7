package ledger_test

import (
	"testing"

	"github.com/callvault/callvault/internal/replaytest"
	"github.com/callvault/callvault/workflows"
	"github.com/callvault/callvault/workflows/ledger"
)

// A ledger runs for as long as its archive: whatever a released version has written into a
// history, this version must replay.
func TestHistoriesOfReleasedCodeReplay(t *testing.T) {
	replaytest.Histories(t, map[string]any{workflows.ArchiveLedgerWorkflowName: ledger.Workflow}, 1)
}
