package activities

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"

	"github.com/callvault/callvault/internal/account"
	"github.com/callvault/callvault/internal/archive"
	"github.com/callvault/callvault/internal/batchplan"
	"github.com/callvault/callvault/internal/failure"
	"github.com/callvault/callvault/workflows"
	"github.com/callvault/callvault/workflows/batch"
)

const (
	// passTime is how long a pass goes on starting fetches, before it returns how far it
	// came.
	passTime = 30 * time.Second

	// pageRows bounds the sessions that are looked up and started before the next
	// heartbeat.
	pageRows = 500

	// maxDeferred bounds the sessions of all bots that were not ready: they are in the
	// history of each pass.
	maxDeferred = 300

	// startsAtOnce bounds the starts that are under way.
	startsAtOnce = 20
)

// LaunchBatch starts the fetches of a batch that there is room for, and counts all of them.
type LaunchBatch struct {
	Served *account.Served
	Client client.Client
	// Namespace is the one that Client works in.
	Namespace string
	Readiness *Readiness
}

// Execute is one pass over the bots of the batch. It ends early, with what it did, if the
// batch is paused or cancelled meanwhile.
func (a *LaunchBatch) Execute(ctx context.Context, input batch.LaunchInput) (*batch.LaunchResult, error) {
	served, err := batchAccount(a.Served, input.Plan.Account)
	if err != nil {
		return nil, activityError(err)
	}
	clock := newServerClock(ctx)
	counter := &batchCounter{client: a.Client, namespace: a.Namespace, batchID: input.BatchID, since: input.StartedAt, clock: clock}
	pass := newLaunchPass(ctx, a, input, served, counter)
	defer beat(ctx, func() any { return *pass.known.Load() })()
	var blocked string
	if !input.Halted {
		err := pass.run(ctx)
		if failed, ok := failure.Of(err); ok && failed.FailureKind().NeedsOperator() {
			blocked = err.Error() // What was started before has to be returned.
		} else if err != nil && ctx.Err() == nil {
			return nil, activityError(err)
		}
	}
	// The sessions of a page that did not come to its end may have their turn many passes later.
	interrupted := ctx.Err() != nil || blocked != "" || pass.retried
	ctx = context.WithoutCancel(ctx) // What was started has to be returned.
	result, err := counter.count(ctx, input.Settled)
	if err != nil {
		return nil, err
	}
	// What was started of a page that did not come to its end is found by the next pass.
	result.Launched, result.More, result.Blocked, result.Interrupted = *pass.known.Load(), pass.more, blocked, interrupted
	result.Waiting, result.Readiness = result.Running[workflows.PhaseChecking], a.Readiness.description(served, time.Now())
	if result.Waiting > 0 {
		result.Starved = starvedBudgets(ctx, a.Client, served, input.Plan)
	}
	result.Queries = counter.queries
	return result, nil
}

// newLaunchPass returns a pass that goes on where an earlier attempt's last heartbeat was.
func newLaunchPass(ctx context.Context, a *LaunchBatch, input batch.LaunchInput, served *account.Account, counter *batchCounter) *launchPass {
	pass := &launchPass{
		input: input, launched: input.Launched, served: served, client: a.Client, counter: counter,
		readiness: a.Readiness, until: time.Now().Add(passTime), retried: input.Again || activity.GetInfo(ctx).Attempt > 1,
	}
	if activity.HasHeartbeatDetails(ctx) {
		var launched batch.Launched
		if err := activity.GetHeartbeatDetails(ctx, &launched); err == nil && len(launched.Next) == len(input.Plan.Bots) {
			pass.launched = launched
		}
	}
	pass.keep()
	return pass
}

// batchAccount returns the account of a batch.
func batchAccount(served *account.Served, name string) (*account.Account, error) {
	for _, one := range served.Accounts {
		if one.Name == name {
			return one, nil
		}
	}
	return nil, failure.New(failure.Blocked, fmt.Sprintf("this worker does not serve the batch's account %q: start one that does, or give the account that name again", name))
}

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

// manifests returns which of the sessions have one.
func (p *launchPass) manifests(ctx context.Context, rows []batchplan.Row) (map[workflows.Session]bool, error) {
	sessions := make([]workflows.Session, 0, len(rows))
	for _, row := range rows {
		sessions = append(sessions, row.Session)
	}
	return p.served.Store.Manifests(ctx, sessions)
}

// start starts those of the sessions that have no manifest, and returns how many.
func (p *launchPass) start(ctx context.Context, rows []batchplan.Row, found map[workflows.Session]bool) (int, error) {
	var mu sync.Mutex
	var failed error
	started := 0
	work := make(chan batchplan.Row)
	var all sync.WaitGroup
	for range min(startsAtOnce, len(rows)) {
		all.Go(func() {
			for row := range work {
				took, err := p.startOne(ctx, row.BatchSession, found[row.Session])
				mu.Lock()
				switch {
				case err != nil:
					failed = err
				case took.found:
					p.launched.Found++
				default:
					p.launched.Started++
					started++
					if took.attached {
						p.launched.Attached++
					}
				}
				mu.Unlock()
			}
		})
	}
	for _, row := range rows {
		work <- row
	}
	close(work)
	all.Wait()
	return started, failed
}

// took is what became of a session's turn.
type took struct {
	found    bool // it has a manifest
	attached bool // somebody else is fetching it
}

// startOne starts the fetch of a session, unless its manifest makes that needless.
func (p *launchPass) startOne(ctx context.Context, session workflows.BatchSession, hasManifest bool) (took, error) {
	if ctx.Err() != nil {
		return took{}, ctx.Err()
	}
	if hasManifest && p.retried {
		if ours, err := p.isOurs(ctx, session.Session); ours || err != nil {
			return took{}, err // An earlier attempt of the pass has started it, and it has ended since.
		}
	}
	if hasManifest && p.input.Refetch {
		manifest, _, err := p.served.Store.ReadManifest(ctx, session.Session)
		if err != nil && !errors.Is(err, archive.ErrInvalidManifest) {
			return took{}, err
		}
		hasManifest = manifest != nil && manifest.Outcome == string(workflows.OutcomeArchived)
	}
	if hasManifest {
		return took{found: true}, nil
	}
	request := workflows.BatchRequest{BatchID: p.input.BatchID, Policy: p.input.Policy, Priority: p.input.Priority, Refetch: p.input.Refetch}
	run, err := workflows.StartFetchAs(ctx, p.client, request.FetchRequest(session), p.input.Flow)
	if err != nil || !run.Attached {
		return took{}, err
	}
	ours, err := p.isOurs(ctx, session.Session)
	if err != nil {
		return took{}, err
	}
	return took{attached: !ours}, nil
}

// isOurs reports whether the session's latest fetch was started by this batch.
func (p *launchPass) isOurs(ctx context.Context, session workflows.Session) (bool, error) {
	described, err := p.client.DescribeWorkflow(ctx, session.FetchWorkflowID(), "")
	if isMissing(err) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	batchID, _ := described.TypedSearchAttributes.GetKeyword(workflows.SearchAttributeBatch)
	return batchID == p.input.BatchID && !described.WorkflowStartTime.Before(p.input.StartedAt), nil
}

// How many fetches of a bot may wait for their first call slot.
const (
	leastWindow = 20
	mostWindow  = 1000
	// allWindows bounds those of all bots at the beginning.
	allWindows = 2000
	fullWindow = 50
)

func firstWindow(bots int) int { return max(leastWindow, min(fullWindow, allWindows/bots)) }

// nextWindow grows the window if it was nearly used up since the last pass, and shrinks it
// if hardly anything of it was.
func nextWindow(window, waiting int) int {
	switch {
	case waiting < window/4:
		return min(window*2, mostWindow)
	case waiting > window*3/4:
		return max(leastWindow, window-window/4)
	default:
		return window
	}
}
