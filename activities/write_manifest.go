package activities

import (
	"context"

	"go.temporal.io/sdk/activity"

	"github.com/callvault/callvault/internal/account"
	"github.com/callvault/callvault/internal/archive"
	"github.com/callvault/callvault/workflows"
	"github.com/callvault/callvault/workflows/fetchrecording"
)

// WriteManifest writes the proof of an outcome: once, and over another one only
// as [archive.Store.WriteManifest] allows.
type WriteManifest struct {
	Served *account.Served
}

// Execute verifies that every recording is still what was stored, writes the
// manifest unless the session has one, and returns what the archive says now.
func (a *WriteManifest) Execute(ctx context.Context, input fetchrecording.WriteManifestInput) (*fetchrecording.WriteManifestResult, error) {
	session := input.Result.Session
	served, err := a.Served.Of(session.BotID)
	if err != nil {
		return nil, activityError(err)
	}
	store := served.Store
	folder, err := store.Folder(session)
	if err != nil {
		return nil, activityError(err)
	}
	for _, name := range input.Unfinished {
		if err := store.CleanUp(ctx, folder+name); err != nil {
			return nil, activityError(err)
		}
	}
	for _, recording := range input.Result.Recordings {
		object := archive.Object{Bytes: recording.Bytes, SHA256: recording.SHA256}
		if err := store.Verify(ctx, recording.Key, object); err != nil {
			return nil, activityError(err)
		}
	}
	manifest, err := manifestFrom(input)
	if err != nil {
		return nil, activityError(err)
	}
	execution := activity.GetInfo(ctx).WorkflowExecution
	manifest.WorkflowID, manifest.RunID = execution.ID, execution.RunID
	written, err := store.WriteManifest(ctx, manifest, input.Replaces)
	if err != nil {
		return nil, activityError(err)
	}
	result, err := resultFrom(store, written)
	if err != nil {
		return nil, activityError(err)
	}
	if written.WorkflowID == execution.ID && written.RunID == execution.RunID {
		result.Source = workflows.SourceFetch
	}
	return &fetchrecording.WriteManifestResult{Result: *result}, nil
}
