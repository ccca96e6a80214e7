package daylist

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// Done is what earlier attempts have listed of a day by one list: windows that follow each other without a gap from the end
// at which the list is begun.
type Done struct {
	// Tally is what they counted.
	Tally Tally

	oldest, newest time.Time // the end of getSessions's windows, and of interactionDetails's
	seen           seen
}

// NewDone returns a beginning.
func NewDone() *Done { return &Done{seen: newSeen()} }

// ReadDone finds out what an earlier attempt has listed. What it has written behind a gap does not count, and is written again.
// Of a day that goes on at now, getSessions is listed anew.
func ReadDone(ctx context.Context, store Store, folder string, list List, day Day, now time.Time) (*Done, error) {
	spans, err := storedSpans(ctx, store, folder, list)
	if err != nil {
		return nil, err
	}
	done := NewDone()
	for _, span := range done.chain(spans, list, day, now) {
		if err := done.read(ctx, store, folder, span); err != nil {
			return nil, err
		}
	}
	return done, nil
}

// chain returns the windows that follow each other.
func (d *Done) chain(spans []Span, list List, day Day, now time.Time) []Span {
	byBegin := make(map[time.Time][]Span)
	for _, span := range spans {
		at := span.From
		if list == Sessions { // It is listed backwards.
			at = span.To
		}
		byBegin[at] = append(byBegin[at], span)
	}
	at, end := day.bounds(now)
	if list == Sessions {
		at = end
	}
	var chain []Span
	for {
		step := wholeStep(byBegin[at])
		if step == nil {
			return chain
		}
		delete(byBegin, at)
		chain = append(chain, step...)
		if at = step[0].To; list == Sessions {
			at = step[0].From
		}
		d.oldest, d.newest = step[0].From, step[0].To
	}
}

// wholeStep returns a window, or the two halves of one that was split by direction; nil if there is none that is whole.
func wholeStep(spans []Span) []Span {
	halves := make(map[Span][]Span)
	for _, span := range spans {
		if span.Direction == "" {
			return []Span{span}
		}
		whole := span
		whole.Direction = ""
		if halves[whole] = append(halves[whole], span); len(halves[whole]) == len(directions) {
			return halves[whole]
		}
	}
	return nil
}

func (d *Done) read(ctx context.Context, store Store, folder string, span Span) error {
	header, rows, err := openWindow(ctx, store, folder, span)
	if err != nil {
		return err
	}
	defer rows.Close()
	for {
		row, err := rows.next()
		if err != nil {
			return err
		}
		if row == nil {
			break
		}
		d.seen.sessions[row.SessionID] = struct{}{}
	}
	d.Tally.Add(header.Tally)
	return nil
}

// storedSpans returns the windows of a list that are in a folder.
func storedSpans(ctx context.Context, store Store, folder string, list List) ([]Span, error) {
	prefix := folderOf(folder, list)
	keys, err := store.Keys(ctx, prefix, maxWindows)
	if err != nil {
		return nil, err
	}
	spans := make([]Span, 0, len(keys))
	for _, key := range keys {
		span, err := parseSpan(list, strings.TrimPrefix(key, prefix))
		if err != nil {
			return nil, fmt.Errorf("the object %s: %w: remove it", key, err)
		}
		spans = append(spans, span)
	}
	return spans, nil
}
