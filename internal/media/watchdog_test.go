package media_test

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/internal/media"
)

// These tests use synctest's fake clock, which advances when every goroutine is
// blocked. A goroutine that does not end fails the test.

// waitFor waits until ctx is cancelled, at most two hours of the fake clock.
func waitFor(ctx context.Context, t *testing.T) {
	t.Helper()
	select {
	case <-ctx.Done():
	case <-time.After(2 * time.Hour):
		t.Fatal("the transfer is not cancelled")
	}
}

func TestTransferWithoutProgressIsCancelled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		ctx, stop := media.Watch(t.Context(), time.Minute, func() media.Moved { return media.Moved{Bytes: 7} })
		defer stop()
		waitFor(ctx, t)
		require.Equal(t, 75*time.Second, time.Since(began), "a minute after the first check")
		var unavailable *media.UnavailableError
		require.ErrorAs(t, context.Cause(ctx), &unavailable)
		require.Equal(t, "no byte moved for 1m0s", unavailable.Text)
	})
}

func TestSlowTransferIsNotCancelled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var moved atomic.Int64
		ctx, stop := media.Watch(t.Context(), time.Minute, func() media.Moved { return media.Moved{Bytes: moved.Load()} })
		for range 100 {
			time.Sleep(59 * time.Second) // some bytes just within the limit, for more than an hour and a half
			moved.Add(5_000)
			require.NoError(t, ctx.Err())
		}
		stop()
		require.ErrorIs(t, context.Cause(ctx), context.Canceled)
	})
}

func TestTransferWithoutAByteIsCancelled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		ctx, stop := media.Watch(t.Context(), time.Minute, func() media.Moved { return media.Moved{Bytes: 0} })
		defer stop()
		waitFor(ctx, t)
		require.Equal(t, time.Minute, time.Since(began))
		require.EqualError(t, context.Cause(ctx), "no byte moved for 1m0s")
	})
}

func TestTransferBelowTheMinimumRateIsCancelled(t *testing.T) {
	for name, c := range map[string]struct {
		moved func(elapsed time.Duration) int64
		after time.Duration // 0: it is not cancelled
		says  string
	}{
		"a byte each check":   {func(elapsed time.Duration) int64 { return int64(elapsed / (15 * time.Second)) }, 5 * time.Minute, "only 20 bytes moved in 5m0s"},
		"exactly 64 a second": {func(elapsed time.Duration) int64 { return 64 * int64(elapsed/time.Second) }, 0, ""},
		"one byte fewer":      {func(elapsed time.Duration) int64 { return 64*int64(elapsed/time.Second) - 1 }, 5 * time.Minute, "only 19199 bytes moved in 5m0s"},
		"slow after a while": {func(elapsed time.Duration) int64 {
			seconds := int64(elapsed / time.Second)
			return 1000*min(seconds, 300) + 63*max(0, seconds-300)
		}, 10 * time.Minute, "only 18900 bytes moved in 5m0s"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				ctx, stop := media.Watch(t.Context(), time.Minute, func() media.Moved { return media.Moved{Bytes: c.moved(time.Since(start))} })
				defer stop()
				if c.after == 0 {
					time.Sleep(time.Hour)
					require.NoError(t, ctx.Err())
					return
				}
				waitFor(ctx, t)
				require.Equal(t, c.after, time.Since(start))
				require.EqualError(t, context.Cause(ctx), c.says)
			})
		})
	}
}

func TestTimeAfterTheLastByteIsLimited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		ctx, stop := media.Watch(t.Context(), time.Minute, func() media.Moved { return media.Moved{Bytes: 7, Over: true} })
		defer stop()
		waitFor(ctx, t)
		require.Equal(t, 20*time.Minute+15*time.Second, time.Since(start), "20 minutes after the first check")
		require.EqualError(t, context.Cause(ctx), "the store has not finished 20m0s after the last byte")
	})
}

func TestWatchEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		parent, cancel := context.WithCancel(t.Context())
		ctx, stop := media.Watch(parent, time.Minute, func() media.Moved { return media.Moved{Bytes: 0} })
		defer stop()
		cancel()
		synctest.Wait()
		require.ErrorIs(t, ctx.Err(), context.Canceled)
	})
}
