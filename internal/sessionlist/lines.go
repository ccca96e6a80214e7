package sessionlist

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
)

var errLongLine = fmt.Errorf("the line is longer than %d bytes: check that each row is on a line of its own", MaxLineBytes)

// lines reads a text line by line. Lines end with LF or CRLF.
type lines struct {
	in     *bufio.Reader
	number int // of the line that was read last, from 1

	// The line that was read last is read once more, see unread.
	again    bool
	last     []byte
	lastFail error
}

func newLines(r io.Reader) lines {
	return lines{in: bufio.NewReaderSize(r, MaxLineBytes+len("\r\n"))}
}

// nextWithText returns the next line that is not blank, without its end. It is valid
// until the next call of a method.
func (l *lines) nextWithText() ([]byte, error) {
	if l.again {
		l.again = false
		return l.last, l.lastFail
	}
	for {
		line, err := l.next()
		if err != nil || len(bytes.TrimSpace(line)) > 0 {
			l.last, l.lastFail = line, err
			return line, err
		}
	}
}

// unread makes nextWithText return the same line again.
func (l *lines) unread() { l.again = true }

// next returns the next line, [io.EOF] after the last one, and the beginning of a
// line with errLongLine.
func (l *lines) next() ([]byte, error) {
	line, err := l.in.ReadSlice('\n')
	switch {
	case errors.Is(err, bufio.ErrBufferFull):
		l.number++
		beginning := bytes.Clone(line[:maxFaultText+1])
		if err := l.skipRest(); err != nil {
			return nil, err
		}
		return beginning, errLongLine
	case errors.Is(err, io.EOF) && len(line) == 0:
		return nil, io.EOF
	case err != nil && !errors.Is(err, io.EOF):
		return nil, l.failed(err)
	}
	l.number++
	line = withoutEnd(line)
	if len(line) > MaxLineBytes { // by the one byte that is kept for a CR
		return line, errLongLine
	}
	return line, nil
}

// skipRest reads up to the end of the line.
func (l *lines) skipRest() error {
	for {
		_, err := l.in.ReadSlice('\n')
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
		case err == nil, errors.Is(err, io.EOF):
			return nil
		default:
			return l.failed(err)
		}
	}
}

func (l *lines) failed(err error) error {
	return fmt.Errorf("read the list after line %d: %w", l.number, err)
}

// ahead returns the whole lines that follow within so many bytes, without reading
// them. They are valid until the next call of a method.
func (l *lines) ahead(size int) []byte {
	following, err := l.in.Peek(size)
	if errors.Is(err, io.EOF) {
		return following
	}
	return following[:bytes.LastIndexByte(following, '\n')+1]
}

// skip skips count lines of size bytes.
func (l *lines) skip(size, count int) {
	_, _ = l.in.Discard(size) // They were looked at before, so they are there.
	l.number += count
}

func withoutEnd(line []byte) []byte {
	return bytes.TrimSuffix(bytes.TrimSuffix(line, []byte("\n")), []byte("\r"))
}
