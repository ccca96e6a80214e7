package dayindex

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"time"

	"github.com/callvault/callvault/internal/dayrecord"
	"github.com/callvault/callvault/workflows"
)

// Rows returns the rows of a revision, in ascending order of their sessions, as a stream. An
// error ends it: [ErrDamaged] if a row breaks the rules, or if the rows are not those of the
// record, which is known only after the last one.
func (x *Index) Rows(ctx context.Context, revision *Revision) iter.Seq2[dayrecord.Row, error] {
	return func(yield func(dayrecord.Row, error) bool) {
		if err := x.eachRow(ctx, revision, func(row dayrecord.Row) bool { return yield(row, nil) }); err != nil {
			yield(dayrecord.Row{}, err)
		}
	}
}

// eachRow calls use with each row until it returns false.
func (x *Index) eachRow(ctx context.Context, revision *Revision, use func(dayrecord.Row) bool) error {
	object, _, err := x.source.OpenFile(ctx, revision.Rows.Key)
	if err != nil {
		return err
	}
	defer object.Close()
	sum := sha256.New()
	var count, length int64
	stopped := false
	err = ScanRows(io.TeeReader(io.LimitReader(object, revision.Rows.Bytes+1), sum), revision.Rows.Key, revision.Day(), func(line []byte, row dayrecord.Row) bool {
		count, length = count+1, length+int64(len(line))+1
		stopped = ctx.Err() != nil || !use(row)
		return !stopped
	})
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		return err
	case stopped:
		return nil
	case length != revision.Rows.Bytes, count != revision.Rows.TreeSize, hex.EncodeToString(sum.Sum(nil)) != revision.Rows.SHA256:
		return fmt.Errorf("%s is not the object of its record: %w", revision.Rows.Key, ErrDamaged)
	}
	return nil
}

// ScanRows passes each row of a day, from the object key, to use, with its line without the
// line feed, until use returns false. It returns [ErrDamaged] if a row is not one of the day,
// is not in ascending order, or is invalid by itself, see [dayrecord.Row.Check], and the error of r.
// Keys that this program does not know are let through.
func ScanRows(r io.Reader, key string, day workflows.Day, use func(line []byte, row dayrecord.Row) bool) error {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, dayrecord.MaxRowBytes+1)
	lines.Split(wholeLines)
	last := ""
	count := 0
	for lines.Scan() {
		count++
		row, err := decodeRow(lines.Bytes(), day, last)
		if err != nil {
			return fmt.Errorf("row %d of %s %w: %w", count, key, err, ErrDamaged)
		}
		last = row.SessionID
		if !use(lines.Bytes(), row) {
			return nil
		}
	}
	err := lines.Err()
	if errors.Is(err, bufio.ErrTooLong) || errors.Is(err, errCutOff) {
		return fmt.Errorf("row %d of %s is cut off, or has more than %d bytes: %w", count+1, key, dayrecord.MaxRowBytes, ErrDamaged)
	}
	return err
}

var errCutOff = errors.New("the last line has no line feed")

// wholeLines is [bufio.ScanLines] that refuses a last line without its line feed, and leaves
// a carriage return where it is.
func wholeLines(data []byte, atEOF bool) (advance int, token []byte, err error) {
	if i := bytes.IndexByte(data, '\n'); i >= 0 {
		return i + 1, data[:i], nil
	}
	if atEOF && len(data) > 0 {
		return 0, nil, errCutOff
	}
	return 0, nil, nil
}

// decodeRow returns the row of a line of a day that follows the session last.
func decodeRow(line []byte, day workflows.Day, last string) (dayrecord.Row, error) {
	var row dayrecord.Row
	if err := json.Unmarshal(line, &row); err != nil {
		return row, errors.New("is not JSON of a row")
	}
	called, err := row.Session.CallTime()
	switch {
	case err != nil:
		return row, errors.New("has a malformed session")
	case row.BotID != day.BotID:
		return row, errors.New("is of another bot")
	case called.Format(time.DateOnly) != day.Date, !called.Equal(row.CallTime):
		return row, errors.New("is of another time")
	case row.SessionID <= last:
		return row, errors.New("is not in order")
	}
	return row, row.Check()
}
