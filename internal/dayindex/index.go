package dayindex

import (
	"context"
	"io"
	"iter"
	"strings"

	"github.com/callvault/callvault/internal/archive"
	"github.com/callvault/callvault/workflows"
)

// Source is where the objects are.
type Source interface {
	// KeysAfter returns the keys that begin with prefix and follow after, which may be
	// empty, in ascending order.
	KeysAfter(ctx context.Context, prefix, after string) iter.Seq2[string, error]

	// OpenFile returns the content of an object and its length in bytes. It returns
	// [archive.ErrMissing] if there is none.
	OpenFile(ctx context.Context, key string) (io.ReadCloser, int64, error)
}

var _ Source = (*archive.Store)(nil)

// Index reads the sealed days of an archive.
type Index struct {
	source Source
	prefix string
}

// New returns the index of an archive whose keys begin with prefix, which may be empty.
func New(source Source, prefix string) *Index { return &Index{source, prefix} }

// Of returns the index of a store.
func Of(store *archive.Store) *Index { return New(store, store.Prefix()) }

// Range are the days from one to another, both included, as "2026-11-20".
type Range struct{ From, To string }

func (r Range) has(date string) bool { return r.From <= date && date <= r.To }

// Bots returns the bots that have objects of days, in ascending order. It costs a LIST for
// each. Folders whose names are no bot's are left out.
func (x *Index) Bots(ctx context.Context) ([]string, error) {
	var bots []string
	days := archive.DaysPrefix(x.prefix)
	after := ""
	for {
		folder, err := FolderAfter(ctx, x.source, days, after)
		if err != nil || folder == "" {
			return bots, err
		}
		if workflows.ValidateBotID(folder) == nil {
			bots = append(bots, folder)
		}
		after = days + folder + "0" // What follows all keys of the folder: 0 is the character after the slash.
	}
}

// FolderAfter returns the first folder below prefix that has a key after another one; empty
// if there is none. It costs a LIST.
func FolderAfter(ctx context.Context, source Source, prefix, after string) (string, error) {
	for key, err := range source.KeysAfter(ctx, prefix, after) {
		if err != nil {
			return "", err
		}
		if folder, _, below := strings.Cut(strings.TrimPrefix(key, prefix), "/"); below && folder != "" {
			return folder, nil
		}
	}
	return "", nil
}

// LatestRevisions returns the number of the latest revision of each day of a bot that has one, by
// date. It costs one LIST for every 500 revisions, and memory for each day of the range.
func (x *Index) LatestRevisions(ctx context.Context, botID string, days Range) (map[string]int, error) {
	ofBot, err := archive.BotDaysPrefix(x.prefix, botID)
	if err != nil {
		return nil, err
	}
	latest := make(map[string]int)
	first := ofBot + strings.ReplaceAll(days.From, "-", "/")
	for key, err := range x.source.KeysAfter(ctx, ofBot, first) {
		if err != nil {
			return nil, err
		}
		day, revision, file, ok := archive.ParseDayKey(x.prefix, key)
		switch {
		case !ok: // Somebody else's object. The command verify reports it.
		case day.Date > days.To:
			return latest, nil
		case file == archive.DayRecordFile && days.has(day.Date): // Rows without a record are no revision yet.
			latest[day.Date] = max(latest[day.Date], revision)
		}
	}
	return latest, nil
}
