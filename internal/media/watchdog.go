package media

import (
	"context"
	"fmt"
	"time"

	"github.com/callvault/callvault/internal/failure"
)

const (
	// minBytesPerSecond is the minimum rate of a transfer over windowLimits times
	// the limit: less than a tenth of the slowest speech codec.
	minBytesPerSecond = 64
	windowLimits      = 5

	// endLimits times the limit is how long the store may take after the last
	// byte, to assemble what may be gigabytes.
	endLimits = 20
)

// Moved is how far a transfer has come.
type Moved struct {
	// Bytes moved so far.
	Bytes int64
	// Over reports whether that was all, or the store has to respond before more can move.
	Over bool
	// Paused reports whether it waits for memory: no time counts.
	Paused bool
}

// Watch cancels ctx, with an *[UnavailableError] as the cause, when a transfer
// moves no byte for limit or when it moves fewer than 64 bytes per second over five
// times limit; with a failure of the archive, when it has not ended twenty times limit
// after its last byte.
// moved returns how far it has come. The returned function stops watching.
//
// It is written here because no library checks these three together, and the
// timeouts of net/http would end slow but healthy transfers.
func Watch(ctx context.Context, limit time.Duration, moved func() Moved) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	go func() {
		ticker := time.NewTicker(limit / 4)
		defer ticker.Stop()
		last, since := int64(0), time.Now()
		windowBytes, windowSince := int64(0), since
		for {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
			}
			now := moved()
			bytes, over := now.Bytes, now.Over
			if bytes != last || now.Paused {
				last, since = bytes, time.Now()
			}
			if now.Paused {
				windowBytes, windowSince = bytes, since
			}
			if window := time.Since(windowSince); window >= windowLimits*limit {
				if !over && float64(bytes-windowBytes) < minBytesPerSecond*window.Seconds() {
					cancel(&UnavailableError{Text: fmt.Sprintf("only %d bytes moved in %s", bytes-windowBytes, window)})
					return
				}
				windowBytes, windowSince = bytes, time.Now()
			}
			idle := time.Since(since)
			if over && idle >= endLimits*limit {
				cancel(failure.New(failure.ArchiveUnavailable, fmt.Sprintf("the store has not finished %s after the last byte", idle)))
				return
			}
			if !over && idle >= limit {
				cancel(&UnavailableError{Text: fmt.Sprintf("no byte moved for %s", limit)})
				return
			}
		}
	}()
	return ctx, func() { cancel(context.Canceled) }
}
