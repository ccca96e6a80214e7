// Package sessionlist reads and writes lists of sessions for backfills, as streams:
// CSV with a header, or one JSON object a line.
//
// What is read is checked row by row with the rules of a fetch request. A row that
// breaks them is a [Fault]; reading goes on after it, so that one pass finds all of
// them. What makes the whole list unusable is an error.
//
// A row ends with its line, because no value may hold a line break. A quoted value
// of a CSV that goes on over several lines is one fault, if its end comes within
// [MaxQuotedBytes]; a line in between that could be a row by itself is read as one,
// and shows that the quotation mark was never closed. So a broken quotation mark
// costs its own line and no row after it.
package sessionlist

import (
	"errors"
	"fmt"
	"io"
	"iter"
	"time"

	"github.com/callvault/callvault/workflows"
)

// The bounds of a list.
const (
	// MaxRows is how many rows a list may have.
	MaxRows = 1_000_000

	// MaxLineBytes is how long a line may be, without its end.
	MaxLineBytes = 64 << 10

	// MaxQuotedBytes is how far after its first line the end of a quoted value is
	// looked for.
	MaxQuotedBytes = 4 << 10

	// MaxBots is how many bots a list may name.
	MaxBots = 1 << 16
)

// Row is one session of a list.
type Row struct {
	workflows.Session

	// UserID is the user of the session; empty if the list names none.
	UserID string `json:"userId,omitempty"`

	// Line is the number of the row's line, from 1. It is not written.
	Line int `json:"-"`
}

// Options say how a list is read.
type Options struct {
	// Format is the list's format. Defaults to the one that the first byte that is
	// not blank shows: NDJSON begins with "{".
	Format Format

	// MaxRows is how many rows the list may have, good and bad ones, from 1 to
	// [MaxRows]. Defaults to 1,000,000.
	MaxRows int

	// Now is the time at which the rows are checked, see
	// [workflows.FetchRequest.ValidateAt]. Defaults to the time at which reading begins.
	Now time.Time

	// OnFault is called with each row that is wrong, in the order of the file. It
	// is called during the iteration, by its goroutine. Defaults to none: faults
	// are counted alone.
	OnFault func(Fault)
}

// Summary counts the rows of a list: Rows = Sessions + Duplicates + Faults.
type Summary struct {
	// Rows is how many rows were read, without the header and blank lines.
	Rows int `json:"rows"`

	// Sessions is how many rows were returned: good and distinct.
	Sessions int `json:"sessions"`

	// Duplicates is how many good rows name a session that was there before.
	Duplicates int `json:"duplicates"`

	// Faults is how many rows are wrong.
	Faults int `json:"faults"`
}

// List is a list that is being read.
type List struct {
	options Options
	lines   lines
	seen    seen
	fields  fieldsOf
	columns int // of a CSV
	summary Summary
	begun   bool
}

// Read prepares to read a list from r. [List.All] reads it.
func Read(r io.Reader, options Options) *List {
	return &List{options: options, lines: newLines(r), seen: newSeen()}
}

// Summary counts what was read so far: the whole list once the iteration has ended.
func (l *List) Summary() Summary { return l.summary }

// All returns the good and distinct rows in the order of the file, and as the last
// element the error, if there is one: the list is in no known format, has no rows or
// too many, or r failed. The rows before it were good. A list whose rows are all
// wrong is no error: see [List.Summary]. It reads the list once; it cannot be
// iterated again.
func (l *List) All() iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		if err := l.begin(); err != nil {
			yield(Row{}, err)
			return
		}
		for {
			row, isNew, err := l.next()
			switch {
			case errors.Is(err, io.EOF):
				return
			case err != nil:
				yield(Row{}, err)
				return
			case isNew && !yield(row, nil):
				return
			}
		}
	}
}

// begin checks the options and reads up to the first row.
func (l *List) begin() error {
	if l.begun {
		return errors.New("the list was read before: open it again to read it again")
	}
	l.begun = true
	if l.options.MaxRows == 0 {
		l.options.MaxRows = MaxRows
	}
	if l.options.MaxRows < 1 || l.options.MaxRows > MaxRows {
		return fmt.Errorf("MaxRows %d is out of bounds: want 1 to %d", l.options.MaxRows, MaxRows)
	}
	if format := l.options.Format; format != "" && format != CSV && format != NDJSON {
		return unknownFormat(format)
	}
	if l.options.Now.IsZero() {
		l.options.Now = time.Now()
	}
	return l.readFormat()
}

// next reads one row. It reports whether the row is good and was not there before,
// and returns [io.EOF] after the last one.
func (l *List) next() (row Row, isNew bool, err error) {
	line, err := l.lines.nextWithText()
	if errors.Is(err, io.EOF) && l.summary.Rows == 0 {
		return Row{}, false, errors.New("the list has no rows: want at least one session")
	}
	if err != nil && !errors.Is(err, errLongLine) {
		return Row{}, false, err
	}
	if l.summary.Rows == l.options.MaxRows {
		return Row{}, false, fmt.Errorf("line %d: the list has more than %d rows: split the file", l.lines.number, l.options.MaxRows)
	}
	l.summary.Rows++

	if err == nil {
		row, err = l.parse(line)
	}
	if err != nil {
		l.fault(line, err)
		return Row{}, false, nil
	}
	isNew, err = l.seen.add(row.Session)
	switch {
	case err != nil:
		return Row{}, false, fmt.Errorf("line %d: %w", row.Line, err)
	case isNew:
		l.summary.Sessions++
	default:
		l.summary.Duplicates++
	}
	return row, isNew, nil
}

// parse returns the row of a line, or everything that is wrong with it.
func (l *List) parse(line []byte) (Row, error) {
	if err := checkText(line); err != nil {
		return Row{}, err
	}
	values, err := l.fields(line)
	if err != nil {
		return Row{}, err
	}
	row := Row{
		Session: workflows.Session{BotID: l.seen.botID(values.botID), SessionID: string(values.sessionID)},
		UserID:  string(values.userID),
		Line:    l.lines.number,
	}
	return row, row.ValidateFor(row.UserID, l.options.Now)
}

// fault counts and reports what is wrong with the row in line. It reads the further
// lines of the row, if a quoted value has some.
func (l *List) fault(line []byte, err error) {
	l.summary.Faults++
	fault := Fault{Line: l.lines.number, LastLine: l.lines.number, Text: shortened(line)}
	if errors.Is(err, errOpenQuote) {
		if size, count := quotedLines(l.lines.ahead(MaxQuotedBytes), l.columns); count > 0 {
			l.lines.skip(size, count)
			fault.LastLine = l.lines.number
			err = fmt.Errorf("a quoted value goes on to line %d, and no value may hold a line break: write the row on one line, or close the quotation mark in line %d",
				fault.LastLine, fault.Line)
		}
	}
	fault.Problem = oneLine(err)
	if l.options.OnFault != nil {
		l.options.OnFault(fault)
	}
}
