package media

import (
	"context"
	"fmt"
	"time"
)

const (
	// minBytesPerSecond is what a transfer has to achieve over a window of some
	// limits: less than a tenth of the slowest speech codec.
	minBytesPerSecond = 64
	windowLimits      = 5

	// endLimits is how many limits the store may take after the last byte, to
	// put together and label what may be gigabytes.
	endLimits = 20
)

// Watch ends ctx when a transfer makes no progress for longer than limit, when
// it makes next to none over five times limit, or when it has not ended twenty
// times limit after its last byte. moved answers the number of bytes moved so
// far and whether that was all. The returned function stops watching.
func Watch(ctx context.Context, limit time.Duration, moved func() (bytes int64, over bool)) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	go func() {
		ticker := time.NewTicker(limit / 4)
		defer ticker.Stop()
		last, since := int64(-1), time.Now()
		windowBytes, windowSince := int64(0), since
		for {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
			}
			bytes, over := moved()
			if bytes != last {
				last, since = bytes, time.Now()
			}
			if window := time.Since(windowSince); window >= windowLimits*limit {
				if !over && float64(bytes-windowBytes) < minBytesPerSecond*window.Seconds() {
					cancel(&UnavailableError{Text: fmt.Sprintf("only %d bytes moved in %s", bytes-windowBytes, window)})
					return
				}
				windowBytes, windowSince = bytes, time.Now()
			}
			switch idle := time.Since(since); {
			case over && idle >= endLimits*limit:
				cancel(&UnavailableError{Text: fmt.Sprintf("the store has not finished %s after the last byte", idle)})
				return
			case !over && idle >= limit:
				cancel(&UnavailableError{Text: fmt.Sprintf("no byte moved for %s", limit)})
				return
			}
		}
	}()
	return ctx, func() { cancel(context.Canceled) }
}
