package media

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
)

// readAheadBytes is how much is read ahead of a body of unknown length.
const readAheadBytes = 64 << 10

// newBodyReader returns the body of a file: the bytes of head, then rest. length is that
// of the whole file in bytes, -1 if it is not known.
func newBodyReader(head []byte, rest io.Reader, length int64) bodyReader {
	body := io.MultiReader(bytes.NewReader(head), rest)
	if length < 0 {
		return peeking{bufio.NewReaderSize(body, readAheadBytes)}
	}
	return counting{body, length}
}

// peeking is a body whose end only its next byte can tell.
type peeking struct{ *bufio.Reader }

func (b peeking) isOver(int64) (bool, error) {
	_, err := b.Peek(1)
	if errors.Is(err, io.EOF) {
		return true, nil
	}
	return false, err
}

// counting is a body of a known length. It copies no byte, unlike peeking.
type counting struct {
	io.Reader
	length int64
}

// isOver reads on behind the last byte: a body that is longer than stated is refused,
// and one that ends there keeps its connection.
func (b counting) isOver(read int64) (bool, error) {
	if read < b.length {
		return false, nil
	}
	longer := fmt.Errorf("%w: it has more than the declared %d bytes", ErrInvalid, b.length)
	if read > b.length {
		return false, longer
	}
	var next [1]byte
	for {
		switch n, err := b.Read(next[:]); {
		case n > 0:
			return false, longer
		case errors.Is(err, io.EOF):
			return true, nil
		case err != nil:
			return false, err
		}
	}
}
