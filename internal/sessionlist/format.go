package sessionlist

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"
)

// Format is a form of a list.
type Format string

// The formats of a list.
const (
	// CSV is RFC 4180: values separated by commas, with a header. A byte order mark
	// of UTF-8 and either end of line are accepted.
	CSV Format = "csv"

	// NDJSON is one JSON object a line.
	NDJSON Format = "ndjson"
)

// values are those of one row, valid until the next line is read.
type values struct{ botID, sessionID, userID []byte }

// fieldsOf returns the values of a line, or what is wrong with its form.
type fieldsOf func(line []byte) (values, error)

// foreign are the first bytes of files that are no lists, and what to do with them.
var foreign = []struct{ beginning, remedy string }{
	{"\x1f\x8b", "is compressed with gzip: decompress it first"},
	{"BZh", "is compressed with bzip2: decompress it first"},
	{"\xfd7zXZ\x00", "is compressed with xz: decompress it first"},
	{"\x28\xb5\x2f\xfd", "is compressed with Zstandard: decompress it first"},
	{"PK\x03\x04", "is a ZIP archive or a spreadsheet: unpack it, or save the spreadsheet as CSV"},
	{"\xff\xfe", "is a text in UTF-16: save it as UTF-8"},
	{"\xfe\xff", "is a text in UTF-16: save it as UTF-8"},
}

const byteOrderMark = "\xef\xbb\xbf"

// readFormat finds the format from the first line with text, and reads the header
// of a CSV. The first row is read next.
func (l *List) readFormat() error {
	beginning, err := l.lines.in.Peek(6)
	if err != nil && !errors.Is(err, io.EOF) {
		return l.lines.failed(err)
	}
	for _, file := range foreign {
		if bytes.HasPrefix(beginning, []byte(file.beginning)) {
			return errors.New("the list " + file.remedy)
		}
	}
	if bytes.HasPrefix(beginning, []byte(byteOrderMark)) {
		_, _ = l.lines.in.Discard(len(byteOrderMark)) // It was looked at.
	}
	line, err := l.lines.nextWithText()
	switch {
	case errors.Is(err, io.EOF):
		return errors.New("the list is empty: want a CSV with a header, or one JSON object a line")
	case err != nil && !errors.Is(err, errLongLine):
		return err
	}
	format, problem := formatOf(l.options.Format, line)
	if problem == nil && format == CSV {
		problem = l.readHeader(line, err)
	}
	if problem != nil {
		return fmt.Errorf("line %d: %w", l.lines.number, problem)
	}
	if format == NDJSON {
		l.fields = objectValues
		l.lines.unread()
	}
	return nil
}

// readHeader takes the first line of a CSV, and what was wrong with reading it.
func (l *List) readHeader(line []byte, err error) error {
	if err != nil {
		return err
	}
	header, err := parseHeader(line)
	l.fields, l.columns = header.values, header.count
	return err
}

// formatOf returns the format of a list whose first line with text is line, unless
// one is asked for.
func formatOf(asked Format, line []byte) (Format, error) {
	text := bytes.TrimSpace(line)
	switch {
	case asked != CSV && bytes.HasPrefix(text, []byte("[")):
		return "", errors.New("the list is a JSON array: write one object a line, without the brackets and commas around them")
	case asked != "":
		return asked, nil
	case bytes.HasPrefix(text, []byte("{")):
		return NDJSON, nil
	default:
		return CSV, nil
	}
}

// checkText refuses a line that is no text. JSON would replace what is not UTF-8, and
// so change a user's id.
func checkText(line []byte) error {
	switch {
	case !utf8.Valid(line):
		return errors.New("the line is not UTF-8: save the file as UTF-8")
	case bytes.IndexByte(line, 0) >= 0:
		return errors.New("the line holds zero bytes: the list is no text, or not in UTF-8")
	}
	return nil
}

func unknownFormat(format Format) error {
	return fmt.Errorf("unknown format %q: want %s or %s", format, CSV, NDJSON)
}
