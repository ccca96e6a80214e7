package dayseal

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/callvault/callvault/internal/archive"
	"github.com/callvault/callvault/internal/dayindex"
	"github.com/callvault/callvault/internal/dayrecord"
	"github.com/callvault/callvault/internal/daysessions"
	"github.com/callvault/callvault/internal/failure"
	"github.com/callvault/callvault/workflows"
)

// Sealed is the latest revision of a day.
type Sealed struct {
	*dayindex.Revision
	// Unchanged: nothing was written, because the revision says the same.
	Unchanged bool
	// Behind: another attempt had written the rows of the revision, and they are not what is
	// known now. The day is to be sealed again.
	Behind bool
}

// Day is what is to be written down.
type Day struct {
	workflows.Day
	Sessions daysessions.Sessions
	Listings []dayrecord.Listing
	SealedAt time.Time
}

// Seal writes the next revision of a day, unless its rows are those of the latest one. It
// returns a [MissingError] if sessions have no manifest.
//
// Objects of a revision are only ever created. If another attempt has written the rows and
// not the record, that attempt's rows are taken: they were true when they were written, and
// what has changed since becomes a revision of its own when the day is sealed next.
func Seal(ctx context.Context, store *archive.Store, day Day, options Options) (*Sealed, error) {
	latest, err := Latest(ctx, store, day.Day)
	if err != nil {
		return nil, err
	}
	revision, listings := 1, day.Listings
	if latest != nil {
		revision, listings = latest.Revision+1, dayrecord.LimitListings(slices.Concat(latest.Listings, listings))
	}
	made, err := writeRows(ctx, store, day.Day, day.Sessions.Sorted(), newTally(listings), options)
	if err != nil {
		return nil, err
	}
	defer made.close()
	if latest != nil && latest.Rows.SHA256 == made.size.SHA256 {
		return &Sealed{Revision: latest, Unchanged: true}, nil
	}
	key, err := store.DayKey(day.Day, revision, archive.DayRowsFile)
	if err != nil {
		return nil, err
	}
	size, counted := made.size, made.tally
	if err := storeRows(ctx, store, key, made); errors.Is(err, archive.ErrExists) {
		if size, counted, err = readRows(ctx, store, key, day.Day, listings); err != nil {
			return nil, err
		}
	} else if err != nil {
		return nil, err
	}
	size.Key = key
	record := dayrecord.Record{
		Version: dayrecord.Version, BotID: day.BotID, Date: day.Date, Revision: revision, SealedAt: day.SealedAt.UTC().Truncate(time.Second),
		Listings: listings, Counts: counted.counts, Disagreement: counted.disagreed(), Rows: size,
	}
	if latest != nil {
		record.Previous = &dayrecord.Previous{Key: latest.Key, SHA256: latest.SHA256}
	}
	stored, err := storeRecord(ctx, store, record)
	if err != nil {
		return nil, err
	}
	return &Sealed{Revision: stored, Behind: stored.Rows.SHA256 != made.size.SHA256}, nil
}

func storeRows(ctx context.Context, store *archive.Store, key string, made *rows) error {
	if _, err := made.file.Seek(0, io.SeekStart); err != nil {
		return err
	}
	return store.CreateRecordFile(ctx, key, "application/x-ndjson", made.file, made.size.Bytes)
}

// readRows reads the rows that another attempt has written.
func readRows(ctx context.Context, store *archive.Store, key string, day workflows.Day, listings []dayrecord.Listing) (dayrecord.Rows, *tally, error) {
	object, _, err := store.OpenFile(ctx, key)
	if err != nil {
		return dayrecord.Rows{}, nil, err
	}
	defer object.Close()
	counted := newTally(listings)
	size, err := measureRows(object, key, day, counted)
	if err != nil {
		return size, nil, fmt.Errorf("%w: s3://%s/%s cannot be read: %w: move it away, and the day is sealed with what is known now", archive.ErrBlocked, store.Bucket(), key, err)
	}
	return size, counted, nil
}

// storeRecord creates the record, and returns the one that is there afterwards: another
// attempt may have been first.
func storeRecord(ctx context.Context, store *archive.Store, record dayrecord.Record) (*dayindex.Revision, error) {
	day := workflows.Day{BotID: record.BotID, Date: record.Date}
	key, err := store.DayKey(day, record.Revision, archive.DayRecordFile)
	if err != nil {
		return nil, err
	}
	body, err := json.MarshalIndent(record, "", "  ")
	if err != nil {
		return nil, err
	}
	body = append(body, '\n')
	created, err := store.WriteObject(ctx, key, "application/json", body, "")
	if err != nil {
		return nil, err
	}
	if !created {
		return ReadRecord(ctx, store, day, record.Revision)
	}
	sum := sha256.Sum256(body)
	return &dayindex.Revision{Record: record, Key: key, SHA256: hex.EncodeToString(sum[:])}, nil
}

// Latest returns the latest revision of a day; nil if it has none.
func Latest(ctx context.Context, store *archive.Store, day workflows.Day) (*dayindex.Revision, error) {
	latest, err := dayindex.Of(store).Latest(ctx, day)
	if errors.Is(err, archive.ErrMissing) {
		return nil, nil
	}
	return latest, blockIfDamaged(err)
}

// ReadRecord returns a revision of a day that has to be there. It fails if the object is not
// its record.
func ReadRecord(ctx context.Context, store *archive.Store, day workflows.Day, revision int) (*dayindex.Revision, error) {
	read, err := dayindex.Of(store).Read(ctx, day, revision)
	if errors.Is(err, archive.ErrMissing) {
		return nil, failure.Wrap(failure.ArchiveUnavailable, fmt.Errorf("%w, although it was listed or could not be created", err))
	}
	return read, blockIfDamaged(err)
}

// blockIfDamaged says what to do about an object that was changed since it was written.
func blockIfDamaged(err error) error {
	switch {
	case errors.Is(err, dayindex.ErrDamaged):
		return fmt.Errorf("%w: %w: put back what was there, from a version of the object or a backup", archive.ErrBlocked, err)
	case errors.Is(err, dayindex.ErrNewer):
		return fmt.Errorf("%w: %w", archive.ErrBlocked, err)
	}
	return err
}

// Rows passes the rows of a revision to each.
func Rows(ctx context.Context, store *archive.Store, revision *dayindex.Revision, each func(dayrecord.Row)) error {
	for row, err := range dayindex.Of(store).Rows(ctx, revision) {
		if err != nil {
			return blockIfDamaged(err)
		}
		each(row)
	}
	return nil
}
