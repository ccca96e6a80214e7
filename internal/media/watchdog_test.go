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

// The clock of these tests is synctest's: it moves when everybody waits, and a
// goroutine that is left behind fails the test.

func TestATransferWithoutAByteIsEnded(t *testing.T) {
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

func TestASlowTransferIsNotEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var moved atomic.Int64
		ctx, stop := media.Watch(t.Context(), time.Minute, func() (int64, bool) { return moved.Load(), false })
		for range 100 {
			time.Sleep(59 * time.Second) // a byte in almost the limit, for more than an hour and a half
			moved.Add(1)
			require.NoError(t, ctx.Err())
		}
		stop()
		require.ErrorIs(t, context.Cause(ctx), context.Canceled)
	})
}

func TestATransferThatIsOverIsNoLongerWatched(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := media.Watch(t.Context(), time.Minute, func() (int64, bool) { return 7, true })
		defer stop()
		time.Sleep(time.Hour) // what follows the last byte, the store's work, has limits of its own
		require.NoError(t, ctx.Err())
	})
}

func TestAWatchEndsWithWhatItWatches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		parent, cancel := context.WithCancel(t.Context())
		ctx, stop := media.Watch(parent, time.Minute, func() (int64, bool) { return 0, false })
		defer stop()
		cancel()
		synctest.Wait()
		require.ErrorIs(t, ctx.Err(), context.Canceled)
	})
}
