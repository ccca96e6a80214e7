package verify

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/callvault/callvault/internal/daylog"
	"github.com/callvault/callvault/workflows"
)

// Options say what to verify, and by what.
type Options struct {
	// Key is the public key that signs the log. Required.
	Key note.Verifier
	// Kept is a checkpoint that was kept, which the log has to extend. Defaults to none.
	Kept []byte
	// Prefix begins the keys of the archive. Defaults to none.
	Prefix string
	// BotID, Date (yyyy-mm-dd) and SessionID select what is verified. A session selects its
	// day. Default to everything.
	BotID, Date, SessionID string
	// RecordsOnly leaves the bytes of files and attachments unread: of them only existence
	// and length are compared. Defaults to false.
	RecordsOnly bool
	// Parallel is how many sessions are checked at a time. Defaults to 8.
	Parallel int
}

// InvalidError is an error in the options.
type InvalidError struct{ error }

// Unwrap returns what is wrong.
func (e *InvalidError) Unwrap() error { return e.error }

// complete returns the options with defaults, and the kept checkpoint.
func (o Options) complete() (Options, daylog.Checkpoint, error) {
	o.Parallel = cmp.Or(o.Parallel, 8)
	var errs []error
	if o.BotID != "" {
		errs = append(errs, workflows.ValidateBotID(o.BotID))
	}
	if o.Date != "" {
		_, err := workflows.Day{Date: o.Date}.Begin()
		errs = append(errs, err)
	}
	if o.SessionID != "" {
		called, err := workflows.Session{SessionID: o.SessionID}.CallTime()
		date := called.Format(time.DateOnly)
		if err == nil && o.Date != "" && o.Date != date {
			err = fmt.Errorf("session %s belongs to day %s: leave out the day, or correct it", o.SessionID, date)
		}
		errs, o.Date = append(errs, err), date
	}
	var kept daylog.Checkpoint
	if o.Kept != nil {
		var err error
		if kept, err = daylog.OpenCheckpoint(o.Kept, o.Key); err != nil {
			errs = append(errs, fmt.Errorf("the checkpoint that was kept: %w: give the one that was kept of this log, or none", err))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return o, kept, &InvalidError{err}
	}
	return o, kept, nil
}

func (o Options) isEverything() bool { return o.BotID == "" && o.Date == "" }

// has reports whether a day is selected.
func (o Options) has(day workflows.Day) bool {
	return (o.BotID == "" || o.BotID == day.BotID) && (o.Date == "" || o.Date == day.Date)
}

// Checked is what was checked, whether it holds or not.
type Checked struct {
	Days        int   `json:"days"`
	Revisions   int   `json:"revisions"`
	Sessions    int   `json:"sessions"`
	Files       int   `json:"files"`
	Attachments int   `json:"attachments"`
	Erased      int   `json:"erased"` // attachments of kind call that are not there any more
	Bytes       int64 `json:"bytes"`  // of files and attachments that were read
}

func (c *Checked) add(other Checked) {
	c.Days += other.Days
	c.Revisions += other.Revisions
	c.Sessions += other.Sessions
	c.Files += other.Files
	c.Attachments += other.Attachments
	c.Erased += other.Erased
	c.Bytes += other.Bytes
}

// Result is how a verification ended.
type Result struct {
	// OK reports that everything that was checked holds.
	OK bool `json:"ok"`

	// Origin is the name of the log, Entries and Root are its checkpoint's.
	Origin  string `json:"origin"`
	Entries int64  `json:"entries"`
	Root    string `json:"root"`
	// Extends is the number of entries of the checkpoint that was kept; nil if none was.
	Extends *int64 `json:"extends,omitempty"`

	// RecordsOnly reports that no bytes of files and attachments were read.
	RecordsOnly bool    `json:"recordsOnly"`
	Checked     Checked `json:"checked"`

	// Failures are what does not hold, at most 10,000 of them; FailureCount is how many there
	// are.
	Failures     []Failure `json:"failures"`
	FailureCount int       `json:"failureCount"`
	// Notes are worth knowing, and no failures; at most 100.
	Notes []string `json:"notes"`

	// Checkpoint is the log's, as it was read; nil if it does not hold.
	Checkpoint []byte `json:"-"`
}

// run is one verification.
type run struct {
	Options
	ctx    context.Context
	source Source
	report report
	kept   daylog.Checkpoint

	checkpoint daylog.Checkpoint
	signed     []byte // nil if the checkpoint does not hold
	// latest is the checkpoint, or a later one that was read since and extends it. days are of it.
	latest daylog.Checkpoint
	days   map[workflows.Day]*day

	// later and unentered are what the checkpoint does not know of.
	later     []stamped
	unentered []unentered
}

// Run verifies what options select. An error means that it could not be verified: the source
// fails, or ctx is done; an [InvalidError] that the options are wrong. Its memory grows with
// the number of entries in the log of the days that are selected, and with the ids of the sessions of one day of which the
// lists disagree. A log that grows meanwhile is read up to three times more.
func Run(ctx context.Context, source Source, options Options) (*Result, error) {
	options, kept, err := options.complete()
	if err != nil {
		return nil, err
	}
	v := &run{Options: options, ctx: ctx, source: source, kept: kept, days: make(map[workflows.Day]*day)}
	if err := v.run(); err != nil {
		return nil, err
	}
	result := &Result{
		Origin: options.Key.Name(), Entries: v.checkpoint.Size, Root: v.checkpoint.Root.String(), RecordsOnly: options.RecordsOnly,
		Checked: v.report.checked, Failures: append([]Failure{}, v.report.sorted()...), FailureCount: v.report.count, Notes: append([]string{}, v.report.notes...),
		OK: v.report.count == 0, Checkpoint: v.signed,
	}
	if options.Kept != nil {
		result.Extends = &kept.Size
	}
	return result, nil
}

// hold reports what does not hold, and returns any other error.
func (v *run) hold(at place, err error) error {
	var found *problem
	if errors.As(err, &found) {
		v.report.fail(at.failure(found.text))
		return nil
	}
	return err
}

func (v *run) run() error {
	isReadable, err := v.readCheckpoint()
	if err != nil || !isReadable {
		return err
	}
	v.latest = v.checkpoint
	isWhole, err := v.checkLog()
	if err != nil {
		return err
	}
	for _, at := range slices.SortedFunc(maps.Keys(v.days), func(a, b workflows.Day) int {
		return cmp.Or(cmp.Compare(a.Date, b.Date), cmp.Compare(a.BotID, b.BotID))
	}) {
		if err := v.checkDay(v.days[at]); err != nil {
			return err
		}
	}
	if isWhole { // Or what the log does not have is not known.
		v.checkSelection()
		if err := v.checkUnentered(); err != nil {
			return err
		}
		if err := v.followGrowth(); err != nil {
			return err
		}
	}
	v.reportUnknown()
	return nil
}

// reportUnknown reports what the log does not have, whatever it has got meanwhile.
func (v *run) reportUnknown() {
	for _, one := range v.later {
		if one.Size > v.latest.Size {
			v.report.fail(place{kind: KindTimestamp, key: one.key}.failure(
				problemf("it has %d entries, and the log has %d now: the log was put back", one.Size, v.latest.Size).Error()))
		}
	}
	for _, one := range v.unentered {
		v.judgeUnentered(one)
	}
}

// checkSelection reports what was asked for and is nowhere, as nothing would have been checked.
func (v *run) checkSelection() {
	at := place{kind: KindSelection, day: workflows.Day{BotID: v.BotID, Date: v.Date}, session: v.SessionID}
	switch {
	case v.isEverything():
	case len(v.days) == 0:
		v.report.fail(at.failure("the log has no entry of it"))
	case v.SessionID != "" && v.report.checked.Sessions == 0:
		v.report.fail(at.failure("the latest revision of its day has no row of it"))
	}
}
