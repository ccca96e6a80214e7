package slots

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The latest start decides on the limits of a budget.
func TestYieldedLimitsReplaceThoseOfNoWorker(t *testing.T) {
	require.True(t, New(Options{YieldLimits: true}).started.Before(New(Options{}).started.AddDate(-1, 0, 0)))
	require.WithinDuration(t, time.Now(), New(Options{}).started, time.Minute)
}
