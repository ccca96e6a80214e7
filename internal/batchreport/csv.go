package batchreport

import (
	"encoding/csv"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/callvault/callvault/workflows"
)

// ContentType is that of a report in the archive.
const ContentType = "text/csv; charset=utf-8"

// columns are those of a report. A session of several files has all their keys and digests,
// with a semicolon between them, in the same order.
var columns = []string{
	"botId", "sessionId", "callTime", "outcome", "reason", "files", "key", "bytes", "sha256", "statusChecks", "startedAt", "finishedAt",
}

// CSV writes a report as CSV. Its last line counts the others: the first column is "total".
type CSV struct {
	Count
	writer *csv.Writer
}

// NewCSV writes the header to w.
func NewCSV(w io.Writer) (*CSV, error) {
	c := &CSV{Count: newCount(), writer: csv.NewWriter(w)}
	return c, c.writer.Write(columns)
}

// Write writes a row.
func (c *CSV) Write(row Row) error {
	c.Add(row)
	keys, digests := make([]string, 0, len(row.Files)), make([]string, 0, len(row.Files))
	for _, file := range row.Files {
		keys, digests = append(keys, file.Key), append(digests, file.SHA256)
	}
	return c.writer.Write([]string{
		row.BotID, row.SessionID, timeText(row.CallTime), SafeCell(string(row.Outcome)), SafeCell(row.Reason), strconv.Itoa(len(row.Files)),
		SafeCell(strings.Join(keys, ";")), strconv.FormatInt(row.bytes(), 10), strings.Join(digests, ";"), strconv.Itoa(row.StatusChecks),
		timeText(row.StartedAt), timeText(row.FinishedAt),
	})
}

// Close writes the last line.
func (c *CSV) Close() error {
	t := c.Total
	err := c.writer.Write([]string{
		"total", strconv.Itoa(t.Sessions), "", OutcomesText(t), "", strconv.Itoa(t.Files), "", strconv.FormatInt(t.Bytes, 10), "", strconv.Itoa(t.Calls), "", "",
	})
	c.writer.Flush()
	if err != nil {
		return err
	}
	return c.writer.Error()
}

// OutcomesText returns what a report counts, such as "archived 4711, failed 2, no outcome 1".
func OutcomesText(t workflows.ReportTotal) string {
	var parts []string
	add := func(name string, n int) {
		if n > 0 {
			parts = append(parts, fmt.Sprintf("%s %d", name, n))
		}
	}
	others := t.Sessions - t.NoOutcome
	for _, outcome := range workflows.Outcomes() {
		add(string(outcome), t.Outcomes[outcome])
		others -= t.Outcomes[outcome]
	}
	add("other", others)
	add("no outcome", t.NoOutcome)
	return strings.Join(parts, ", ")
}

func timeText(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

// formulaStarts are the characters with which a spreadsheet begins a formula, or which it
// drops before one; the last four are full-width forms of the first.
const formulaStarts = "=+-@\t\r\n＝＋－＠"

// SafeCell keeps a spreadsheet from taking a text of the vendor for a formula.
func SafeCell(text string) string {
	first, _ := utf8.DecodeRuneInString(text)
	if text != "" && strings.ContainsRune(formulaStarts, first) {
		return "'" + text
	}
	return text
}
