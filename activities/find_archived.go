package activities

import (
	"context"
	"slices"

	"github.com/callvault/callvault/internal/account"
	"github.com/callvault/callvault/internal/archive"
	"github.com/callvault/callvault/workflows"
	"github.com/callvault/callvault/workflows/callbudget"
	"github.com/callvault/callvault/workflows/fetchrecording"
)

// FindArchived returns what a session's manifest says, so that a session is
// never fetched twice.
type FindArchived struct {
	Served *account.Served
	Lanes  Lanes
}

// Lanes assigns queues to batches; see [slots.Client].
type Lanes interface {
	// Lane returns the lane of a batch's calls of one level, or 0 if it has none.
	Lane(ctx context.Context, served *account.Account, request callbudget.LaneRequest) int
}

// Execute reads the manifest, checks each object that it names, and returns where the
// bot's work is done. It refuses a bot that is not served.
func (a *FindArchived) Execute(ctx context.Context, input fetchrecording.FindArchivedInput) (*fetchrecording.FindArchivedResult, error) {
	served, err := a.Served.Of(input.BotID)
	if err != nil {
		return nil, activityError(err)
	}
	found, err := a.find(ctx, served, input.Session)
	if err != nil {
		return nil, err
	}
	a.addLane(ctx, served, input, found)
	return found, nil
}

// addLane adds the lane of the fetch's batch, if a call follows.
func (a *FindArchived) addLane(ctx context.Context, served *account.Account, input fetchrecording.FindArchivedInput, found *fetchrecording.FindArchivedResult) {
	if input.BatchID != "" && !isArchived(found) {
		found.Place.Lane = a.Lanes.Lane(ctx, served, callbudget.LaneRequest{BotID: input.BotID, Lane: callbudget.Lane{Batch: input.BatchID, Level: input.Level}})
	}
}

// isArchived reports whether no call follows.
func isArchived(found *fetchrecording.FindArchivedResult) bool {
	return found.Result != nil && found.Result.Outcome == workflows.OutcomeArchived && len(found.Damaged) == 0
}

func (a *FindArchived) find(ctx context.Context, served *account.Account, session workflows.Session) (*fetchrecording.FindArchivedResult, error) {
	manifest, etag, err := served.Store.ReadManifest(ctx, session)
	if err != nil {
		return nil, activityError(err)
	}
	found := &fetchrecording.FindArchivedResult{Place: &fetchrecording.Place{Account: served.Name, Retention: served.Retention, Attachments: served.Attachments()}}
	if manifest == nil {
		return found, nil
	}
	found.ETag = etag
	verified := manifest
	if before := archivedBefore(manifest); before != nil {
		verified = before
		found.Before = recordingsFrom(served.Store, before)
	}
	if found.Damaged, err = served.Store.Damaged(ctx, verified); err != nil {
		return nil, activityError(err)
	}
	found.Result, err = resultFrom(served.Store, manifest)
	return found, err
}

// archivedBefore returns what a damaged session has to have: its manifest from the
// time when it was archived, with the files that were archived since. It returns nil
// if the session is not damaged or was never archived.
func archivedBefore(manifest *archive.Manifest) *archive.Manifest {
	if manifest.Outcome != string(workflows.OutcomeDamaged) {
		return nil
	}
	for before := manifest.Previous; before != nil; before = before.Previous {
		if before.Outcome == string(workflows.OutcomeArchived) {
			merged := *before
			merged.Files = mergeFiles(before.Files, manifest.Files)
			return &merged
		}
	}
	return nil
}

// mergeFiles returns the files of both lists, by [archive.File.Source]. A file of
// both is as later says: it may have been fetched again, with other bytes.
func mergeFiles(earlier, later []archive.File) []archive.File {
	merged := slices.Clone(earlier)
	for _, file := range later {
		i := slices.IndexFunc(merged, func(m archive.File) bool { return m.Source == file.Source })
		if i < 0 {
			merged = append(merged, file)
		} else {
			merged[i] = file
		}
	}
	return merged
}
