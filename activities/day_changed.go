package activities

import (
	"context"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"

	"github.com/callvault/callvault/internal/archive"
	"github.com/callvault/callvault/internal/dayindex"
	"github.com/callvault/callvault/workflows"
)

// changedWithin bounds the requests that reopen a day. The manifest is written already.
const changedWithin = 10 * time.Second

// ChangedDays has a sealed day sealed again after a manifest of it was replaced. A nil one
// does nothing. It is safe for concurrent use.
type ChangedDays struct {
	Client client.Client
}

// after tells the workflow of the day of a manifest that has replaced another one. The first
// manifest of a session costs nothing: a day seals what its own batches fetch, and finds
// another one when it is listed again. A manifest is stored whatever becomes of it, so what
// fails is only logged.
func (c *ChangedDays) after(ctx context.Context, store *archive.Store, manifest *archive.Manifest) {
	callTime, err := manifest.Session.CallTime()
	if c == nil || err != nil {
		return
	}
	ctx, stop := context.WithTimeout(ctx, changedWithin)
	defer stop()
	of := workflows.Day{BotID: manifest.BotID, Date: callTime.Format(time.DateOnly)}
	switch latest, err := dayindex.Of(store).LatestRevisions(ctx, of.BotID, dayindex.Range{From: of.Date, To: of.Date}); {
	case err == nil && latest[of.Date] == 0:
		// It may be sealed just now, by what the manifest said before.
		_ = c.Client.SignalWorkflow(ctx, of.WorkflowID(), "", workflows.SignalChanged, nil) // Seldom is there one.
		return
	case err == nil:
		request := workflows.DayRequest{Day: of}
		if _, err = c.Client.SignalWithStartWorkflow(ctx, of.WorkflowID(), workflows.SignalChanged, nil, workflows.DayStartOptions(request), workflows.ArchiveDayWorkflowName, request); err == nil {
			return
		}
	}
	activity.GetLogger(ctx).Warn("the sealed day of a changed session could not be reopened: run `day backfill --again` for it", "day", of.Date, "bot", of.BotID, "error", err)
}
