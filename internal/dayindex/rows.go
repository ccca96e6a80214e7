package dayindex

import (
	"bufio"
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
)

// maxRowBytes bounds a row.
const maxRowBytes = 1 << 20

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
	lines := bufio.NewScanner(io.TeeReader(io.LimitReader(object, revision.Rows.Bytes+1), sum))
	lines.Buffer(nil, maxRowBytes+1)
	lines.Split(wholeLines)
	var count, length int64
	last := ""
	for lines.Scan() {
		if err := ctx.Err(); err != nil {
			return err
		}
		count, length = count+1, length+int64(len(lines.Bytes()))
		row, err := decodeRow(lines.Bytes(), revision, last)
		if err != nil {
			return fmt.Errorf("row %d of %s %w: %w", count, revision.Rows.Key, err, ErrDamaged)
		}
		last = row.SessionID
		if !use(row) {
			return nil
		}
	}
	switch err := lines.Err(); {
	case errors.Is(err, bufio.ErrTooLong), errors.Is(err, errCutOff):
		return fmt.Errorf("row %d of %s is cut off, or has more than %d bytes: %w", count+1, revision.Rows.Key, maxRowBytes, ErrDamaged)
	case err != nil:
		return err
	case length != revision.Rows.Bytes, count != revision.Rows.TreeSize, hex.EncodeToString(sum.Sum(nil)) != revision.Rows.SHA256:
		return fmt.Errorf("%s is not the object of its record: %w", revision.Rows.Key, ErrDamaged)
	}
	return nil
}

var errCutOff = errors.New("the last line has no line feed")

// wholeLines splits into lines with their line feeds.
func wholeLines(data []byte, atEOF bool) (advance int, token []byte, err error) {
	for i, b := range data {
		if b == '\n' {
			return i + 1, data[:i+1], nil
		}
	}
	if atEOF && len(data) > 0 {
		return 0, nil, errCutOff
	}
	return 0, nil, nil
}

// decodeRow returns the row of a line of a revision that follows the session last.
func decodeRow(line []byte, revision *Revision, last string) (dayrecord.Row, error) {
	var row dayrecord.Row
	if err := json.Unmarshal(line, &row); err != nil {
		return row, errors.New("is not JSON of a row")
	}
	called, err := row.Session.CallTime()
	switch {
	case err != nil:
		return row, errors.New("has a malformed session")
	case row.BotID != revision.BotID:
		return row, errors.New("is of another bot")
	case called.Format(time.DateOnly) != revision.Date, !called.Equal(row.CallTime):
		return row, errors.New("is of another time")
	case row.SessionID <= last:
		return row, errors.New("is not in order")
	}
	return row, nil
}
