package activities

import (
	"context"
	"slices"
	"time"

	"go.temporal.io/sdk/activity"

	"github.com/callvault/callvault/internal/batchplan"
	"github.com/callvault/callvault/workflows"
	"github.com/callvault/callvault/workflows/batch"
)

// fill starts fetches of a bot until there is no more room: first of sessions that were not
// ready before.
func (p *launchPass) fill(ctx context.Context, bot, room int) error {
	started, err := p.startDeferred(ctx, bot, room)
	if err != nil {
		return err
	}
	room -= started
	for room > 0 && p.launched.Next[bot] < p.input.Plan.Bots[bot].End {
		if time.Now().After(p.until) {
			p.more = true
			return nil
		}
		rows, err := p.page(ctx, bot, min(room, pageRows))
		if err != nil {
			return err
		}
		found, err := p.manifests(ctx, rows)
		if err != nil {
			return err
		}
		ready, deferred, next := p.sort(ctx, bot, rows, found)
		started, err := p.start(ctx, ready, found)
		if err != nil {
			return err
		}
		if next == p.launched.Next[bot] {
			return nil // Its sessions are not ready, and no more of them can be deferred.
		}
		room -= started
		p.launched.Next[bot] = next
		p.launched.Deferred = append(p.launched.Deferred, deferred...)
		p.keep()
		activity.RecordHeartbeat(ctx, *p.known.Load())
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	return nil
}

// sort tells the sessions of a page that are ready, or have a manifest, from those that are
// not. next is where the page ends: before the first session that there is no place for
// among the deferred.
func (p *launchPass) sort(ctx context.Context, bot int, rows []batchplan.Row, found map[workflows.Session]bool) (ready []batchplan.Row, deferred []batch.Deferred, next int64) {
	var ids []string
	for _, row := range rows {
		if !found[row.Session] {
			ids = append(ids, row.SessionID)
		}
	}
	states := p.readiness.of(ctx, p.served, p.input.Plan.Bots[bot].BotID, ids)
	free := max(1, maxDeferred/len(p.input.Plan.Bots)) // Each bot has its share.
	for _, d := range p.launched.Deferred {
		if d.Bot == bot {
			free--
		}
	}
	for _, row := range rows {
		if found[row.Session] {
			ready = append(ready, row)
			continue
		}
		state := states[0]
		states = states[1:]
		switch {
		case state.ready:
			ready = append(ready, row)
		case len(deferred) >= free:
			return ready, deferred, row.At
		default:
			deferred = append(deferred, batch.Deferred{Bot: bot, At: row.At, SessionID: row.SessionID, Due: state.due.UTC()})
		}
	}
	return ready, deferred, rows[len(rows)-1].Next
}

// startDeferred starts fetches of a bot's deferred sessions that are ready now.
func (p *launchPass) startDeferred(ctx context.Context, bot, room int) (int, error) {
	now := time.Now()
	var due []batch.Deferred
	for _, deferred := range p.launched.Deferred {
		if deferred.Bot == bot && !deferred.Due.After(now) && len(due) < room {
			due = append(due, deferred)
		}
	}
	if len(due) == 0 {
		return 0, nil
	}
	ids := make([]string, 0, len(due))
	for _, deferred := range due {
		ids = append(ids, deferred.SessionID)
	}
	states := p.readiness.of(ctx, p.served, p.input.Plan.Bots[bot].BotID, ids)
	later := make(map[int64]time.Time)
	var ready []batchplan.Row
	for i, deferred := range due {
		if !states[i].ready {
			later[deferred.At] = states[i].due.UTC()
			continue
		}
		row, err := p.rowAt(ctx, bot, deferred.At)
		if err != nil {
			return 0, err
		}
		ready = append(ready, row)
	}
	found, err := p.manifests(ctx, ready)
	if err != nil {
		return 0, err
	}
	started, err := p.start(ctx, ready, found)
	if err != nil {
		return 0, err
	}
	p.launched.Deferred = slices.DeleteFunc(slices.Clone(p.launched.Deferred), func(deferred batch.Deferred) bool {
		return slices.ContainsFunc(ready, func(row batchplan.Row) bool { return deferred.Bot == bot && row.At == deferred.At })
	})
	for i, deferred := range p.launched.Deferred {
		if at, found := later[deferred.At]; found && deferred.Bot == bot {
			p.launched.Deferred[i].Due = at
		}
	}
	p.keep()
	return started, ctx.Err()
}
