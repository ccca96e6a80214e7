package archive

import (
	"errors"
	"io"
	"sync"
)

// uploadReader keeps the source's error, which the S3 client does not preserve, and
// limits the length.
type uploadReader struct {
	source io.Reader
	left   int64

	// mu guards the fields below: if the store responds early, the HTTP client
	// may still be reading.
	mu    sync.Mutex
	err   error
	whole bool
}

func (r *uploadReader) Read(p []byte) (int, error) {
	n, err := r.source.Read(p)
	if r.left -= int64(n); r.left < 0 {
		n, err = 0, ErrTooLarge
	}
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

// state reports whether the source was read to its end, and its error if it
// failed.
func (r *uploadReader) state() (whole bool, failed error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.whole, r.err
}
