package dayindex

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"maps"
	"slices"

	"github.com/callvault/callvault/internal/archive"
	"github.com/callvault/callvault/internal/dayrecord"
	"github.com/callvault/callvault/workflows"
)

// maxRecordBytes bounds a record: the ids of two million sessions, of which the lists
// disagree, fit into it.
const maxRecordBytes = 64 << 20

// ErrDamaged means that an object is not what it has to be by its key or its record.
var ErrDamaged = errors.New("it is damaged, or was changed; the command verify finds out more")

// ErrNewer means that a record is in a format that this program does not know yet.
var ErrNewer = errors.New("use a newer one")

// Revision is a revision of a day.
type Revision struct {
	dayrecord.Record

	// Key and SHA256 are of the record's object.
	Key    string
	SHA256 string
}

// Day returns which day it is.
func (r *Revision) Day() workflows.Day { return workflows.Day{BotID: r.BotID, Date: r.Date} }

// Latest returns the latest revision of a day. It returns [archive.ErrMissing] if there is
// none, and [ErrDamaged] if the record is not one of this day.
func (x *Index) Latest(ctx context.Context, day workflows.Day) (*Revision, error) {
	if _, err := archive.DayPrefix(x.prefix, day); err != nil {
		return nil, err
	}
	latest, err := x.LatestRevisions(ctx, day.BotID, Range{day.Date, day.Date})
	if err != nil {
		return nil, err
	}
	if latest[day.Date] == 0 {
		return nil, fmt.Errorf("day %s of %s has no record: %w", day.Date, day.BotID, archive.ErrMissing)
	}
	return x.Read(ctx, day, latest[day.Date])
}

// Revisions returns the latest revision of each day of a bot that has one, in ascending order. An
// error ends it.
func (x *Index) Revisions(ctx context.Context, botID string, days Range) iter.Seq2[*Revision, error] {
	return func(yield func(*Revision, error) bool) {
		latest, err := x.LatestRevisions(ctx, botID, days)
		if err != nil {
			yield(nil, err)
			return
		}
		for _, date := range slices.Sorted(maps.Keys(latest)) {
			revision, err := x.Read(ctx, workflows.Day{BotID: botID, Date: date}, latest[date])
			if !yield(revision, err) || err != nil {
				return
			}
		}
	}
}

// Read returns a revision of a day, whose record has to be that of its key. It returns
// [archive.ErrMissing] if there is none, and [ErrDamaged] if the record is not that.
func (x *Index) Read(ctx context.Context, day workflows.Day, number int) (*Revision, error) {
	key, err := archive.DayKey(x.prefix, day, number, archive.DayRecordFile)
	if err != nil {
		return nil, err
	}
	object, _, err := x.source.OpenFile(ctx, key)
	if err != nil {
		return nil, err
	}
	defer object.Close()
	body, err := io.ReadAll(io.LimitReader(object, maxRecordBytes+1))
	switch {
	case err != nil:
		return nil, err
	case len(body) > maxRecordBytes:
		return nil, fmt.Errorf("record %s has more than %d bytes: %w", key, maxRecordBytes, ErrDamaged)
	}
	sum := sha256.Sum256(body)
	revision := &Revision{Key: key, SHA256: hex.EncodeToString(sum[:])}
	if err := json.Unmarshal(body, &revision.Record); err != nil {
		return nil, fmt.Errorf("record %s is not JSON of a record: %w", key, ErrDamaged)
	}
	return revision, x.check(revision, day, number)
}

// check compares a record with its key.
func (x *Index) check(r *Revision, day workflows.Day, number int) error {
	rows, err := archive.DayKey(x.prefix, day, number, archive.DayRowsFile)
	switch {
	case err != nil:
		return err
	case r.Version > dayrecord.Version:
		return fmt.Errorf("record %s has version %d, and this program knows %d: %w", r.Key, r.Version, dayrecord.Version, ErrNewer)
	case r.Version < 1, r.BotID != day.BotID, r.Date != day.Date, r.Revision != number:
		return fmt.Errorf("record %s is that of another day or revision: %w", r.Key, ErrDamaged)
	case r.Rows.Key != rows:
		return fmt.Errorf("record %s does not name the rows beside it: %w", r.Key, ErrDamaged)
	}
	return nil
}
