package activities

import (
	"errors"

	"go.temporal.io/sdk/temporal"

	"github.com/callvault/callvault/internal/failure"
	"github.com/callvault/callvault/internal/seal"
	"github.com/callvault/callvault/workflows/fetchrecording"
)

// activityError is the one mapping from a failure to what Temporal and the
// workflow act on. It is the outermost error, since a wrap would hide its type.
// Any other error is returned as it is, and Temporal retries the activity.
func activityError(err error) error { return activityErrorWith(err, "") }

// activityErrorWith is [activityError] for a download that another one may continue at a
// point, which is empty otherwise.
func activityErrorWith(err error, resume fetchrecording.SealedText) error {
	failed, ok := failure.Of(err)
	if !ok {
		return err
	}
	options := temporal.ApplicationErrorOptions{NonRetryable: !failed.FailureKind().Retryable()}
	if failed.FailureKind().Benign() {
		options.Category = temporal.ApplicationErrorCategoryBenign
	}
	detail := fetchrecording.FailureDetail{RetryAfter: failed.RetryAfter(), Resume: resume}
	options.NextRetryDelay = detail.RetryAfter
	if detail != (fetchrecording.FailureDetail{}) {
		options.Details = []any{detail}
	}
	return temporal.NewApplicationErrorWithOptions(err.Error(), string(failed.FailureKind()), options)
}

// sealError maps a sealed text that does not open, because the secret was
// changed or the text has expired, to the kind that leads to a new one.
func sealError(err error, kind failure.Kind) error {
	switch {
	case errors.Is(err, seal.ErrExpired) && kind == failure.MediaExpired:
		return activityError(failure.New(kind, "the media URL has expired"))
	case errors.Is(err, seal.ErrExpired), errors.Is(err, seal.ErrNotOurs):
		return activityError(failure.Wrap(kind, err))
	default:
		return err
	}
}
