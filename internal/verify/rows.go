package verify

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"

	"golang.org/x/sync/errgroup"

	"github.com/callvault/callvault/internal/archive"
	"github.com/callvault/callvault/internal/merkle"
)

// rowsCheck reads the rows of a revision once, line by line.
type rowsCheck struct {
	*run
	entry    *entry
	at       place
	isLatest bool
	last     string // session id
	tally    tally
	invalid  bool // a row breaks the rules, so the rows are not counted
	sessions errgroup.Group
}

// checkRows compares rows with their entry, and with their record if that holds, and checks
// the sessions of the latest revision.
func (v *run) checkRows(e *entry, found *record, isLatest bool) error {
	c := &rowsCheck{run: v, entry: e, at: place{kind: KindRows, day: e.day, key: v.key(e, archive.DayRowsFile)}, isLatest: isLatest}
	c.sessions.SetLimit(v.Parallel)
	err := c.read(found)
	if failed := c.sessions.Wait(); err == nil {
		err = failed
	}
	return v.hold(c.at, err)
}

func (c *rowsCheck) read(found *record) error {
	object, _, err := c.open(c.at.key)
	if err != nil {
		return err
	}
	defer object.Close()
	var tree merkle.Tree
	var length int64
	sum := sha256.New()
	lines := bufio.NewReaderSize(object, 1<<16)
	for {
		line, err := nextLine(lines)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return c.whyLine(err, tree.Size()+1)
		}
		sum.Write(line)
		length += int64(len(line))
		line = line[:len(line)-1]
		tree.Add(line)
		if err := c.line(tree.Size(), line); err != nil {
			return err
		}
	}
	if tree.Size() != c.entry.treeSize || tree.HexRoot() != c.entry.treeRoot {
		c.report.fail(c.at.failure("the rows are not those that the log has: their number or root is another"))
	}
	if found == nil {
		return nil
	}
	if err := compareLength(length, found.rows.bytes); err != nil {
		return err
	}
	if err := compareSHA256(hex.EncodeToString(sum.Sum(nil)), found.rows.sha256); err != nil {
		return err
	}
	return c.compareCounts(found)
}

// compareCounts compares what the rows give with what the record and the log state.
func (c *rowsCheck) compareCounts(found *record) error {
	if c.SessionID != "" || c.invalid {
		return nil
	}
	counts, disagreement := c.tally.result(found.bothAnswered)
	switch {
	case !counts.equal(c.entry.counts):
		return problemf("the counts of its record are not those of the rows")
	case !disagreement.equal(found.disagreement):
		return problemf("the disagreement of its record is not that of the rows")
	}
	return nil
}

var (
	errLongLine = errors.New("too long")
	errCutLine  = errors.New("no line feed")
)

// nextLine returns a line with its line feed; [io.EOF] after the last one.
func nextLine(lines *bufio.Reader) ([]byte, error) {
	line, err := lines.ReadSlice('\n')
	if err == nil {
		return line, nil
	}
	long := bytes.Clone(line)
	for errors.Is(err, bufio.ErrBufferFull) {
		line, err = lines.ReadSlice('\n')
		if long = append(long, line...); len(long) > maxRowBytes+1 {
			return nil, errLongLine
		}
	}
	if errors.Is(err, io.EOF) && len(long) > 0 {
		return nil, errCutLine
	}
	return long, err
}

func (c *rowsCheck) whyLine(err error, number int64) error {
	switch {
	case errors.Is(err, errLongLine):
		return problemf("line %d has more than %d bytes", number, maxRowBytes)
	case errors.Is(err, errCutLine):
		return problemf("line %d does not end with a line feed", number)
	default:
		return c.whyUnread(err)
	}
}

// line checks one row, and the session if this is the latest revision.
func (c *rowsCheck) line(number int64, line []byte) error {
	if c.SessionID != "" && !bytes.Contains(line, []byte(c.SessionID)) {
		return nil
	}
	r, err := parseRow(line, c.entry.day)
	if c.SessionID != "" && (r.session != c.SessionID || !c.isLatest) {
		return nil
	}
	at := c.at
	at.kind, at.session = KindRow, r.session
	switch {
	case err != nil:
		err = problemf("the row in line %d does not hold: %v", number, err)
	case r.session <= c.last:
		err = problemf("the row in line %d is not in order, or its session is there twice", number)
	}
	if err != nil {
		c.invalid = true
		if err := c.hold(at, err); err != nil {
			return err
		}
	} else {
		c.last = r.session
		c.tally.add(r)
	}
	if !c.isLatest || r.manifest.key == "" {
		return nil
	}
	if err := c.ctx.Err(); err != nil {
		return err
	}
	c.sessions.Go(func() error { return c.checkSession(r) })
	return nil
}
