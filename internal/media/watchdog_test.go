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

func TestTransferWithoutProgressIsCancelled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		ctx, stop := media.Watch(t.Context(), time.Minute, func() (int64, bool) { return 7, false })
		defer stop()
		<-ctx.Done()
		require.GreaterOrEqual(t, time.Since(began), time.Minute, "never early")
		require.LessOrEqual(t, time.Since(began), 90*time.Second, "never late")
		var unavailable *media.UnavailableError
		require.ErrorAs(t, context.Cause(ctx), &unavailable)
		require.Equal(t, "no byte moved for 1m0s", unavailable.Text)
	})
}

func TestSlowTransferIsNotCancelled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var moved atomic.Int64
		ctx, stop := media.Watch(t.Context(), time.Minute, func() (int64, bool) { return moved.Load(), false })
		for range 100 {
			time.Sleep(59 * time.Second) // some bytes just within the limit, for more than an hour and a half
			moved.Add(5_000)
			require.NoError(t, ctx.Err())
		}
		stop()
		require.ErrorIs(t, context.Cause(ctx), context.Canceled)
	})
}

func TestTransferBelowTheMinimumRateIsCancelled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var moved atomic.Int64
		ctx, stop := media.Watch(t.Context(), time.Minute, func() (int64, bool) { return moved.Add(1), false })
		defer stop()
		began := time.Now()
		<-ctx.Done()
		require.LessOrEqual(t, time.Since(began), 6*time.Minute, "one byte per check is not progress")
		require.ErrorContains(t, context.Cause(ctx), "only")
	})
}

func TestTimeAfterTheLastByteIsLimited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := media.Watch(t.Context(), time.Minute, func() (int64, bool) { return 7, true })
		defer stop()
		time.Sleep(19 * time.Minute)
		require.NoError(t, ctx.Err())
		time.Sleep(2 * time.Minute)
		require.ErrorContains(t, context.Cause(ctx), "the store has not finished")
	})
}

func TestWatchEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		parent, cancel := context.WithCancel(t.Context())
		ctx, stop := media.Watch(parent, time.Minute, func() (int64, bool) { return 0, false })
		defer stop()
		cancel()
		synctest.Wait()
		require.ErrorIs(t, ctx.Err(), context.Canceled)
	})
}
