package objectstore

import (
	"context"
	"errors"
	"fmt"
	"sync"
)

// storeLock limits a process to one store at a time: the working folder and the
// gateway's globals are shared by the whole process.
var storeLock processLock

type processLock struct {
	mu       sync.Mutex
	held     bool
	stopping bool          // the holder is stopping
	released chan struct{} // closed by release
}

// acquire waits for a holder that is stopping, and returns an error if the holder
// is not.
func (l *processLock) acquire(ctx context.Context) error {
	for {
		l.mu.Lock()
		if !l.held {
			l.held, l.stopping, l.released = true, false, make(chan struct{})
			l.mu.Unlock()
			return nil
		}
		stopping, released := l.stopping, l.released
		l.mu.Unlock()
		if !stopping {
			return errors.New("object store: another one is running in this process: stop it first")
		}
		select {
		case <-released:
		case <-ctx.Done():
			return fmt.Errorf("object store: another one is still stopping in this process: %w", ctx.Err())
		}
	}
}

func (l *processLock) markStopping() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stopping = true
}

func (l *processLock) release() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.held = false
	close(l.released)
}
