package activities

import (
	"context"
	"errors"
	"fmt"
	"sync"
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

	// startsAtOnce bounds the starts that are under way.
	startsAtOnce = 20
)

// LaunchBatch starts the fetches of a batch that there is room for, and counts all of them.
type LaunchBatch struct {
	Served *account.Served
	Client client.Client
	// Namespace is the one that Client works in.
	Namespace string
}

// Execute is one pass over the bots of the batch. It ends early, with what it did, if the
// batch is paused or cancelled meanwhile.
func (a *LaunchBatch) Execute(ctx context.Context, input batch.LaunchInput) (*batch.LaunchResult, error) {
	served, err := batchAccount(a.Served, input.Plan.Account)
	if err != nil {
		return nil, activityError(err)
	}
	counter := batchCounter{client: a.Client, namespace: a.Namespace, batchID: input.BatchID, since: input.StartedAt}
	pass := &launchPass{
		input: input, launched: input.Launched, served: served, client: a.Client, counter: counter,
		until: time.Now().Add(passTime), retried: activity.GetInfo(ctx).Attempt > 1,
	}
	if activity.HasHeartbeatDetails(ctx) {
		var launched batch.Launched
		if err := activity.GetHeartbeatDetails(ctx, &launched); err == nil && len(launched.Next) == len(input.Plan.Bots) {
			pass.launched = launched
		}
	}
	var blocked string
	if !input.Halted {
		err := pass.run(ctx)
		if failed, ok := failure.Of(err); ok && failed.FailureKind().NeedsOperator() {
			blocked = failed.Error() // What was started before has to be returned.
		} else if err != nil && ctx.Err() == nil {
			return nil, activityError(err)
		}
	}
	ctx = context.WithoutCancel(ctx) // What was started has to be returned.
	result, err := counter.count(ctx, input.Settled)
	if err != nil {
		return nil, err
	}
	result.Launched, result.More, result.Blocked = pass.launched, pass.more, blocked
	result.Waiting = result.Running[workflows.PhaseChecking]
	if result.Waiting > 0 {
		result.Starved = starvedBudgets(ctx, a.Client, served, input.Plan)
	}
	return result, nil
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
	counter  batchCounter
	until    time.Time

	// retried: an earlier attempt may have started sessions after the last heartbeat.
	retried bool

	// more: the pass ended although there is room.
	more bool
}

// run starts fetches of one bot after the other.
func (p *launchPass) run(ctx context.Context) error {
	if len(p.launched.Next) == 0 {
		for _, bot := range p.input.Plan.Bots {
			p.launched.Next = append(p.launched.Next, bot.Offset)
			p.launched.Window = append(p.launched.Window, firstWindow(len(p.input.Plan.Bots)))
		}
	}
	activity.RecordHeartbeat(ctx, p.launched)
	for i, bot := range p.input.Plan.Bots {
		if p.launched.Next[i] == bot.End {
			continue
		}
		waiting, err := p.counter.waiting(ctx, bot.BotID)
		if err != nil {
			return err
		}
		p.launched.Window[i] = nextWindow(p.launched.Window[i], waiting)
		if err := p.fill(ctx, i, p.launched.Window[i]-waiting); err != nil {
			return err
		}
	}
	return nil
}

// fill starts fetches of a bot until there is no more room.
func (p *launchPass) fill(ctx context.Context, bot, room int) error {
	for room > 0 && p.launched.Next[bot] < p.input.Plan.Bots[bot].End {
		if time.Now().After(p.until) {
			p.more = true
			return nil
		}
		rows, err := p.page(ctx, bot, min(room, pageRows))
		if err != nil {
			return err
		}
		started, err := p.start(ctx, rows)
		if err != nil {
			return err
		}
		room -= started
		p.launched.Next[bot] = rows[len(rows)-1].Next
		activity.RecordHeartbeat(ctx, p.launched)
	}
	return ctx.Err()
}

// page returns the next sessions of a bot, at least one.
func (p *launchPass) page(ctx context.Context, bot, most int) ([]batchplan.Row, error) {
	plan, from := p.input.Plan, p.launched.Next[bot]
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

// start starts those of the sessions that have no manifest, and returns how many.
func (p *launchPass) start(ctx context.Context, rows []batchplan.Row) (int, error) {
	sessions := make([]workflows.Session, 0, len(rows))
	for _, row := range rows {
		sessions = append(sessions, row.Session)
	}
	found, err := p.served.Store.Manifests(ctx, sessions)
	if err != nil {
		return 0, err
	}
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
				case err != nil && failed == nil:
					failed = err
				case took.found:
					p.launched.Found++
				case took.attached:
					p.launched.Attached++
					fallthrough
				case err == nil:
					p.launched.Started++
					started++
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
	run, err := workflows.StartFetch(ctx, p.client, request.FetchRequest(session))
	if err != nil || !run.Attached {
		return took{}, err
	}
	ours, err := p.isOurs(ctx, session.Session)
	return took{attached: !ours}, err
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
	allWindows = 1000
	fullWindow = 100
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
