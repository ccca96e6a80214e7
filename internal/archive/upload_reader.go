package archive

import (
	"errors"
	"io"
	"sync"
)

// uploadReader keeps the source's error, which the HTTP client does not preserve, and
// whether the source was read to its end.
type uploadReader struct {
	source io.Reader

	// mu guards the fields below: if the store responds early, the HTTP client
	// may still be reading.
	mu    sync.Mutex
	err   error
	whole bool
}

func (r *uploadReader) Read(p []byte) (int, error) {
	n, err := r.source.Read(p)
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case errors.Is(err, io.EOF):
		r.whole = true
	case err != nil:
		r.err = err
	}
	return n, err
}

// errLonger means that a source has more bytes than it was said to have.
var errLonger = errors.New("the recording is longer than its length")

// expectEnd reads behind the last byte. It returns an error if the source does not end
// there.
func (r *uploadReader) expectEnd() error {
	if whole, _ := r.state(); whole {
		return nil
	}
	var next [1]byte
	for {
		switch n, err := r.Read(next[:]); {
		case n > 0:
			return errLonger
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
	}
}

// state reports whether the source was read to its end, and its error if it
// failed.
func (r *uploadReader) state() (whole bool, failed error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.whole, r.err
}
