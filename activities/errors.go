package activities

import (
	"context"
	"errors"

	"go.temporal.io/sdk/temporal"

	"github.com/callvault/callvault/internal/archive"
	"github.com/callvault/callvault/internal/media"
	"github.com/callvault/callvault/internal/seal"
	"github.com/callvault/callvault/internal/smartassist"
	"github.com/callvault/callvault/workflows"
)

// The mapping of every error to the type that the workflow acts on. An error
// that a workflow waits out is "benign": it is no malfunction and should raise
// no alert.

// upstreamError maps an error of the API's client. None is retried by
// Temporal: the token is spent.
func upstreamError(err error) error {
	var upstream *smartassist.Error
	if !errors.As(err, &upstream) {
		return err
	}
	switch upstream.Kind {
	case smartassist.RateLimited:
		return waiting(upstream.Text, workflows.ErrorTypeRateLimited, workflows.RateLimit{Wait: upstream.Wait})
	case smartassist.Blocked:
		return waiting(upstream.Text, workflows.ErrorTypeBlocked)
	case smartassist.Permanent:
		return temporal.NewNonRetryableApplicationError(upstream.Text, workflows.ErrorTypeRejected, nil)
	default:
		if upstream.Wait > 0 {
			return waiting(upstream.Text, workflows.ErrorTypeRateLimited, workflows.RateLimit{Wait: upstream.Wait})
		}
		return waiting(upstream.Text, workflows.ErrorTypeTransient)
	}
}

// sealError maps a sealed text that does not open: the secret was changed or
// the time is over, and a new one has to be asked for.
func sealError(err error, errorType string) error {
	switch {
	case errors.Is(err, seal.ErrExpired) && errorType == workflows.ErrorTypeMediaRefused:
		return waiting("the media URL has expired", errorType)
	case errors.Is(err, seal.ErrExpired), errors.Is(err, seal.ErrNotOurs):
		return waiting(err.Error(), errorType)
	default:
		return err
	}
}

// transferError maps an error of a download. What may pass is retried with the
// same URL; the rest needs a new one, or a person.
func transferError(err error) error {
	var unavailable *media.UnavailableError
	switch {
	case errors.As(err, &unavailable):
		return temporal.NewApplicationErrorWithOptions(unavailable.Text, workflows.ErrorTypeTransient, temporal.ApplicationErrorOptions{
			NextRetryDelay: unavailable.Wait,
			Category:       temporal.ApplicationErrorCategoryBenign,
		})
	case errors.Is(err, media.ErrRefused):
		return waiting(err.Error(), workflows.ErrorTypeMediaRefused)
	case errors.Is(err, media.ErrInvalid), errors.Is(err, archive.ErrTooLarge):
		return waiting(err.Error(), workflows.ErrorTypeMediaInvalid)
	case errors.Is(err, media.ErrHostRefused):
		return waiting(err.Error(), workflows.ErrorTypeBlocked)
	default:
		return archiveError(err)
	}
}

// archiveError maps an error of the store.
func archiveError(err error) error {
	switch {
	case err == nil, errors.Is(err, context.Canceled):
		return err
	case errors.Is(err, archive.ErrBlocked):
		return waiting(err.Error(), workflows.ErrorTypeArchiveBlocked)
	case errors.Is(err, archive.ErrMismatch):
		return waiting(err.Error(), workflows.ErrorTypeArchiveChanged)
	default:
		return temporal.NewApplicationErrorWithOptions(err.Error(), workflows.ErrorTypeArchiveUnavailable, temporal.ApplicationErrorOptions{})
	}
}

// waiting is an error that the workflow waits out.
func waiting(text, errorType string, details ...any) error {
	return temporal.NewApplicationErrorWithOptions(text, errorType, temporal.ApplicationErrorOptions{
		NonRetryable: true,
		Category:     temporal.ApplicationErrorCategoryBenign,
		Details:      details,
	})
}
