package activities

import (
	"context"
	"time"

	"go.temporal.io/sdk/activity"
)

// serverClock is the Temporal server's clock, as far as an activity knows it: from when the
// server started it. So the workers' clocks do not matter.
type serverClock struct{ started, here time.Time }

func newServerClock(ctx context.Context) serverClock {
	return serverClock{activity.GetInfo(ctx).StartedTime, time.Now()}
}

func (c serverClock) now() time.Time { return c.started.Add(time.Since(c.here)).UTC() }
