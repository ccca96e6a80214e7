package activities

import (
	"context"
	"errors"
	"slices"

	"go.temporal.io/sdk/activity"
	"golang.org/x/sync/errgroup"

	"github.com/callvault/callvault/internal/archive"
	"github.com/callvault/callvault/internal/daylist"
	"github.com/callvault/callvault/workflows"
)

const (
	// callsInMemory bounds the calls whose rows are in memory: each has up to 32 KiB.
	callsInMemory = 2_000

	// callsAtOnce bounds the requests that write them.
	callsAtOnce = 16
)

// writeCalls keeps what the lists say of the sessions, as call.json in the folder of each,
// before they are fetched. What cannot be kept of one is logged: its recording is archived
// all the same. The rows are read once for each 2,000 sessions.
func writeCalls(ctx context.Context, store *archive.Store, folder string, of workflows.Day, sessionIDs []string) error {
	for ids := range slices.Chunk(sessionIDs, callsInMemory) {
		calls, err := callsOf(ctx, store, folder, ids)
		if err != nil {
			return err
		}
		group, ctx := errgroup.WithContext(ctx)
		group.SetLimit(callsAtOnce)
		for id, call := range calls {
			group.Go(func() error {
				err := store.WriteCall(ctx, workflows.Session{BotID: of.BotID, SessionID: id}, *call)
				if errors.Is(err, archive.ErrInvalidCall) {
					activity.GetLogger(ctx).Warn("what the lists say of a call is not kept", "session", id, "error", err)
					return nil
				}
				return err
			})
		}
		if err := group.Wait(); err != nil {
			return err
		}
	}
	return nil
}

// callsOf returns what the lists say of sessions, whose ids are sorted. One of which no list
// says anything is missing.
func callsOf(ctx context.Context, store *archive.Store, folder string, ids []string) (map[string]*archive.Call, error) {
	calls := make(map[string]*archive.Call)
	for row, err := range daylist.ReadRows(ctx, store, folder) {
		if err != nil {
			return nil, err
		}
		if _, wanted := slices.BinarySearch(ids, row.SessionID); !wanted || row.Raw == nil {
			continue
		}
		call := calls[row.SessionID]
		if call == nil {
			call = new(archive.Call)
			calls[row.SessionID] = call
		}
		if row.List == daylist.Sessions {
			call.Lists.GetSessions = row.Raw
		} else {
			call.Lists.InteractionDetails = row.Raw
		}
		if call.StartedAt.IsZero() || !row.StartedAt.IsZero() && row.StartedAt.Before(call.StartedAt) {
			call.StartedAt = row.StartedAt
		}
		if row.EndedAt.After(call.EndedAt) {
			call.EndedAt = row.EndedAt
		}
	}
	return calls, nil
}
