package daylist

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"time"

	"github.com/callvault/callvault/internal/smartassist"
	"github.com/callvault/callvault/workflows"
)

// Bounds of what is read from the archive.
const (
	// maxWindows bounds the windows of one list of a day: one for each second of a day.
	maxWindows = 100_000

	// maxLineBytes bounds a row. The vendor's has at most smartassist.MaxRawBytes.
	maxLineBytes = 64 << 10

	// maxStoredSessions bounds the sessions of one list of a day that are read.
	maxStoredSessions = 5_000_000
)

// Store is the archive; see [archive.Store].
type Store interface {
	WriteFile(ctx context.Context, key, contentType string, body io.Reader, length int64) error
	OpenFile(ctx context.Context, key string) (io.ReadCloser, int64, error)
	Keys(ctx context.Context, prefix string, most int) ([]string, error)
}

func folderOf(folder string, list List) string { return folder + string(list) + "/" }

// storedHeader is the first line of a window's object.
type storedHeader struct {
	Window storedWindow `json:"window"`
}

type storedWindow struct {
	List      List      `json:"list"`
	From      time.Time `json:"from"`
	To        time.Time `json:"to"`
	Direction string    `json:"direction,omitempty"`
	Tally
}

// storedRow is a line of a window's object.
type storedRow struct {
	SessionID string          `json:"sessionId"`
	UserID    string          `json:"userId,omitempty"`
	Closed    bool            `json:"closed"`
	StartedAt time.Time       `json:"startedAt,omitzero"`
	EndedAt   time.Time       `json:"endedAt,omitzero"`
	Voicemail bool            `json:"voicemail,omitempty"`
	Direction string          `json:"direction,omitempty"`
	Raw       json.RawMessage `json:"raw,omitempty"`
}

// WriteWindow writes a window as NDJSON, a header and a line for each call, or replaces it. The object is personal data.
func WriteWindow(ctx context.Context, store Store, folder string, window Window) error {
	var body bytes.Buffer
	lines := json.NewEncoder(&body)
	lines.SetEscapeHTML(false)
	header := storedHeader{storedWindow{window.List, window.From, window.To, window.Direction, window.Tally}}
	if err := lines.Encode(header); err != nil {
		return fmt.Errorf("encode a window of the %s: %w", window.List, err)
	}
	for _, row := range window.Rows {
		err := lines.Encode(storedRow{row.SessionID, row.UserID, row.Closed, row.StartedAt, row.EndedAt, row.IsVoicemail, row.Direction, row.Raw})
		if err != nil {
			return fmt.Errorf("encode a row of the %s: %w", window.List, err)
		}
	}
	return store.WriteFile(ctx, folderOf(folder, window.List)+window.name(), "application/x-ndjson", &body, int64(body.Len()))
}

// ReadRows returns what both lists say of the day's calls, those of interactionDetails first, each call once for a list. It reads the
// windows one after the other, and returns an error, which ends it, for an object that is not as [WriteWindow] writes it.
// The rows are personal data.
func ReadRows(ctx context.Context, store Store, folder string) iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		for _, list := range []List{Interactions, Sessions} {
			for row, err := range readList(ctx, store, folder, list) {
				if !yield(row, err) || err != nil {
					return
				}
			}
		}
	}
}

// StartTimes returns when the calls of getSessions began that are in a folder: the hints of an [InteractionLister].
func StartTimes(ctx context.Context, store Store, folder string) ([]time.Time, error) {
	var times []time.Time
	for row, err := range readList(ctx, store, folder, Sessions) {
		if err != nil {
			return nil, err
		}
		times = append(times, startOf(row.ListedSession))
	}
	return times, nil
}

func readList(ctx context.Context, store Store, folder string, list List) iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		spans, err := storedSpans(ctx, store, folder, list)
		if err != nil {
			yield(Row{}, err)
			return
		}
		known := make(map[string]struct{}) // Attempts that ran at once may have written a call twice.
		for _, span := range spans {
			for row, err := range readWindow(ctx, store, folder, span) {
				if err == nil && len(known) >= maxStoredSessions {
					err = fmt.Errorf("the list %s%s has more than %d calls", folder, list, maxStoredSessions)
				}
				if err != nil {
					yield(Row{}, err)
					return
				}
				if _, again := known[row.SessionID]; again {
					continue
				}
				known[row.SessionID] = struct{}{}
				if !yield(row, nil) {
					return
				}
			}
		}
	}
}

func readWindow(ctx context.Context, store Store, folder string, span Span) iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		_, rows, err := openWindow(ctx, store, folder, span)
		if err != nil {
			yield(Row{}, err)
			return
		}
		defer rows.Close()
		for {
			row, err := rows.next()
			if err != nil {
				yield(Row{}, err)
				return
			}
			if row == nil || !yield(*row, nil) {
				return
			}
		}
	}
}

// storedRows are the rows of an object that is being read.
type storedRows struct {
	io.Closer
	lines *bufio.Reader
	key   string
	list  List
	left  int
}

// openWindow opens the object of a window and reads its header.
func openWindow(ctx context.Context, store Store, folder string, span Span) (*storedWindow, *storedRows, error) {
	key := folderOf(folder, span.List) + span.name()
	object, _, err := store.OpenFile(ctx, key)
	if err != nil {
		return nil, nil, err
	}
	rows := &storedRows{Closer: object, lines: bufio.NewReaderSize(object, maxLineBytes), key: key, list: span.List}
	var header storedHeader
	if err := rows.decode(&header); err != nil {
		object.Close()
		return nil, nil, err
	}
	window := &header.Window
	if window.List != span.List || !window.From.Equal(span.From) || !window.To.Equal(span.To) || window.Direction != span.Direction || window.Sessions < 0 {
		object.Close()
		return nil, nil, fmt.Errorf("the object %s is not the window that its name says: remove it", key)
	}
	rows.left = window.Sessions
	return window, rows, nil
}

// next returns the next row, nil after the last one.
func (r *storedRows) next() (*Row, error) {
	if r.left == 0 {
		switch _, err := r.lines.Peek(1); {
		case errors.Is(err, io.EOF):
			return nil, nil
		case err != nil:
			return nil, err
		}
		return nil, fmt.Errorf("the object %s has more rows than its first line says: remove it", r.key)
	}
	var stored storedRow
	if err := r.decode(&stored); err != nil {
		return nil, err
	}
	if _, err := (workflows.Session{SessionID: stored.SessionID}).CallTime(); err != nil {
		return nil, fmt.Errorf("the object %s has a row without a session: remove it", r.key)
	}
	r.left--
	return &Row{r.list, smartassist.ListedSession{
		SessionID: stored.SessionID, UserID: stored.UserID, Closed: stored.Closed, StartedAt: stored.StartedAt, EndedAt: stored.EndedAt,
		Voice: true, IsVoicemail: stored.Voicemail, Direction: stored.Direction, Raw: stored.Raw,
	}}, nil
}

// decode reads the next line. Its error shows nothing of the line.
func (r *storedRows) decode(into any) error {
	line, err := r.lines.ReadSlice('\n')
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, bufio.ErrBufferFull):
		return fmt.Errorf("the object %s ends too early, or has a line of more than %d bytes: remove it", r.key, maxLineBytes)
	case err != nil:
		return err
	}
	decoder := json.NewDecoder(bytes.NewReader(line))
	decoder.DisallowUnknownFields()
	if decoder.Decode(into) != nil || decoder.More() {
		return fmt.Errorf("the object %s has a line that is not as it was written: remove it", r.key)
	}
	return nil
}
