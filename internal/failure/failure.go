// Package failure names the kinds of failures that a fetch tells apart. A kind
// is given once, where the failure is noticed, and decides from there on: it is
// the type of the activity's error in Temporal's histories, whether Temporal
// retries the activity, and what the fetch does next.
package failure

import (
	"errors"
	"time"

	"go.temporal.io/sdk/temporal"

	"github.com/callvault/callvault/workflows"
)

// Kind is what a failure asks for. It is the type of an ApplicationError, so
// its values are recorded in histories and never change.
type Kind string

// The kinds with which the workflow itself fails.
const (
	InvalidInput Kind = workflows.ErrorTypeInvalidInput
	// Rejected: the vendor's API rejects the request itself.
	Rejected Kind = workflows.ErrorTypeRejected
)

// The kinds that the workflow waits out.
const (
	// Blocked: needs operator action at the vendor's side or in the worker's
	// configuration.
	Blocked Kind = "Blocked"
	// BotNotServed: the worker has no credentials for the bot; another one may,
	// for example during a rolling deploy.
	BotNotServed Kind = "BotNotServed"
	// RateLimited: the vendor's call budget is spent.
	RateLimited Kind = "RateLimited"
	// Transient: the vendor's API is unavailable.
	Transient Kind = "Transient"
	// TokenStale: the token can no longer be used; mint another.
	TokenStale Kind = "TokenStale"
	// NoSlotYet: the worker held the call for long, and gives it back to the queue.
	NoSlotYet Kind = "NoSlotYet"
	// MediaUnavailable: the media server is unavailable; the same URL may work
	// later.
	MediaUnavailable Kind = "MediaUnavailable"
	// MediaRefused: the media server refuses the URL.
	MediaRefused Kind = "MediaRefused"
	// MediaExpired: the media URL has expired by its own parameter, or its sealed
	// form can no longer be opened; only a new status check returns another.
	MediaExpired Kind = "MediaExpired"
	// MediaInvalid: the media URL did not return a whole recording.
	MediaInvalid Kind = "MediaInvalid"
	// MediaTooLarge: the recording is larger than this installation accepts.
	MediaTooLarge Kind = "MediaTooLarge"
	// HandedOver: the worker is stopping, or the transfer was paused or reset;
	// another attempt takes over.
	HandedOver Kind = "HandedOver"
	// ArchiveBlocked: the store needs operator action; the vendor is not
	// called meanwhile.
	ArchiveBlocked Kind = "ArchiveBlocked"
	// ArchiveUnavailable: the store is unavailable.
	ArchiveUnavailable Kind = "ArchiveUnavailable"
	// ArchiveChanged: an object is not what was stored, so the manifest was
	// not written.
	ArchiveChanged Kind = "ArchiveChanged"
	// AlreadyArchived: another fetch has written the session's manifest.
	AlreadyArchived Kind = "AlreadyArchived"
)

// Kinds returns all kinds.
func Kinds() []Kind {
	return []Kind{
		InvalidInput, BotNotServed, Rejected, Blocked, RateLimited, Transient, TokenStale, NoSlotYet,
		MediaUnavailable, MediaRefused, MediaExpired, MediaInvalid, MediaTooLarge, HandedOver, ArchiveBlocked, ArchiveUnavailable, ArchiveChanged, AlreadyArchived,
	}
}

// Retryable reports whether Temporal retries an activity that fails like this
// with the same input. The other kinds go back to the workflow, which decides.
func (k Kind) Retryable() bool { return k == HandedOver || k == ArchiveUnavailable || k == NoSlotYet }

// Benign reports whether Temporal keeps a failure of this kind out of its error
// logs and failure metrics, because the workflow waits it out. For what needs an
// operator, the alert is CallvaultPhase = 'blocked'.
func (k Kind) Benign() bool {
	switch k {
	case InvalidInput, Rejected, ArchiveUnavailable:
		return false
	default:
		return true
	}
}

// NeedsOperator reports whether a fetch waits as blocked after a failure of this
// kind, until an operator has acted.
func (k Kind) NeedsOperator() bool {
	return k == Blocked || k == ArchiveBlocked || k == BotNotServed
}

// Failure is an error that knows its kind.
type Failure interface {
	error
	FailureKind() Kind
	// RetryAfter is how long the other side asks to wait; 0 if it does not say.
	RetryAfter() time.Duration
}

// Of finds the outermost failure in err's chain.
func Of(err error) (Failure, bool) {
	var f Failure
	ok := errors.As(err, &f)
	return f, ok
}

// KindOf returns the kind of err; empty if it has none.
func KindOf(err error) Kind {
	if f, ok := Of(err); ok {
		return f.FailureKind()
	}
	return ""
}

// New returns a failure to be used as it is or to be wrapped by %w.
func New(kind Kind, text string) error { return Wrap(kind, errors.New(text)) }

// Wrap returns err as a failure of a kind.
func Wrap(kind Kind, err error) error { return &wrapped{err, kind} }

type wrapped struct {
	error
	kind Kind
}

func (w *wrapped) Unwrap() error             { return w.error }
func (w *wrapped) FailureKind() Kind         { return w.kind }
func (w *wrapped) RetryAfter() time.Duration { return 0 }

// Message returns what the error of an activity says, without the parts that Temporal adds.
func Message(err error) string {
	if failed, ok := errors.AsType[*temporal.ApplicationError](err); ok {
		return failed.Message()
	}
	return err.Error()
}
