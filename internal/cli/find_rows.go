package cli

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/callvault/callvault/internal/batchreport"
	"github.com/callvault/callvault/internal/dayrecord"
	"github.com/callvault/callvault/internal/oneline"
)

// foundRow is a row with the revision of its day.
type foundRow struct {
	Revision int `json:"revision"`
	dayrecord.Row
}

// rowPrinter prints rows as a stream.
type rowPrinter interface {
	write(foundRow) error
	close() error
}

type textRows struct{ w io.Writer }

func (t *textRows) write(row foundRow) error {
	_, err := fmt.Fprintf(t.w, "%s  %s  %s  %s\n", utc(row.CallTime), row.BotID, row.SessionID, oneline.Of(string(row.Outcome)))
	if err != nil {
		return err
	}
	if len(row.Files) == 0 {
		_, err = fmt.Fprintf(t.w, "  status %s; manifest %s\n", oneline.Of(row.Status), oneline.Of(row.Manifest.Key))
	}
	for _, file := range row.Files {
		if err == nil {
			_, err = fmt.Fprintf(t.w, "  %s  %d bytes  sha256 %s\n", oneline.Of(file.Key), file.Bytes, oneline.Of(file.SHA256))
		}
	}
	return err
}

func (t *textRows) close() error { return nil }

// jsonRows is a list.
type jsonRows struct {
	w     io.Writer
	begun bool
}

func (j *jsonRows) write(row foundRow) error {
	body, err := json.Marshal(row)
	if err != nil {
		return err
	}
	separator := ",\n"
	if !j.begun {
		separator, j.begun = "[\n", true
	}
	_, err = fmt.Fprintf(j.w, "%s%s", separator, body)
	return err
}

func (j *jsonRows) close() error {
	text := "\n]\n"
	if !j.begun {
		text = "[]\n"
	}
	_, err := io.WriteString(j.w, text)
	return err
}

// foundColumns are those of the CSV. A session of several files has all their keys and
// digests, with a semicolon between them, in the same order.
var foundColumns = []string{
	"botId", "sessionId", "callTime", "outcome", "status", "files", "key", "bytes", "sha256", "manifestKey", "manifestSha256", "listedBy", "purgeAt", "userHash", "revision",
}

type csvRows struct {
	writer *csv.Writer
	err    error // of the header
}

func newCSVRows(w io.Writer) *csvRows {
	rows := &csvRows{writer: csv.NewWriter(w)}
	rows.err = rows.writer.Write(foundColumns)
	return rows
}

func (c *csvRows) write(row foundRow) error {
	if c.err != nil {
		return c.err
	}
	keys, digests := make([]string, 0, len(row.Files)), make([]string, 0, len(row.Files))
	for _, file := range row.Files {
		keys, digests = append(keys, file.Key), append(digests, file.SHA256)
	}
	purgeAt := ""
	if !row.PurgeAt.IsZero() {
		purgeAt = utc(row.PurgeAt)
	}
	cells := []string{
		row.BotID, row.SessionID, utc(row.CallTime), string(row.Outcome), row.Status, strconv.Itoa(len(row.Files)), strings.Join(keys, ";"), strconv.FormatInt(row.Bytes, 10),
		strings.Join(digests, ";"), row.Manifest.Key, row.Manifest.SHA256, strings.Join(row.ListedBy, ";"), purgeAt, row.UserHash, strconv.Itoa(row.Revision),
	}
	for i, cell := range cells {
		cells[i] = batchreport.SafeCell(cell)
	}
	return c.writer.Write(cells)
}

func (c *csvRows) close() error {
	c.writer.Flush()
	return c.writer.Error()
}
