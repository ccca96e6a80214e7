package activities

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"go.temporal.io/sdk/client"

	"github.com/callvault/callvault/internal/account"
	"github.com/callvault/callvault/internal/archive"
	"github.com/callvault/callvault/internal/batchplan"
	"github.com/callvault/callvault/internal/failure"
	"github.com/callvault/callvault/workflows/batch"
)

// launchPass is one pass.
type launchPass struct {
	input    batch.LaunchInput
	launched batch.Launched
	served   *account.Account
	client   client.Client
	counter  *batchCounter

	readiness *Readiness
	until     time.Time

	// retried: an earlier attempt may have started sessions after the last heartbeat.
	retried bool

	// more: the pass ended although there is room.
	more bool

	// known is launched as of the last whole page, which heartbeats and the result tell.
	known atomic.Pointer[batch.Launched]
}

// run starts fetches of one bot after the other.
func (p *launchPass) run(ctx context.Context) error {
	first := len(p.launched.Next) == 0
	if first {
		for _, bot := range p.input.Plan.Bots {
			p.launched.Next = append(p.launched.Next, bot.Offset)
			p.launched.Window = append(p.launched.Window, firstWindow(len(p.input.Plan.Bots)))
		}
	}
	p.keep()
	if spent, err := p.hasTooManyFailures(ctx); spent || err != nil {
		return err
	}
	bots := len(p.input.Plan.Bots)
	for turn := range bots {
		i := (p.input.Pass + turn) % bots // Each pass begins with another bot, in case that it is not enough for all.
		if err := ctx.Err(); err != nil {
			return err
		}
		if time.Now().After(p.until) {
			p.more = true
			return nil
		}
		bot := p.input.Plan.Bots[i]
		if p.launched.Next[i] == bot.End && !p.isDeferred(i) {
			continue
		}
		waiting, err := p.counter.waiting(ctx, bot.BotID)
		if err != nil {
			return err
		}
		waiting += p.input.Unseen
		if !first {
			p.launched.Window[i] = nextWindow(p.launched.Window[i], waiting)
			p.keep() // Without room no page does.
		}
		if err := p.fill(ctx, i, p.launched.Window[i]-waiting); err != nil {
			return err
		}
	}
	return nil
}

// hasTooManyFailures reports whether the batch is about to stop, so that the pass has to start
// nothing.
func (p *launchPass) hasTooManyFailures(ctx context.Context) (bool, error) {
	if p.input.MaxFailures.IsZero() || p.launched.IsComplete(p.input.Plan) {
		return false, nil
	}
	failures, ended, err := p.counter.failed(ctx, p.input.Settled)
	return err == nil && p.input.IsSpent(failures, ended, p.input.Plan.Sessions-p.launched.Found), err
}

// isDeferred reports whether sessions of a bot were not ready.
func (p *launchPass) isDeferred(bot int) bool {
	return slices.ContainsFunc(p.launched.Deferred, func(d batch.Deferred) bool { return d.Bot == bot })
}

// keep keeps how far the pass is, at the end of a page: a copy, since the next page changes
// it.
func (p *launchPass) keep() {
	copied := p.launched
	copied.Next, copied.Window, copied.Deferred = slices.Clone(copied.Next), slices.Clone(copied.Window), slices.Clone(copied.Deferred)
	p.known.Store(&copied)
}

// page returns the next sessions of a bot, at least one.
func (p *launchPass) page(ctx context.Context, bot, most int) ([]batchplan.Row, error) {
	return p.rows(ctx, bot, p.launched.Next[bot], most)
}

// rowAt returns the session at a place in the plan.
func (p *launchPass) rowAt(ctx context.Context, bot int, at int64) (batchplan.Row, error) {
	rows, err := p.rows(ctx, bot, at, 1)
	if err != nil {
		return batchplan.Row{}, err
	}
	return rows[0], nil
}

// rows returns the sessions of a bot from a place in the plan on, at least one.
func (p *launchPass) rows(ctx context.Context, bot int, from int64, most int) ([]batchplan.Row, error) {
	plan := p.input.Plan
	to := min(plan.Bots[bot].End, from+int64(max(most*32, batchplan.MaxLineBytes)))
	text, err := p.served.Store.ReadRange(ctx, plan.Key, from, to)
	if errors.Is(err, archive.ErrMissing) || errors.Is(err, archive.ErrMismatch) {
		return nil, failure.New(failure.ArchiveBlocked, fmt.Sprintf("the plan of the batch cannot be read: %v: restore the object, or cancel the batch and start it again", err))
	}
	if err != nil {
		return nil, err
	}
	rows, err := batchplan.ReadRows(plan.Bots[bot].BotID, text, from, most)
	if err == nil && len(rows) == 0 {
		err = errors.New("it has no whole line")
	}
	if err != nil {
		return nil, failure.New(failure.ArchiveBlocked, fmt.Sprintf("s3://%s/%s at byte %d: %v: restore the object, or cancel the batch and start it again", p.served.Store.Bucket(), plan.Key, from, err))
	}
	return rows, nil
}
