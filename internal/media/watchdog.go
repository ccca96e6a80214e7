package media

import (
	"context"
	"fmt"
	"time"
)

// Watch ends ctx when a transfer makes no progress for longer than limit.
// moved answers the number of bytes moved so far and whether the transfer is
// over, in which case nothing is left to watch. The returned function stops
// watching.
func Watch(ctx context.Context, limit time.Duration, moved func() (bytes int64, over bool)) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	go func() {
		ticker := time.NewTicker(limit / 4)
		defer ticker.Stop()
		last, since := int64(-1), time.Now()
		for {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
			}
			bytes, over := moved()
			switch {
			case over:
				return
			case bytes != last:
				last, since = bytes, time.Now()
			case time.Since(since) >= limit:
				cancel(&UnavailableError{Text: fmt.Sprintf("no byte moved for %s", limit)})
				return
			}
		}
	}()
	return ctx, func() { cancel(context.Canceled) }
}
