package failure_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/internal/failure"
)

// The values are literals, since they are stored in histories and never change.
func TestKindsSayWhatIsRetriedAndWhatIsBenign(t *testing.T) {
	rows := []struct {
		kind            failure.Kind
		value           string
		retried, benign bool
	}{
		{failure.InvalidInput, "InvalidInput", false, false},
		{failure.BotNotServed, "BotNotServed", false, true},
		{failure.Rejected, "Rejected", false, false},
		{failure.Blocked, "Blocked", false, true},
		{failure.RateLimited, "RateLimited", false, true},
		{failure.Transient, "Transient", false, true},
		{failure.TokenStale, "TokenStale", false, true},
		{failure.NoSlotYet, "NoSlotYet", true, true},
		{failure.MediaUnavailable, "MediaUnavailable", false, true},
		{failure.MediaRefused, "MediaRefused", false, true},
		{failure.MediaExpired, "MediaExpired", false, true},
		{failure.HandedOver, "HandedOver", true, true},
		{failure.MediaInvalid, "MediaInvalid", false, true},
		{failure.MediaTooLarge, "MediaTooLarge", false, true},
		{failure.ArchiveBlocked, "ArchiveBlocked", false, true},
		{failure.ArchiveUnavailable, "ArchiveUnavailable", true, false},
		{failure.ArchiveChanged, "ArchiveChanged", false, true},
		{failure.AlreadyArchived, "AlreadyArchived", false, true},
	}
	require.Len(t, failure.Kinds(), len(rows))
	for _, row := range rows {
		require.Contains(t, failure.Kinds(), row.kind)
		t.Run(row.value, func(t *testing.T) {
			require.Equal(t, row.value, string(row.kind))
			require.Equal(t, row.retried, row.kind.Retryable())
			require.Equal(t, row.benign, row.kind.Benign())
			blocks := []failure.Kind{failure.Blocked, failure.ArchiveBlocked, failure.BotNotServed}
			require.Equal(t, slices.Contains(blocks, row.kind), row.kind.NeedsOperator())
		})
	}
}

// busy has a type of its own, as the clients' failures do.
type busy struct{}

func (busy) Error() string             { return "busy" }
func (busy) FailureKind() failure.Kind { return failure.MediaUnavailable }
func (busy) RetryAfter() time.Duration { return time.Minute }

func TestOfFindsTheOutermostFailure(t *testing.T) {
	refused := failure.New(failure.MediaRefused, "refused")
	for _, row := range []struct {
		name       string
		err        error
		kind       failure.Kind // none if empty
		text       string       // the failure's own
		retryAfter time.Duration
	}{
		{"nil", nil, "", "", 0},
		{"no failure", fmt.Errorf("read: %w", errors.New("x")), "", "", 0},
		{"the error itself", refused, failure.MediaRefused, "refused", 0},
		{"wrapped", fmt.Errorf("read: %w", refused), failure.MediaRefused, "refused", 0},
		{"wrapped twice", fmt.Errorf("file 1: %w", fmt.Errorf("read: %w: 403", refused)), failure.MediaRefused, "refused", 0},
		{"plain error with a kind", fmt.Errorf("read: %w", failure.Wrap(failure.Blocked, errors.New("x"))), failure.Blocked, "x", 0},
		{"failure around a failure", fmt.Errorf("read: %w", failure.Wrap(failure.Blocked, fmt.Errorf("x: %w", refused))), failure.Blocked, "x: refused", 0},
		{"two failures in one wrap", fmt.Errorf("%w: %w", failure.New(failure.ArchiveBlocked, "blocked"), refused), failure.ArchiveBlocked, "blocked", 0},
		{"failure after a plain error", fmt.Errorf("%w: %w", errors.New("x"), refused), failure.MediaRefused, "refused", 0},
		{"another type", fmt.Errorf("read: %w", busy{}), failure.MediaUnavailable, "busy", time.Minute},
	} {
		t.Run(row.name, func(t *testing.T) {
			found, ok := failure.Of(row.err)
			require.Equal(t, row.kind != "", ok)
			if ok {
				require.Equal(t, row.kind, found.FailureKind())
				require.EqualError(t, found, row.text)
				require.Equal(t, row.retryAfter, found.RetryAfter())
			}
		})
	}
}

func TestFailureKeepsItsIdentityAndItsCause(t *testing.T) {
	cause := errors.New("x")
	refused := failure.Wrap(failure.MediaRefused, cause)
	require.ErrorIs(t, fmt.Errorf("read: %w", refused), refused)
	require.ErrorIs(t, refused, cause)
	require.NotErrorIs(t, failure.New(failure.MediaRefused, "x"), failure.New(failure.MediaRefused, "x"))
}
