package activities

import (
	"context"

	"github.com/callvault/callvault/internal/archive"
	"github.com/callvault/callvault/workflows"
)

// FindArchived answers a session from its manifest, so that it is never
// fetched twice.
type FindArchived struct {
	Bots  Bots
	Store *archive.Store
}

// Execute refuses a bot that is not served, then looks for the manifest.
func (a *FindArchived) Execute(ctx context.Context, input workflows.FindArchivedInput) (*workflows.FindArchivedResult, error) {
	if err := a.Bots.Serve(input.BotID); err != nil {
		return nil, err
	}
	folder, _, err := sessionFolder(a.Store, input.BotID, input.SessionID)
	if err != nil {
		return nil, err
	}
	manifest, err := a.Store.ReadManifest(ctx, folder, input.BotID, input.SessionID)
	if err != nil {
		return nil, archiveError(err)
	}
	found := new(workflows.FindArchivedResult)
	if manifest != nil {
		found.Result = new(resultFrom(a.Store, folder, manifest))
	}
	return found, nil
}
