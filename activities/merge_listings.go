package activities

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/callvault/callvault/internal/account"
	"github.com/callvault/callvault/internal/archive"
	"github.com/callvault/callvault/internal/daylist"
	"github.com/callvault/callvault/internal/dayseal"
	"github.com/callvault/callvault/internal/daysessions"
	"github.com/callvault/callvault/internal/failure"
	"github.com/callvault/callvault/internal/sessionlist"
	"github.com/callvault/callvault/workflows"
	"github.com/callvault/callvault/workflows/day"
)

// MergeListings joins what the vendor's lists had of a day with what was known of it before
// and with what is in the archive.
type MergeListings struct {
	Served *account.Served
}

// Execute writes down what is known then, and the list of the sessions that are to be
// fetched. Run again, it replaces both.
func (a *MergeListings) Execute(ctx context.Context, input day.MergeInput) (*day.Merged, error) {
	defer beat(ctx, func() any { return nil })()
	served, err := a.Served.Of(input.BotID)
	if err != nil {
		return nil, activityError(err)
	}
	merged, err := mergeDay(ctx, served.Store, input, served.CallDetails)
	return merged, activityError(err)
}

func mergeDay(ctx context.Context, store *archive.Store, input day.MergeInput, keepCalls bool) (*day.Merged, error) {
	sessions, err := knownBefore(ctx, store, input)
	if err != nil {
		return nil, err
	}
	merged := &day.Merged{Known: fmt.Sprintf("%sknown-%d.ndjson", input.Run, input.Round)}
	if input.Folder != "" {
		had := make(map[string]bool)
		for row, err := range daylist.ReadRows(ctx, store, input.Folder) {
			if err != nil {
				return nil, unreadableRows(err)
			}
			had[string(row.List)] = true
			if sessions.Add(string(row.List), row.SessionID, row.UserID, row.Closed) {
				merged.New++
			}
			if len(sessions) > archive.MaxDaySessions {
				return nil, failure.New(failure.ArchiveBlocked, fmt.Sprintf("the lists have more than %d sessions of %s, which is more than a day can have: have the vendor correct it, then terminate the day's workflow and start it again", archive.MaxDaySessions, input.Date))
			}
		}
		for _, list := range input.Had {
			if !had[list] {
				return &day.Merged{Lost: true}, nil
			}
		}
	}
	archived, err := archivedSessions(ctx, store, input.Day, sessions)
	if err != nil {
		return nil, err
	}
	toFetch := chooseSessions(sessions, archived, merged)
	if keepCalls && input.Folder != "" {
		ids := make([]string, 0, len(toFetch))
		for _, known := range toFetch {
			ids = append(ids, known.SessionID)
		}
		if err := writeCalls(ctx, store, input.Folder, input.Day, ids); err != nil {
			return nil, err
		}
	}
	return merged, writeMerged(ctx, store, sessions, toFetch, merged, input)
}

// unreadableRows says that somebody has changed what a listing has written, if that is it.
func unreadableRows(err error) error {
	if _, ok := failure.Of(err); ok || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return failure.Wrap(failure.ArchiveBlocked, fmt.Errorf("%w: or terminate the day's workflow and start it again", err))
}

// knownBefore returns the sessions that were known before the listing.
func knownBefore(ctx context.Context, store *archive.Store, input day.MergeInput) (daysessions.Sessions, error) {
	if input.Known != "" {
		return readKnown(ctx, store, input.Known)
	}
	sessions := make(daysessions.Sessions)
	latest, err := dayseal.Latest(ctx, store, input.Day)
	if err != nil || latest == nil {
		return sessions, err
	}
	return sessions, lostFile(dayseal.Rows(ctx, store, latest, sessions.AddRow))
}

func readKnown(ctx context.Context, store *archive.Store, key string) (daysessions.Sessions, error) {
	file, _, err := store.OpenFile(ctx, key)
	if err != nil {
		return nil, lostFile(err)
	}
	defer file.Close()
	sessions, err := daysessions.Read(file)
	if _, ok := failure.Of(err); err != nil && !ok {
		err = failure.Wrap(failure.ArchiveBlocked, fmt.Errorf("the working file s3://%s/%s was changed: %w: terminate the day's workflow and start it again", store.Bucket(), key, err))
	}
	return sessions, err
}

// lostFile says what to do if a file is gone that a step before has written.
func lostFile(err error) error {
	if errors.Is(err, archive.ErrMissing) {
		return failure.Wrap(failure.ArchiveBlocked, fmt.Errorf("%w, though the day needs it: restore it, or terminate the day's workflow and start it again", err))
	}
	return err
}

// archivedSessions returns which sessions have a manifest, and adds those to the sessions
// that no list had.
func archivedSessions(ctx context.Context, store *archive.Store, of workflows.Day, sessions daysessions.Sessions) (map[string]bool, error) {
	archived, known, err := store.DaySessions(ctx, of)
	if err != nil {
		return nil, err
	}
	if !known {
		return manifestsOf(ctx, store, of, sessions)
	}
	for id := range archived {
		sessions.AddArchived(id)
	}
	return archived, nil
}

func manifestsOf(ctx context.Context, store *archive.Store, of workflows.Day, sessions daysessions.Sessions) (map[string]bool, error) {
	all := make([]workflows.Session, 0, len(sessions))
	for id := range sessions {
		all = append(all, workflows.Session{BotID: of.BotID, SessionID: id})
	}
	found, err := store.Manifests(ctx, all)
	if err != nil {
		return nil, err
	}
	archived := make(map[string]bool, len(found))
	for session := range found {
		archived[session.SessionID] = true
	}
	return archived, nil
}

// chooseSessions returns the sessions that are to be fetched, in ascending order, and counts.
func chooseSessions(sessions daysessions.Sessions, archived map[string]bool, merged *day.Merged) []*daysessions.Known {
	var toFetch []*daysessions.Known
	now := time.Now()
	for _, known := range sessions.Sorted() {
		merged.Sessions++
		switch {
		case archived[known.SessionID]:
		case known.IsOpen(now):
			merged.Open++
		default:
			merged.ToFetch++
			toFetch = append(toFetch, known)
		}
	}
	return toFetch
}

// writeMerged writes what is known, and the list of a batch.
func writeMerged(ctx context.Context, store *archive.Store, sessions daysessions.Sessions, toFetch []*daysessions.Known, merged *day.Merged, input day.MergeInput) error {
	var known bytes.Buffer
	if err := sessions.Write(&known); err != nil {
		return err
	}
	if err := store.WriteFile(ctx, merged.Known, "application/x-ndjson", &known, int64(known.Len())); err != nil {
		return err
	}
	if len(toFetch) == 0 {
		return nil
	}
	var text bytes.Buffer
	list, err := sessionlist.NewWriter(&text, sessionlist.NDJSON)
	if err != nil {
		return err
	}
	for _, session := range toFetch {
		if err := list.Write(sessionlist.Row{Session: workflows.Session{BotID: input.BotID, SessionID: session.SessionID}, UserID: session.UserID}); err != nil {
			return err
		}
	}
	if err := list.Flush(); err != nil {
		return err
	}
	merged.Fetch = fmt.Sprintf("%sfetch-%d.ndjson", input.Run, input.Round)
	return store.WriteFile(ctx, merged.Fetch, "application/x-ndjson", &text, int64(text.Len()))
}
