package activities

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"

	"github.com/callvault/callvault/internal/account"
	"github.com/callvault/callvault/internal/archive"
	"github.com/callvault/callvault/internal/failure"
	"github.com/callvault/callvault/internal/media"
	"github.com/callvault/callvault/internal/seal"
	"github.com/callvault/callvault/internal/smartassist"
	"github.com/callvault/callvault/workflows/fetchrecording"
)

// The outermost error has to be the typed one: a wrap would hide what Temporal
// reads from it.
func TestFailuresAreMappedToApplicationErrors(t *testing.T) {
	wrapped := func(err error) error {
		return activityError(fmt.Errorf("write s3://b/k: %w: AccessDenied", err))
	}
	upstream := func(kind failure.Kind, wait time.Duration) error {
		return activityError(&smartassist.Error{Kind: kind, Wait: wait, Text: "x"})
	}
	_, notServed := new(account.Served).Of("st-1")
	for _, row := range []struct {
		name            string
		got             error
		kind            failure.Kind
		retried, benign bool
		wait            time.Duration
	}{
		{"input: invalid", activityError(failure.New(failure.InvalidInput, "x")), failure.InvalidInput, false, false, 0},
		{"account: bot not served", activityError(notServed), failure.BotNotServed, false, true, 0},
		{"upstream: rejected", upstream(failure.Rejected, 0), failure.Rejected, false, false, 0},
		{"upstream: blocked", upstream(failure.Blocked, 0), failure.Blocked, false, true, 0},
		{"upstream: rate limited", upstream(failure.RateLimited, time.Minute), failure.RateLimited, false, true, time.Minute},
		{"upstream: transient", upstream(failure.Transient, 0), failure.Transient, false, true, 0},
		{"upstream: transient, with Retry-After", upstream(failure.Transient, 1), failure.Transient, false, true, 1},
		{"seal: token expired", sealError(seal.ErrExpired, failure.TokenStale), failure.TokenStale, false, true, 0},
		{"seal: token not ours", sealError(seal.ErrNotOurs, failure.TokenStale), failure.TokenStale, false, true, 0},
		{"seal: URL expired", sealError(seal.ErrExpired, failure.MediaExpired), failure.MediaExpired, false, true, 0},
		{"seal: URL not ours", sealError(seal.ErrNotOurs, failure.MediaExpired), failure.MediaExpired, false, true, 0},
		{"media: unavailable", activityError(&media.UnavailableError{Text: "x", Wait: time.Second}), failure.MediaUnavailable, false, true, time.Second},
		{"media: worker stops", activityError(failure.New(failure.HandedOver, "x")), failure.HandedOver, true, true, 0},
		{"media: refused", wrapped(media.ErrRefused), failure.MediaRefused, false, true, 0},
		{"media: invalid", wrapped(media.ErrInvalid), failure.MediaInvalid, false, true, 0},
		{"media: too large", wrapped(media.ErrTooLarge), failure.MediaTooLarge, false, true, 0},
		{"media: host refused", wrapped(media.ErrHostRefused), failure.Blocked, false, true, 0},
		{"store: blocked", wrapped(archive.ErrBlocked), failure.ArchiveBlocked, false, true, 0},
		{"store: blocked by a mismatch", wrapped(fmt.Errorf("%w: %w", archive.ErrBlocked, archive.ErrMismatch)), failure.ArchiveBlocked, false, true, 0},
		{"store: mismatch", wrapped(archive.ErrMismatch), failure.ArchiveChanged, false, true, 0},
		{"store: conflict", wrapped(archive.ErrConflict), failure.ArchiveUnavailable, true, false, 0},
		{"store: any other error", activityError(failure.Wrap(failure.ArchiveUnavailable, errors.New("x"))), failure.ArchiveUnavailable, true, false, 0},
		{"store: archived by another fetch", activityError(failure.New(failure.AlreadyArchived, "x")), failure.AlreadyArchived, false, true, 0},
	} {
		applicationError, typed := row.got.(*temporal.ApplicationError)
		require.True(t, typed, row.name)
		require.Equal(t, string(row.kind), applicationError.Type(), row.name)
		require.Equal(t, row.retried, !applicationError.NonRetryable(), row.name)
		require.Equal(t, row.benign, applicationError.Category() == temporal.ApplicationErrorCategoryBenign, row.name)
		require.Equal(t, row.wait, applicationError.NextRetryDelay(), row.name)
		require.Equal(t, row.wait > 0, applicationError.HasDetails(), row.name)
		if row.wait > 0 {
			var detail fetchrecording.FailureDetail
			require.NoError(t, applicationError.Details(&detail), row.name)
			require.Equal(t, row.wait, detail.RetryAfter, row.name)
		}
	}
}

func TestErrorsThatAreNoFailureAreReturnedUnchanged(t *testing.T) {
	require.NoError(t, activityError(nil))
	require.Equal(t, context.Canceled, activityError(context.Canceled))
	other := errors.New("no cipher")
	require.Equal(t, other, activityError(other))
	require.Equal(t, other, sealError(other, failure.TokenStale))
}
