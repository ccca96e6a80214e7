package batchreport

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/callvault/callvault/internal/archive"
	"github.com/callvault/callvault/internal/batchplan"
	"github.com/callvault/callvault/workflows"
	"github.com/callvault/callvault/workflows/batch"
)

const (
	// concurrent bounds the sessions that are looked at before their turn, and with them
	// the memory: a manifest has at most 1 MiB.
	concurrent = 32

	// pageBytes is how much of the plan is read at once, some 2,000 sessions.
	pageBytes = 64 << 10
)

// Unfinished is why a session has no manifest.
type Unfinished struct {
	// Running: its fetch has not ended. BatchID is the batch that started that, if any.
	Running bool
	BatchID string
	// Ended: its fetch has ended with an outcome, perhaps after the manifest was looked for.
	Ended  bool
	Reason string
}

// Explain finds out why a session of the plan has no manifest; at is its place.
type Explain func(ctx context.Context, session workflows.Session, bot int, at int64) (Unfinished, error)

// Walk passes the row of each session of the plan to each, in the plan's order, until one of
// them fails. unfinished is nil if the session has a manifest. Nothing of it goes on when it
// returns.
func Walk(ctx context.Context, store *archive.Store, plan batch.Plan, explain Explain, each func(row Row, unfinished *Unfinished) error) error {
	ctx, stop := context.WithCancel(ctx)
	var running sync.WaitGroup
	defer running.Wait()
	defer stop()
	looked := make(chan chan look, concurrent-1) // The first one is waited for below.
	failed := make(chan error, 1)
	running.Go(func() {
		defer close(looked)
		failed <- sessions(ctx, store, plan, func(bot int, row batchplan.Row) error {
			result := make(chan look, 1)
			select {
			case looked <- result:
			case <-ctx.Done():
				return ctx.Err()
			}
			running.Go(func() { result <- lookAt(ctx, store, explain, bot, row) })
			return nil
		})
	})
	for result := range looked {
		found := <-result
		if found.err != nil {
			return found.err
		}
		if err := each(found.row, found.unfinished); err != nil {
			return err
		}
	}
	return <-failed
}

// look is what was found of a session.
type look struct {
	row        Row
	unfinished *Unfinished
	err        error
}

func lookAt(ctx context.Context, store *archive.Store, explain Explain, bot int, row batchplan.Row) look {
	manifest, _, err := store.ReadManifest(ctx, row.Session)
	if errors.Is(err, archive.ErrInvalidManifest) { // It keeps no other session from being reported.
		found := look{row: rowOf(row.Session, nil), unfinished: &Unfinished{Reason: err.Error()}}
		found.row.Reason = err.Error()
		return found
	}
	if err != nil {
		return look{err: err}
	}
	if manifest != nil {
		return look{row: rowOf(row.Session, manifest)}
	}
	unfinished, err := explain(ctx, row.Session, bot, row.At)
	if err == nil && unfinished.Ended {
		if manifest, _, err = store.ReadManifest(ctx, row.Session); err == nil && manifest != nil {
			return look{row: rowOf(row.Session, manifest)}
		}
	}
	found := look{row: rowOf(row.Session, nil), unfinished: &unfinished, err: err}
	found.row.Reason = unfinished.Reason
	return found
}

// sessions passes the sessions of the plan to each.
func sessions(ctx context.Context, store *archive.Store, plan batch.Plan, each func(bot int, row batchplan.Row) error) error {
	for i, bot := range plan.Bots {
		for at := bot.Offset; at < bot.End; {
			text, err := store.ReadRange(ctx, plan.Key, at, min(bot.End, at+pageBytes))
			if err != nil {
				return err
			}
			rows, err := batchplan.ReadRows(bot.BotID, text, at, pageBytes)
			if err != nil {
				return err
			}
			if len(rows) == 0 {
				return fmt.Errorf("the plan s3://%s/%s is not valid at byte %d: it has no whole line there", store.Bucket(), plan.Key, at)
			}
			for _, row := range rows {
				if err := each(i, row); err != nil {
					return err
				}
				at = row.Next
			}
		}
	}
	return nil
}
