package media

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"strings"
	"time"

	"github.com/dustin/go-humanize"

	"github.com/callvault/callvault/internal/failure"
)

var (
	// ErrRefused means that the media server refuses this URL, for example because it
	// has expired. The same URL may work later: it is worth a few more attempts.
	ErrRefused = failure.New(failure.MediaRefused, "the media URL is refused")
	// ErrInvalid means that the response is not one complete recording.
	ErrInvalid = failure.New(failure.MediaInvalid, "not a complete recording")
	// ErrTooLarge means that the recording is larger than this installation accepts.
	ErrTooLarge = failure.New(failure.MediaTooLarge, "the recording is too large")
)

// tooLarge returns [ErrTooLarge] with the limit and what can be done.
func tooLarge(maxBytes int64) error {
	return fmt.Errorf("%w: it has more than %s: start the worker with a larger --max-recording-size (CALLVAULT_MAX_RECORDING_SIZE) and fetch the session again with --refetch", ErrTooLarge, humanize.IBytes(uint64(max(maxBytes, 0))))
}

// UnavailableError means that the media server is unavailable or busy; the same URL may
// work later.
type UnavailableError struct {
	// Wait is how long the server asks to wait, at most 1 hour; 0 if it does not say.
	Wait time.Duration
	Text string
}

func (e *UnavailableError) Error() string { return e.Text }

// FailureKind implements [failure.Failure].
func (e *UnavailableError) FailureKind() failure.Kind { return failure.MediaUnavailable }

// RetryAfter implements [failure.Failure].
func (e *UnavailableError) RetryAfter() time.Duration { return e.Wait }

// transportError removes the URL, which is a credential, from an error of the
// HTTP client.
func transportError(ctx context.Context, err error) error {
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		err = wrapped.Err
	}
	if errors.Is(err, ErrHostRefused) || errors.Is(err, ErrRefused) {
		return err
	}
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return &UnavailableError{Text: "the media server cut the file short"}
	}
	return &UnavailableError{Text: "reading from the media server failed: " + causeText(err)}
}

// causeText returns the text of the innermost error, which contains no URL: the
// errors around it may quote a request or a Location header.
func causeText(err error) string {
	var operation *net.OpError
	var dns *net.DNSError
	switch {
	case errors.As(err, &dns):
		return "host " + dns.Name + ": " + dns.Err
	case errors.As(err, &operation):
		return operation.Op + ": " + operation.Err.Error()
	}
	// A text with these characters may quote received or configured data.
	if text := innermost(err).Error(); !strings.ContainsAny(text, `?/@"`) {
		return text
	}
	return "the connection failed"
}

func innermost(err error) error {
	if inner := errors.Unwrap(err); inner != nil {
		return innermost(inner)
	}
	return err
}
