package activities

import (
	"context"

	"go.temporal.io/sdk/activity"

	"github.com/callvault/callvault/internal/archive"
	"github.com/callvault/callvault/workflows"
)

// WriteManifest writes the proof of an outcome, once.
type WriteManifest struct {
	Store *archive.Store
}

// Execute verifies that every recording is still what was put there, writes
// the manifest unless the session has one, and answers what the archive says
// now.
func (a *WriteManifest) Execute(ctx context.Context, input workflows.WriteManifestInput) (*workflows.WriteManifestResult, error) {
	folder, callTime, err := sessionFolder(a.Store, input.Result.BotID, input.Result.SessionID)
	if err != nil {
		return nil, err
	}
	for _, name := range input.Unfinished {
		if err := a.Store.CleanUp(ctx, folder+name); err != nil {
			return nil, archiveError(err)
		}
	}
	for _, recording := range input.Result.Recordings {
		object := archive.Object{Bytes: recording.Bytes, SHA256: recording.SHA256}
		if err := a.Store.Verify(ctx, recording.Key, object); err != nil {
			return nil, archiveError(err)
		}
	}
	manifest := manifestFrom(input, callTime)
	execution := activity.GetInfo(ctx).WorkflowExecution
	manifest.WorkflowID, manifest.RunID = execution.ID, execution.RunID
	written, err := a.Store.WriteManifest(ctx, folder, manifest)
	if err != nil {
		return nil, archiveError(err)
	}
	return &workflows.WriteManifestResult{Result: resultFrom(a.Store, folder, written)}, nil
}
