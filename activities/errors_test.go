package activities

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"

	"github.com/callvault/callvault/internal/archive"
	"github.com/callvault/callvault/internal/media"
	"github.com/callvault/callvault/internal/seal"
	"github.com/callvault/callvault/internal/smartassist"
	"github.com/callvault/callvault/workflows"
)

// TestEveryErrorGetsTheTypeThatTheWorkflowActsOn: the outermost error is the
// typed one, because a wrap would lose what Temporal reads from it.
func TestEveryErrorGetsTheTypeThatTheWorkflowActsOn(t *testing.T) {
	wrapped := func(err error) error { return fmt.Errorf("write s3://b/k: %w: AccessDenied", err) }
	for _, row := range []struct {
		name            string
		got             error
		errorType       string
		retried, benign bool
		delay           time.Duration
	}{
		{"upstream: permanent", upstreamError(&smartassist.Error{Kind: smartassist.Permanent, Text: "x"}), workflows.ErrorTypeRejected, false, false, 0},
		{"upstream: blocked", upstreamError(&smartassist.Error{Kind: smartassist.Blocked, Text: "x"}), workflows.ErrorTypeBlocked, false, true, 0},
		{"upstream: rate", upstreamError(&smartassist.Error{Kind: smartassist.RateLimited, Text: "x"}), workflows.ErrorTypeRateLimited, false, true, 0},
		{"upstream: transient", upstreamError(&smartassist.Error{Kind: smartassist.Transient, Text: "x"}), workflows.ErrorTypeTransient, false, true, 0},
		{"upstream: transient and patient", upstreamError(&smartassist.Error{Kind: smartassist.Transient, Wait: 1, Text: "x"}), workflows.ErrorTypeRateLimited, false, true, 0},
		{"seal: expired", sealError(seal.ErrExpired, workflows.ErrorTypeTokenStale), workflows.ErrorTypeTokenStale, false, true, 0},
		{"seal: not ours", sealError(seal.ErrNotOurs, workflows.ErrorTypeMediaRefused), workflows.ErrorTypeMediaRefused, false, true, 0},
		{"media: unavailable", transferError(&media.UnavailableError{Text: "x", Wait: time.Second}), workflows.ErrorTypeTransient, true, true, time.Second},
		{"media: refused", transferError(wrapped(media.ErrRefused)), workflows.ErrorTypeMediaRefused, false, true, 0},
		{"media: invalid", transferError(wrapped(media.ErrInvalid)), workflows.ErrorTypeMediaInvalid, false, true, 0},
		{"media: too large", transferError(wrapped(archive.ErrTooLarge)), workflows.ErrorTypeMediaInvalid, false, true, 0},
		{"media: host refused", transferError(wrapped(media.ErrHostRefused)), workflows.ErrorTypeBlocked, false, true, 0},
		{"store: blocked", transferError(wrapped(archive.ErrBlocked)), workflows.ErrorTypeArchiveBlocked, false, true, 0},
		{"store: mismatch", archiveError(wrapped(archive.ErrMismatch)), workflows.ErrorTypeArchiveChanged, false, true, 0},
		{"store: conflict", archiveError(wrapped(archive.ErrConflict)), workflows.ErrorTypeArchiveUnavailable, true, false, 0},
		{"store: anything else", archiveError(errors.New("x")), workflows.ErrorTypeArchiveUnavailable, true, false, 0},
	} {
		applicationError, typed := row.got.(*temporal.ApplicationError)
		require.True(t, typed, row.name)
		require.Equal(t, row.errorType, applicationError.Type(), row.name)
		require.Equal(t, row.retried, !applicationError.NonRetryable(), row.name)
		require.Equal(t, row.benign, applicationError.Category() == temporal.ApplicationErrorCategoryBenign, row.name)
		require.Equal(t, row.delay, applicationError.NextRetryDelay(), row.name)
	}
}

func TestACancellationStaysOne(t *testing.T) {
	require.NoError(t, archiveError(nil))
	require.ErrorIs(t, archiveError(context.Canceled), context.Canceled)
	require.Equal(t, context.Canceled, transferError(context.Canceled))
	other := errors.New("no cipher")
	require.Equal(t, other, sealError(other, workflows.ErrorTypeTokenStale))
	require.Equal(t, other, upstreamError(other))
}
