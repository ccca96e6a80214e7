package sessionlist

import (
	"bufio"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"time"
)

// Writer writes a list in one form, whatever it was read from: the columns or keys
// botId, sessionId and userId in this order, and LF. What it writes, [Read] reads as
// the same rows.
type Writer struct {
	out    *bufio.Writer
	encode func(Row) error
}

// NewWriter returns a writer of a list in the format to w. A CSV has its header even
// without rows. The caller calls [Writer.Flush] after the last row.
func NewWriter(w io.Writer, format Format) (*Writer, error) {
	out := bufio.NewWriterSize(w, 64<<10)
	switch format {
	case CSV:
		encoder := csv.NewWriter(out)
		return &Writer{out: out, encode: func(row Row) error {
			return encoder.Write([]string{row.BotID, row.SessionID, row.UserID})
		}}, encoder.Write(columnNames)
	case NDJSON:
		encoder := json.NewEncoder(out)
		encoder.SetEscapeHTML(false)
		return &Writer{out: out, encode: func(row Row) error { return encoder.Encode(row) }}, nil
	default:
		return nil, unknownFormat(format)
	}
}

// Write writes a row. It refuses one that [Read] would not return, whatever the time.
func (w *Writer) Write(row Row) error {
	if err := row.ValidateFor(row.UserID, time.Time{}); err != nil {
		return fmt.Errorf("write row: %s", oneLine(err))
	}
	return w.encode(row)
}

// Flush writes what is buffered, and returns the first error of the underlying
// writer.
func (w *Writer) Flush() error { return w.out.Flush() }
