package dayseal

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/callvault/callvault/internal/archive"
	"github.com/callvault/callvault/internal/dayrecord"
	"github.com/callvault/callvault/internal/daysessions"
	"github.com/callvault/callvault/internal/failure"
	"github.com/callvault/callvault/workflows"
)

// MaxRecordBytes bounds a record: one in which the lists disagree about a million sessions
// has 30 MB.
const MaxRecordBytes = 64 << 20

// maxListings bounds the listings of a record.
const maxListings = 40

// Sealed is the latest revision of a day.
type Sealed struct {
	Record dayrecord.Record
	Key    string
	SHA256 string // of the record, in hexadecimal
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
	latest, revision, err := latestOf(ctx, store, day.Day)
	if err != nil {
		return nil, err
	}
	listings := day.Listings
	if latest != nil {
		listings = joinListings(latest.Record.Listings, listings)
	}
	made, err := writeRows(ctx, store, day.Day, day.Sessions.Sorted(), newTally(listings), options)
	if err != nil {
		return nil, err
	}
	defer made.close()
	if latest != nil && latest.Record.Rows.SHA256 == made.size.SHA256 {
		latest.Unchanged = true
		return latest, nil
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
	sealed, err := storeRecord(ctx, store, record)
	if sealed != nil {
		sealed.Behind = sealed.Record.Rows.SHA256 != made.size.SHA256
	}
	return sealed, err
}

// joinListings returns the listings of the revision before and the new ones. Of very many
// the first ones and the last are kept.
func joinListings(before, listings []dayrecord.Listing) []dayrecord.Listing {
	joined := append(append([]dayrecord.Listing{}, before...), listings...)
	if over := len(joined) - maxListings; over > 0 {
		joined = append(joined[:2:2], joined[2+over:]...)
	}
	return joined
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
	size, err := EachRow(object, day, counted.add)
	if err != nil {
		return size, nil, fmt.Errorf("%w: s3://%s/%s cannot be read: %w: move it away, and the day is sealed with what is known now", archive.ErrBlocked, store.Bucket(), key, err)
	}
	return size, counted, nil
}

// storeRecord creates the record, and returns the one that is there afterwards: another
// attempt may have been first.
func storeRecord(ctx context.Context, store *archive.Store, record dayrecord.Record) (*Sealed, error) {
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
	return &Sealed{Record: record, Key: key, SHA256: hex.EncodeToString(sum[:])}, nil
}

// latestOf returns the latest revision of a day, or nil, and the number of the next one.
func latestOf(ctx context.Context, store *archive.Store, day workflows.Day) (latest *Sealed, next int, err error) {
	records, _, err := store.DayRevisions(ctx, day)
	if err != nil || len(records) == 0 {
		return nil, 1, err
	}
	last := records[len(records)-1]
	latest, err = ReadRecord(ctx, store, day, last)
	return latest, last + 1, err
}

// Latest returns the latest revision of a day; nil if it has none.
func Latest(ctx context.Context, store *archive.Store, day workflows.Day) (*Sealed, error) {
	latest, _, err := latestOf(ctx, store, day)
	return latest, err
}

// ReadRecord returns a revision of a day. It fails if the object is not its record.
func ReadRecord(ctx context.Context, store *archive.Store, day workflows.Day, revision int) (*Sealed, error) {
	key, err := store.DayKey(day, revision, archive.DayRecordFile)
	if err != nil {
		return nil, err
	}
	body, _, err := store.ReadObject(ctx, key, MaxRecordBytes)
	if err != nil {
		return nil, err
	}
	if body == nil {
		return nil, failure.New(failure.ArchiveUnavailable, fmt.Sprintf("s3://%s/%s cannot be read, although it was listed or could not be created", store.Bucket(), key))
	}
	var record dayrecord.Record
	decoder := json.NewDecoder(bytes.NewReader(body))
	if err := decoder.Decode(&record); err != nil || record.BotID != day.BotID || record.Date != day.Date || record.Revision != revision {
		return nil, fmt.Errorf("%w: s3://%s/%s is not the record of revision %d of %s: put back what was there, from a version of the object or a backup", archive.ErrBlocked, store.Bucket(), key, revision, day.Date)
	}
	if record.Version > dayrecord.Version {
		return nil, fmt.Errorf("%w: s3://%s/%s has version %d, and this release knows up to %d: upgrade the workers", archive.ErrBlocked, store.Bucket(), key, record.Version, dayrecord.Version)
	}
	sum := sha256.Sum256(body)
	return &Sealed{Record: record, Key: key, SHA256: hex.EncodeToString(sum[:])}, nil
}
