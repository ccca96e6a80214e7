package activities

import (
	"context"
	"fmt"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"

	"github.com/callvault/callvault/internal/account"
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
