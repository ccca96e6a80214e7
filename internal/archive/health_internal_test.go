package archive

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestFailureIsForgottenAfterAWhile(t *testing.T) {
	var h health
	start := time.Now()
	h.failed(start)
	require.True(t, h.isFailing(start.Add(failureMemory-1)))
	require.False(t, h.isFailing(start.Add(failureMemory)))
	h.failed(start.Add(time.Hour))
	require.True(t, h.isFailing(start.Add(time.Hour)), "it fails anew, and this is no trial")
}

// Otherwise a store would fail for good if nothing wrote to it because it fails.
func TestStoreThatGoesOnFailingIsTriedNowAndThen(t *testing.T) {
	var h health
	start := time.Now()
	tried := 0
	for at := time.Duration(0); at < time.Hour; at += time.Second {
		h.failed(start.Add(at))
		if !h.isFailing(start.Add(at)) {
			tried++
		}
	}
	require.Equal(t, 5*int(trialTime/time.Second), tried)
}
