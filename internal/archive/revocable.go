package archive

import (
	"io"
	"sync"
)

// revocable is a reader that reads nothing of its source once it is revoked, also if
// another goroutine is reading.
type revocable struct {
	mu     sync.Mutex
	source io.Reader
}

func (r *revocable) Read(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.source == nil {
		return 0, io.ErrClosedPipe
	}
	return r.source.Read(p)
}

func (r *revocable) revoke() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.source = nil
}
