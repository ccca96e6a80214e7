package activities

import (
	"context"

	"github.com/callvault/callvault/internal/account"
	"github.com/callvault/callvault/workflows/fetchrecording"
)

// FindArchived returns what a session's manifest says, so that a session is
// never fetched twice.
type FindArchived struct {
	Account *account.Account
}

// Execute refuses a bot that is not served, then reads the manifest.
func (a *FindArchived) Execute(ctx context.Context, input fetchrecording.FindArchivedInput) (*fetchrecording.FindArchivedResult, error) {
	if err := a.Account.Serves(input.BotID); err != nil {
		return nil, activityError(err)
	}
	manifest, err := a.Account.Store.ReadManifest(ctx, input.Session)
	if err != nil {
		return nil, activityError(err)
	}
	found := new(fetchrecording.FindArchivedResult)
	if manifest != nil {
		found.Result, err = resultFrom(a.Account.Store, manifest)
	}
	return found, err
}
