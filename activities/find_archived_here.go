package activities

import (
	"context"
	"time"

	"github.com/callvault/callvault/internal/timing"
	"github.com/callvault/callvault/workflows/fetchrecording"
)

// maxFindsHere bounds how many workflow tasks a process lets wait for its stores at a
// time: a third of all, so that the fetches of another account go on beside a slow store.
const maxFindsHere = 32

// FindArchivedHere is [FindArchived] as a local activity, which costs one event. The
// workflows of all accounts share a queue, so the worker may not serve the bot; and a
// local activity holds a workflow task, so it does not wait for a store.
type FindArchivedHere struct {
	find     *FindArchived
	patience time.Duration
	running  chan struct{}
}

// NewFindArchivedHere returns the local activity that does what find does.
func NewFindArchivedHere(find *FindArchived) *FindArchivedHere {
	return &FindArchivedHere{find: find, patience: timing.FindStore, running: make(chan struct{}, maxFindsHere)}
}

// Execute never fails. It does not know the result if the worker does not serve the bot,
// if the store fails or is slow, or if many others wait for theirs.
func (a *FindArchivedHere) Execute(ctx context.Context, input fetchrecording.FindArchivedInput) (*fetchrecording.FindArchivedHereResult, error) {
	unknown := new(fetchrecording.FindArchivedHereResult)
	served, err := a.find.Served.Of(input.BotID)
	if err != nil || served.Store.IsFailing() {
		return unknown, nil // Another worker may serve the bot.
	}
	select {
	case a.running <- struct{}{}:
		defer func() { <-a.running }()
	default:
		return unknown, nil
	}

	// Cancelled instead of timed out: that somebody else has more patience with the store
	// must not tell that it fails.
	asking, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	defer context.AfterFunc(ctx, cancel)()
	defer time.AfterFunc(a.patience, cancel).Stop()
	found, err := a.find.find(asking, served, input.Session)
	if err != nil {
		return unknown, nil // FindArchived meets it too, and reports it.
	}
	a.find.addLane(ctx, served, input, found)
	return &fetchrecording.FindArchivedHereResult{Known: true, FindArchivedResult: *found}, nil
}
