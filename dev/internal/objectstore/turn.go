package objectstore

import (
	"context"
	"errors"
	"fmt"
	"sync"
)

// turn sees to it that a process has one store at a time: the working folder,
// and globals of the gateway, are the process's.
var turn oneAtATime

type oneAtATime struct {
	mu      sync.Mutex
	taken   bool
	leaving bool          // the holder is ending
	free    chan struct{} // closed by giveBack
}

// take waits for a holder that is ending, and refuses while one is not.
func (o *oneAtATime) take(ctx context.Context) error {
	for {
		o.mu.Lock()
		if !o.taken {
			o.taken, o.leaving, o.free = true, false, make(chan struct{})
			o.mu.Unlock()
			return nil
		}
		ending, free := o.leaving, o.free
		o.mu.Unlock()
		if !ending {
			return errors.New("object store: another one runs in this process: stop it first")
		}
		select {
		case <-free:
		case <-ctx.Done():
			return fmt.Errorf("object store: another one is still ending in this process: %w", ctx.Err())
		}
	}
}

func (o *oneAtATime) ending() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.leaving = true
}

func (o *oneAtATime) giveBack() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.taken = false
	close(o.free)
}
