package activities

import (
	"context"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/workflow"

	"github.com/callvault/callvault/internal/account"
	"github.com/callvault/callvault/internal/archive"
	"github.com/callvault/callvault/internal/program"
	"github.com/callvault/callvault/workflows"
	"github.com/callvault/callvault/workflows/fetchrecording"
)

// WriteManifest writes the proof of an outcome: once, and over another one only
// as [archive.Store.WriteManifest] allows.
type WriteManifest struct {
	Served *account.Served
	// Days are told of a session whose day was sealed before. Defaults to nothing.
	Days *ChangedDays
}

// Execute verifies that every recording is still what was stored, writes the
// manifest unless the session has one, and returns what the archive says now.
func (a *WriteManifest) Execute(ctx context.Context, input fetchrecording.WriteManifestInput) (*fetchrecording.WriteManifestResult, error) {
	served, err := a.Served.Of(input.Result.BotID)
	if err != nil {
		return nil, activityError(err)
	}
	written, err := prove(ctx, served, a.Days, input, false)
	return written, activityError(err)
}

// prove verifies the recordings of an outcome, unless they were verified just now, writes
// its manifest and returns what the archive says. A manifest that took the place of another
// one is told to the day of its call.
func prove(ctx context.Context, served *account.Account, days *ChangedDays, input fetchrecording.WriteManifestInput, verified bool) (*fetchrecording.WriteManifestResult, error) {
	store := served.Store
	folder, err := store.Folder(input.Result.Session)
	if err != nil {
		return nil, err
	}
	for _, name := range input.Unfinished {
		if err := store.CleanUp(ctx, folder+name, ""); err != nil {
			return nil, err
		}
	}
	if !verified {
		if err := verifyAll(ctx, store, input.Result.Recordings); err != nil {
			return nil, err
		}
	}
	manifest, err := manifestFrom(input)
	if err != nil {
		return nil, err
	}
	call, err := addCall(ctx, served, manifest)
	if err != nil {
		return nil, err
	}
	execution := activity.GetInfo(ctx).WorkflowExecution
	manifest.WorkflowID, manifest.RunID, manifest.WrittenBy = execution.ID, execution.RunID, program.Version()
	written, err := store.WriteManifest(ctx, manifest, input.Replaces)
	if err != nil {
		return nil, err
	}
	keepCall(ctx, served, written, call)
	result, err := resultFrom(store, written)
	if err != nil {
		return nil, err
	}
	if isOf(written, execution) {
		result.Source = workflows.SourceFetch
		if written.Previous != nil || input.Replaces != "" {
			days.after(ctx, store, written)
		}
	}
	return &fetchrecording.WriteManifestResult{Result: *result}, nil
}

func verifyAll(ctx context.Context, store *archive.Store, recordings []workflows.Recording) error {
	for _, recording := range recordings {
		object := archive.Object{Bytes: recording.Bytes, SHA256: recording.SHA256, Checksum: checksumOf(recording)}
		if err := store.Verify(ctx, recording.Key, object); err != nil {
			return err
		}
	}
	return nil
}

// isOf reports whether a run wrote a manifest.
func isOf(manifest *archive.Manifest, execution workflow.Execution) bool {
	return manifest.WorkflowID == execution.ID && manifest.RunID == execution.RunID
}
