package sessionlist

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// The columns of a CSV and the keys of an object.
const (
	botIDKey     = "botId"
	sessionIDKey = "sessionId"
	userIDKey    = "userId"
)

// columnNames are in the order in which they are written.
var columnNames = []string{botIDKey, sessionIDKey, userIDKey}

var (
	errOpenQuote  = errors.New("a quotation mark is opened and not closed: close it")
	errStrayQuote = errors.New(`a quotation mark is inside a value: put the whole value in quotation marks and write "" for the one inside`)
)

// header says which column is where.
type header struct {
	count     int
	positions [3]int // in the order of columnNames; -1 is absent
	record    [][]byte
}

// parseHeader reports everything that is wrong with the header in one error.
func parseHeader(line []byte) (*header, error) {
	if err := checkHeaderText(line); err != nil {
		return &header{}, err
	}
	record, err := split(nil, line, false)
	if err != nil {
		return &header{}, fmt.Errorf("header: %w", err)
	}
	h := &header{count: len(record)}
	for i, name := range columnNames {
		h.positions[i] = slices.IndexFunc(record, func(value []byte) bool { return string(value) == name })
	}
	if h.positions == [3]int{-1, -1, -1} {
		return h, fmt.Errorf("the header is missing: want the columns %s first, got %.80q", strings.Join(columnNames, ","), line)
	}
	return h, checkColumns(record)
}

// checkHeaderText recognises files that are no CSV with commas.
func checkHeaderText(line []byte) error {
	if err := checkText(line); err != nil {
		return err
	}
	hasComma := bytes.IndexByte(line, ',') >= 0
	switch {
	case bytes.IndexByte(line, '\r') >= 0:
		return errors.New("lines end with CR alone: save the file with LF or CRLF")
	case !hasComma && bytes.IndexByte(line, ';') >= 0:
		return errors.New("the columns are separated by semicolons: save the file with commas")
	case !hasComma && bytes.IndexByte(line, '\t') >= 0:
		return errors.New("the columns are separated by tabs: save the file with commas")
	}
	return nil
}

// checkColumns reports unknown, repeated and missing columns, at most five of a kind.
func checkColumns(record [][]byte) error {
	var unknown, repeated, missing []string
	found := map[string]bool{}
	for _, value := range record {
		name := string(value)
		switch {
		case !slices.Contains(columnNames, name):
			unknown = append(unknown, fmt.Sprintf("%.80q", name))
		case found[name] && !slices.Contains(repeated, name):
			repeated = append(repeated, name)
		}
		found[name] = true
	}
	for _, name := range []string{botIDKey, sessionIDKey} {
		if !found[name] {
			missing = append(missing, name)
		}
	}
	err := errors.Join(
		columnError("unknown", unknown, "remove it or correct its spelling"),
		columnError("repeated", repeated, "keep one of them"),
		columnError("missing", missing, "add it"),
	)
	if err != nil {
		return errors.New(oneLine(err))
	}
	return nil
}

func columnError(kind string, names []string, remedy string) error {
	if len(names) == 0 {
		return nil
	}
	return fmt.Errorf("%s column %s: %s", kind, strings.Join(names[:min(len(names), 5)], ", "), remedy)
}

// values returns the values of the row in line.
func (h *header) values(line []byte) (values, error) {
	record, err := split(h.record[:0], line, false)
	if err != nil {
		return values{}, err
	}
	h.record = record
	if len(record) != h.count {
		return values{}, fmt.Errorf("the row has %d values, the header has %d columns: put a value that holds a comma in quotation marks", len(record), h.count)
	}
	result := values{botID: record[h.positions[0]], sessionID: record[h.positions[1]]}
	if at := h.positions[2]; at >= 0 {
		result.userID = record[at]
	}
	return result, nil
}

// split appends the values of a line of CSV to record. If open, the line begins
// inside a quoted value. It fails with errOpenQuote if the line ends inside one.
func split(record [][]byte, line []byte, open bool) ([][]byte, error) {
	for {
		if !open && !bytes.HasPrefix(line, []byte(`"`)) {
			value, rest, more := bytes.Cut(line, []byte(","))
			if bytes.IndexByte(value, '"') >= 0 {
				return record, errStrayQuote
			}
			record = append(record, value)
			if !more {
				return record, nil
			}
			line = rest
			continue
		}
		if !open {
			line = line[1:]
		}
		open = false
		size := closingQuote(line)
		if size < 0 {
			return record, errOpenQuote
		}
		record = append(record, unescaped(line[:size]))
		line = line[size+1:]
		switch {
		case len(line) == 0:
			return record, nil
		case line[0] != ',':
			return record, errStrayQuote
		}
		line = line[1:]
	}
}

// closingQuote returns where the quotation mark is that ends the value, or -1. A
// doubled one belongs to the value.
func closingQuote(text []byte) int {
	for at := 0; at < len(text); at++ {
		switch {
		case text[at] != '"':
		case at+1 < len(text) && text[at+1] == '"':
			at++
		default:
			return at
		}
	}
	return -1
}

// unescaped leaves the text itself as it is, because a fault shows it.
func unescaped(text []byte) []byte {
	if bytes.IndexByte(text, '"') < 0 {
		return text
	}
	return bytes.ReplaceAll(text, []byte(`""`), []byte(`"`))
}

// quotedLines returns the size and number of the lines at the beginning of text that
// belong to the row before them, which ended inside a quoted value: none if the
// value does not end in text, or a line before could be a row by itself.
func quotedLines(text []byte, columns int) (size, count int) {
	for size < len(text) {
		line := text[size:]
		if end := bytes.IndexByte(line, '\n'); end >= 0 {
			line = line[:end+1]
		}
		size += len(line)
		count++
		line = withoutEnd(line)
		if record, err := split(nil, line, false); err == nil && len(record) == columns {
			return 0, 0
		}
		switch _, err := split(nil, line, true); {
		case err == nil:
			return size, count
		case !errors.Is(err, errOpenQuote):
			return 0, 0
		}
	}
	return 0, 0
}
