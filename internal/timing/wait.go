package timing

import (
	"context"
	"time"
)

// Wait waits for a time, and returns how much later than that it ended. It fails with the
// error of ctx if ctx ends before.
func Wait(ctx context.Context, in time.Duration) (late time.Duration, err error) {
	began := time.Now()
	timer := time.NewTimer(in)
	defer timer.Stop()
	select {
	case <-timer.C:
		return time.Since(began) - in, nil
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}
