package archive

import (
	"errors"
	"io"
	"sync"
)

// guard keeps the source's error, which the S3 client wraps beyond
// recognition, and bounds the length.
type guard struct {
	source io.Reader
	left   int64

	// mu guards the end: a store that answers early leaves the HTTP client
	// reading.
	mu    sync.Mutex
	err   error
	whole bool
}

func (g *guard) Read(p []byte) (int, error) {
	n, err := g.source.Read(p)
	if g.left -= int64(n); g.left < 0 {
		n, err = 0, ErrTooLarge
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case errors.Is(err, io.EOF):
		g.whole = true
	case err != nil:
		g.err = err
	}
	return n, err
}

// state tells whether the source was read to its end, and why it failed if it
// did.
func (g *guard) state() (whole bool, failed error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.whole, g.err
}
