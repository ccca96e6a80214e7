package activities

import (
	"context"
	"sync"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"

	"github.com/callvault/callvault/internal/archive"
	"github.com/callvault/callvault/workflows"
	"github.com/callvault/callvault/workflows/day"
	"github.com/callvault/callvault/workflows/fetchrecording"
)

const (
	// openFor is how long it is believed that a day is not sealed.
	openFor = 30 * time.Second
	// maxSealedDays bounds the days that are remembered.
	maxSealedDays = 10_000
	// changedWithin bounds the requests that reopen a day. The manifest is written already.
	changedWithin = 10 * time.Second
)

// ChangedDays has a sealed day sealed again after a manifest of it has changed. The zero
// value, without a client, does nothing. It is safe for concurrent use.
type ChangedDays struct {
	Client client.Client

	mu     sync.Mutex
	sealed map[workflows.Day]sealedState
}

type sealedState struct {
	isSealed bool
	until    time.Time
}

// after looks whether the manifest belongs to a day that was sealed before, and tells the
// workflow of that day. A manifest is stored whatever becomes of it, so what fails is only
// logged: the day is looked at again when it is 7 and 30 days old.
func (c *ChangedDays) after(ctx context.Context, store *archive.Store, input fetchrecording.WriteManifestInput) {
	if c == nil || c.Client == nil {
		return
	}
	session, replaced := input.Result.Session, input.Replaces != ""
	callTime, err := session.CallTime()
	if err != nil || callTime.Format(time.DateOnly) == time.Now().UTC().Format(time.DateOnly) || day.IsBatch(input.BatchID) && !replaced {
		return // Today is not sealed, and a day seals what its own batches fetch.
	}
	ctx, stop := context.WithTimeout(ctx, changedWithin)
	defer stop()
	of := workflows.Day{BotID: session.BotID, Date: callTime.Format(time.DateOnly)}
	isSealed, err := c.isSealed(ctx, store, of, replaced)
	if err == nil && !isSealed && replaced {
		// It may be sealed just now, by what the manifest said before.
		_ = c.Client.SignalWorkflow(ctx, of.WorkflowID(), "", workflows.SignalChanged, nil) // Seldom is there one.
		return
	}
	if err == nil && !isSealed {
		return
	}
	request := workflows.DayRequest{Day: of}
	if _, err := c.Client.SignalWithStartWorkflow(ctx, of.WorkflowID(), workflows.SignalChanged, nil, workflows.DayStartOptions(request), workflows.ArchiveDayWorkflowName, request); err != nil {
		activity.GetLogger(ctx).Warn("the sealed day of a changed session could not be reopened: run `day backfill --again` for it", "day", of.Date, "bot", of.BotID, "error", err)
	}
}

// isSealed reports whether the day has a revision. It asks the store once in a while, or now.
func (c *ChangedDays) isSealed(ctx context.Context, store *archive.Store, of workflows.Day, askNow bool) (bool, error) {
	now := time.Now()
	c.mu.Lock()
	state := c.sealed[of]
	c.mu.Unlock()
	if state.isSealed || now.Before(state.until) && !askNow {
		return state.isSealed, nil
	}
	records, _, err := store.DayRevisions(ctx, of)
	if err != nil {
		return false, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.sealed == nil || len(c.sealed) >= maxSealedDays {
		c.sealed = make(map[workflows.Day]sealedState)
	}
	c.sealed[of] = sealedState{len(records) > 0, now.Add(openFor)}
	return len(records) > 0, nil
}
