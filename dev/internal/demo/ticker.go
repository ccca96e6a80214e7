package demo

import (
	"context"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/callvault/callvault/workflows"
)

// followInterval is the time between two queries of a running fetch.
const followInterval = 250 * time.Millisecond

// ticker prints a line whenever a fetch enters another phase.
type ticker struct {
	mu      sync.Mutex
	out     io.Writer
	started time.Time
}

func newTicker(out io.Writer) *ticker { return &ticker{out: out, started: time.Now()} }

func (t *ticker) line(sessionID, what, reason string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	fmt.Fprintf(t.out, "%6.1f s  %s  %-18s %s\n", time.Since(t.started).Seconds(), sessionID, what, reason)
}

// follow queries a fetch until the returned function is called.
func (t *ticker) follow(ctx context.Context, run *workflows.FetchRun, sessionID string) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		interval := time.NewTicker(followInterval)
		defer interval.Stop()
		last := workflows.PhaseChecking
		for {
			select {
			case <-ctx.Done():
				return
			case <-interval.C:
			}
			progress, err := run.Progress(ctx)
			if err != nil || progress.Phase == last || progress.NextCheckAt.IsZero() {
				continue // Only waits are worth a line; the outcome gets its own.
			}
			last = progress.Phase
			t.line(sessionID, string(last), waitText(progress))
		}
	}()
	return func() { cancel(); <-done }
}

func waitText(p workflows.FetchProgress) string {
	text := fmt.Sprintf("next check in %.0f s", time.Until(p.NextCheckAt).Seconds())
	if p.LastStatus != string(p.Phase) {
		text = p.LastStatus + "; " + text
	}
	return text
}
