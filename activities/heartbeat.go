package activities

import (
	"context"
	"time"

	"go.temporal.io/sdk/activity"
)

// beatInterval is how often an activity of a batch or a day shows that it goes on: it is presumed
// lost after 30 seconds.
const beatInterval = 8 * time.Second

// beat records heartbeats with what details returns, at once and then in intervals, until
// the returned function is called.
func beat(ctx context.Context, details func() any) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	activity.RecordHeartbeat(ctx, details())
	go func() {
		defer close(done)
		ticker := time.NewTicker(beatInterval)
		defer ticker.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
				activity.RecordHeartbeat(ctx, details())
			}
		}
	}()
	return func() { cancel(); <-done }
}
