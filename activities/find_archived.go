package activities

import (
	"context"

	"github.com/callvault/callvault/internal/account"
	"github.com/callvault/callvault/internal/archive"
	"github.com/callvault/callvault/workflows"
	"github.com/callvault/callvault/workflows/fetchrecording"
)

// FindArchived returns what a session's manifest says, so that a session is
// never fetched twice.
type FindArchived struct {
	Account *account.Account
}

// Execute refuses a bot that is not served, then reads the manifest and checks
// each object that it names.
func (a *FindArchived) Execute(ctx context.Context, input fetchrecording.FindArchivedInput) (*fetchrecording.FindArchivedResult, error) {
	if err := a.Account.Serves(input.BotID); err != nil {
		return nil, activityError(err)
	}
	manifest, etag, err := a.Account.Store.ReadManifest(ctx, input.Session)
	if err != nil {
		return nil, activityError(err)
	}
	found := new(fetchrecording.FindArchivedResult)
	if manifest == nil {
		return found, nil
	}
	found.ETag = etag
	verified := manifest
	if before := archivedBefore(manifest); before != nil {
		verified = before
		found.Before = recordingsFrom(a.Account.Store, before)
	}
	if found.Damaged, err = a.Account.Store.Damaged(ctx, verified); err != nil {
		return nil, activityError(err)
	}
	found.Result, err = resultFrom(a.Account.Store, manifest)
	return found, err
}

// archivedBefore returns the manifest of a damaged session from the time when it
// was archived, or nil.
func archivedBefore(manifest *archive.Manifest) *archive.Manifest {
	if manifest.Outcome != string(workflows.OutcomeDamaged) {
		return nil
	}
	for before := manifest.Previous; before != nil; before = before.Previous {
		if before.Outcome == string(workflows.OutcomeArchived) {
			return before
		}
	}
	return nil
}
