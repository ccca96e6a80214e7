package fetchrecording

import (
	"slices"

	"go.temporal.io/sdk/temporal"

	"github.com/callvault/callvault/internal/failure"
)

// The decisions about what belongs to a call. None of them loses or fails the recordings.

// givenUp reports whether a failure is no reason to wait any longer, and what to say of it:
// everything but a cancellation, the archive's failures and a worker that does not serve the
// account. The activity itself says why it gives up; this is for what it could not say.
func givenUp(err error) (reason string, isOver bool) {
	switch kind, text, _ := classify(err); {
	case err == nil, temporal.IsCanceledError(err), isNotStarted(err), kind == failure.BotNotServed, kind == failure.ArchiveBlocked:
		return "", false
	case isTimeout(err):
		return "it could not be fetched in time", true
	case slices.Contains(failure.Kinds(), kind): // Its text was made to be shown.
		return text, true
	default:
		return "it could not be fetched: the worker's log says why", true
	}
}

// afterAttachmentFailure is the decision when what belongs to the call waits for an operator
// or for another worker. The next attempt begins with the manifest, or with the archive.
func (s situation) afterAttachmentFailure(errs ...error) next {
	err := worstOf(errs)
	switch kind, text, _ := classify(err); {
	case isNotStarted(err):
		return s.transient(find, "no worker of the account took what belongs to the call in time", 0)
	case kind == failure.BotNotServed:
		return s.blocked(find, text)
	case kind == failure.ArchiveBlocked:
		return s.blocked(write, text)
	default:
		return s.fail(err)
	}
}
