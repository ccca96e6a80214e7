package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/callvault/callvault/internal/account"
	"github.com/callvault/callvault/internal/archive"
	"github.com/callvault/callvault/internal/callhistory"
	"github.com/callvault/callvault/internal/dayindex"
	"github.com/callvault/callvault/internal/dayseal"
	"github.com/callvault/callvault/internal/oneline"
	"github.com/callvault/callvault/internal/program"
	"github.com/callvault/callvault/workflows"
)

const (
	// archiveTimeout bounds what is asked of the archive about one session.
	archiveTimeout = time.Minute
	// maxShownOpenings bounds how many records of links are shown.
	maxShownOpenings = 10
)

// shownCall is what is known of a call.
type shownCall struct {
	workflows.Session
	CallTime time.Time `json:"callTime"`
	Account  string    `json:"account,omitempty"`
	BatchID  string    `json:"batchId,omitempty"`

	// Outcome is the manifest's or, if the archive did not say whether it has one, that of
	// the last run.
	Outcome workflows.Outcome `json:"outcome,omitempty"`
	// Archived reports whether the outcome is that, and the archive has the objects: false
	// if it was not asked, or could not be.
	Archived bool `json:"archived"`

	// Manifest is what the archive has, Object where; nil if it has none or was not asked.
	Manifest *archive.Manifest    `json:"manifest,omitempty"`
	Object   *workflows.ObjectRef `json:"object,omitempty"`
	// Damaged are the keys of objects that are missing or changed.
	Damaged []string `json:"damaged,omitempty"`

	// PurgeAt is when the vendor deletes the recording; zero if its retention is not known.
	PurgeAt time.Time `json:"purgeAt,omitzero"`

	// Day is the sealed day that the call belongs to; nil if the archive has none.
	Day *shownSealedDay `json:"day,omitempty"`

	// Openings are the last links to it that were given to somebody, of so many.
	Openings     []archive.Opening `json:"openings,omitempty"`
	OpeningCount int               `json:"openingCount,omitempty"`

	// Progress is that of the fetch that runs; nil if none does or no worker responds.
	Progress *workflows.FetchProgress `json:"progress,omitempty"`
	// Pending are what it does now.
	Pending []shownPending `json:"pending,omitempty"`
	// Runs are those of its fetches that Temporal remembers, oldest first.
	Runs []shownRun `json:"runs"`

	// Missing says what could not be asked or read.
	Missing []string `json:"missing,omitempty"`

	retention time.Duration
	// manifestRead: the archive has said whether it has a manifest; objectsRead: and which
	// of its objects are there.
	manifestRead, objectsRead bool
}

// shownSealedDay is the latest revision of a day.
type shownSealedDay struct {
	Date     string    `json:"date"`
	Revision int       `json:"revision"`
	SealedAt time.Time `json:"sealedAt"`
	Logged   bool      `json:"logged"`
	LogIndex *int64    `json:"logIndex,omitempty"`
}

// shownRun is a run with its page in the Web UI.
type shownRun struct {
	callhistory.Run
	Status string `json:"status,omitempty"`
	WebUI  string `json:"webUI,omitempty"`
}

// shownPending is work that has not ended.
type shownPending struct {
	Text     string    `json:"text"`
	Attempts int       `json:"attempts,omitempty"`
	Since    time.Time `json:"since,omitzero"`
	Worker   string    `json:"worker,omitempty"`
	// Failure is that of the attempt before, NextAt when the next one begins.
	Failure string    `json:"failure,omitempty"`
	NextAt  time.Time `json:"nextAt,omitzero"`
}

// archived returns what the archive has of a session.
func (s *sources) archived(ctx context.Context, session workflows.Session) (*shownCall, error) {
	shown := &shownCall{Session: session, Runs: []shownRun{}}
	shown.CallTime, _ = session.CallTime() // Its form was checked.
	if s.served == nil {
		return shown, nil
	}
	owner, err := s.served.Of(session.BotID)
	if err != nil {
		shown.Missing = append(shown.Missing, fmt.Sprintf("The archive was not asked: bot %s is in no account of the configuration: correct --bot, or add the bot to SMARTASSIST_BOT_ID or CALLVAULT_CONFIG", session.BotID))
		return shown, nil
	}
	shown.Account, shown.retention = owner.Name, owner.Retention
	bounded, cancel := context.WithTimeout(ctx, archiveTimeout)
	defer cancel()
	if err := shown.addArchive(bounded, owner); err != nil {
		if errors.Is(ctx.Err(), context.Canceled) {
			return nil, program.ErrInterrupted
		}
		shown.Missing = append(shown.Missing, "The archive cannot be read: "+oneline.Of(err.Error()))
	}
	return shown, nil
}

// addArchive adds the manifest, whether its objects are there, its day and who opened it.
func (c *shownCall) addArchive(ctx context.Context, owner *account.Account) error {
	store := owner.Store
	stored, err := store.ReadStoredManifest(ctx, c.Session)
	c.manifestRead = err == nil
	if err != nil || stored == nil {
		return err
	}
	c.Manifest, c.Object = stored.Manifest, &workflows.ObjectRef{Bucket: store.Bucket(), Key: stored.Key}
	if c.Damaged, err = store.Damaged(ctx, stored.Manifest); err != nil {
		return err
	}
	c.objectsRead = true
	if c.Openings, c.OpeningCount, err = store.Openings(ctx, c.Session, maxShownOpenings); err != nil {
		c.Missing = append(c.Missing, "Who was given a link cannot be read: "+oneline.Of(err.Error()))
	}
	return c.addDay(ctx, store)
}

func (c *shownCall) addDay(ctx context.Context, store *archive.Store) error {
	day := workflows.Day{BotID: c.BotID, Date: c.CallTime.Format(time.DateOnly)}
	revision, err := dayindex.Of(store).Latest(ctx, day)
	switch {
	case errors.Is(err, archive.ErrMissing):
		return nil
	case errors.Is(err, dayindex.ErrDamaged):
		c.Missing = append(c.Missing, "The day's record cannot be read: "+oneline.Of(err.Error()))
		return nil
	case err != nil:
		return err
	}
	logged, index, err := dayseal.IsLogged(ctx, store, revision, time.Now())
	if err != nil {
		return err
	}
	c.Day = &shownSealedDay{Date: day.Date, Revision: revision.Revision, SealedAt: revision.SealedAt, Logged: logged}
	if index >= 0 {
		c.Day.LogIndex = &index
	}
	return nil
}

// conclude sets what follows from both sources.
func (c *shownCall) conclude() {
	if c.retention > 0 {
		c.PurgeAt = c.CallTime.Add(c.retention)
	}
	switch {
	case c.Manifest != nil:
		c.Outcome, c.BatchID = workflows.Outcome(c.Manifest.Outcome), c.Manifest.BatchID
	case len(c.Runs) > 0:
		last := c.Runs[len(c.Runs)-1]
		if c.BatchID = last.BatchID; last.Result != nil && !c.manifestRead {
			c.Outcome = last.Result.Outcome
		}
	}
	if c.Progress != nil && !c.Progress.PurgeAt.IsZero() {
		c.PurgeAt = c.Progress.PurgeAt
	}
	c.Archived = c.Outcome == workflows.OutcomeArchived && c.objectsRead && len(c.Damaged) == 0
}

// wrote returns the worker that wrote the manifest, and whether that is known.
func (c *shownCall) wrote() (by *callhistory.Worker, at time.Time, known bool) {
	if c.Manifest == nil {
		return nil, time.Time{}, false
	}
	for _, run := range c.Runs {
		if run.RunID == c.Manifest.RunID && run.Wrote != nil && run.Wrote.Worker != nil {
			return run.Wrote.Worker, run.Wrote.At, true
		}
	}
	return nil, time.Time{}, false
}
