package demo

import (
	"context"
	"fmt"
	"io"
	"sync"
	"time"

	"go.temporal.io/sdk/client"

	"github.com/callvault/callvault/workflows"
)

// lookEvery is the pause between two looks at a running fetch.
const lookEvery = 250 * time.Millisecond

// ticker prints a line whenever a fetch gets into another phase.
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

// follow looks at a fetch until the returned function is called.
func (t *ticker) follow(ctx context.Context, c client.Client, workflowID, sessionID string) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		pause := time.NewTicker(lookEvery)
		defer pause.Stop()
		last := workflows.PhaseChecking
		for {
			select {
			case <-ctx.Done():
				return
			case <-pause.C:
			}
			var progress workflows.Progress
			answer, err := c.QueryWorkflow(ctx, workflowID, "", workflows.QueryProgress)
			if err != nil || answer.Get(&progress) != nil || progress.Phase == last || progress.NextCheckAt.IsZero() {
				continue // Only waits are worth a line; the outcome gets its own.
			}
			last = progress.Phase
			t.line(sessionID, string(last), fmt.Sprintf("%s; next look in %.0f s", progress.LastStatus, time.Until(progress.NextCheckAt).Seconds()))
		}
	}()
	return func() { cancel(); <-done }
}
