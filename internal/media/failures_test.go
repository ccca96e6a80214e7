package media_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/internal/failure"
	"github.com/callvault/callvault/internal/media"
)

func TestFailuresHaveTheirKinds(t *testing.T) {
	for _, c := range []struct {
		err  error
		kind failure.Kind
		wait time.Duration
	}{
		{media.ErrRefused, failure.MediaRefused, 0},
		{media.ErrInvalid, failure.MediaInvalid, 0},
		{media.ErrHostRefused, failure.Blocked, 0},
		{&media.UnavailableError{Wait: time.Minute, Text: "busy"}, failure.MediaUnavailable, time.Minute},
	} {
		found, ok := failure.Of(fmt.Errorf("file 1: %w", c.err))
		require.True(t, ok)
		require.Equal(t, c.kind, found.FailureKind())
		require.Equal(t, c.wait, found.RetryAfter())
	}
}
