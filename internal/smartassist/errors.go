package smartassist

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/callvault/callvault/internal/failure"
	"github.com/callvault/callvault/internal/retryafter"
)

// How long to wait for call budget if the upstream does not say. Its windows
// are rolling: the minute's budget is free again after a minute, whereas the
// hour's budget frees up call by call.
const (
	minuteWait    = time.Minute
	hourWait      = 15 * time.Minute
	maxRetryAfter = 24 * time.Hour
)

// Error is any failure of a call. Its text names the cause and the remedy, and
// contains no secret.
type Error struct {
	// Kind says what the error asks for: failure.Rejected, RateLimited, Blocked
	// or Transient.
	Kind failure.Kind

	// Status is the HTTP status, 0 if there was no response.
	Status int

	// Wait is the minimum time until the next request. It is set if Kind is
	// RateLimited, or if a transient error came with Retry-After.
	Wait time.Duration

	// Asked reports whether the upstream asked for that time.
	Asked bool

	// Window is that of the limit which is reached, if Kind is RateLimited and the
	// upstream says so.
	Window time.Duration

	// ScopeMissing reports whether the upstream says that the app lacks the endpoint's scope,
	// if Kind is Blocked: other calls may be accepted.
	ScopeMissing bool

	// Cause is which of the vendor's refusals of a token it is, if Kind is Blocked and the
	// upstream has used one of its own texts.
	Cause Cause

	// Text is the whole message.
	Text string
}

func (e *Error) Error() string { return e.Text }

// FailureKind implements [failure.Failure].
func (e *Error) FailureKind() failure.Kind { return e.Kind }

// RetryAfter implements [failure.Failure].
func (e *Error) RetryAfter() time.Duration { return e.Wait }

// responseError maps an HTTP response that concerns the installation or the
// request to an error. What an [answer] about one session means is decided
// before; see concernsSession.
func responseError(got answer, header http.Header, now time.Time) *Error {
	code, wait := got.rules, retryafter.Parse(header, now, maxRetryAfter)
	if got.isRateLimit() {
		return &Error{Kind: failure.RateLimited, Status: got.status, Wait: budgetWait(wait, got.text), Asked: wait > 0, Window: got.window(),
			Text: got.said + ": the call budget is spent"}
	}
	if code == http.StatusUnauthorized {
		return &Error{Kind: failure.Blocked, Status: got.status, ScopeMissing: got.namesScope(), Cause: got.cause(), Text: got.said + ": " + got.credentialRemedy()}
	}
	if got.isPassing() {
		return &Error{Kind: failure.Transient, Status: got.status, Wait: wait, Text: got.said + ": it describes a temporary condition"}
	}
	if slices.Contains(sessionStatuses, code) {
		return &Error{Kind: failure.Blocked, Status: got.status, ScopeMissing: got.namesScope(), Cause: got.cause(), Text: got.said + ": " + got.installationRemedy()}
	}
	if code >= 300 && code < 400 {
		return &Error{Kind: failure.Blocked, Status: got.status, Text: got.said + ": " + addressRemedy + redirectHint(header)}
	}
	if code == http.StatusRequestTimeout || code == http.StatusTooEarly || code >= 500 {
		return &Error{Kind: failure.Transient, Status: got.status, Wait: wait, Text: got.said + ": it is unavailable"}
	}
	if isErrorObject(got.body) && slices.Contains(rejectStatuses, code) {
		return &Error{Kind: failure.Rejected, Status: got.status, Text: got.said + ": it rejects the request as invalid: check " + got.endpoint.arguments}
	}
	if code >= 400 {
		return &Error{Kind: failure.Blocked, Status: got.status, Text: got.said + ": " + otherRemedy}
	}
	return &Error{Kind: failure.Transient, Status: got.status, Wait: wait, Text: got.said + ", which the API does not document"}
}

// rejectStatuses say that the request itself is invalid. Public clients received
// 412; the others are inferred.
var rejectStatuses = []int{http.StatusBadRequest, http.StatusPreconditionFailed, http.StatusUnprocessableEntity}

// budgetWait returns how long to wait for call budget. The wait that the
// upstream asks for may be 0: retrying at once would waste a call.
func budgetWait(asked time.Duration, text string) time.Duration {
	if asked > 0 {
		return asked
	}
	if hourPattern.MatchString(text) {
		return hourWait
	}
	return minuteWait
}

// The vendor's texts say "per-minute" and "hourly"; the others are inferred.
var (
	minutePattern = anyOf(`\bper[- ]minute`, `\bminute(ly|'s)?\b`)
	hourPattern   = anyOf(`\bper[- ]hour`, `\bhourly\b`)
)

// window returns the window that a refusal by rate names in the API's own form; 0 if it
// names none, or both.
func (a answer) window() time.Duration {
	minute, hour := minutePattern.MatchString(a.text), hourPattern.MatchString(a.text)
	switch {
	case a.error.form == noEnvelope || minute == hour:
		return 0
	case hour:
		return time.Hour
	default:
		return time.Minute
	}
}

func redirectHint(header http.Header) string {
	location, err := url.Parse(header.Get("Location"))
	if err != nil || location.Host == "" {
		return ""
	}
	return fmt.Sprintf(" (it redirects to the host %s; a token is never sent there)", Redact(location.Hostname()))
}

// transportError maps the failure of a request that got no response.
func transportError(err error, secrets ...string) *Error {
	var urlError *url.Error
	if errors.As(err, &urlError) {
		// Its text holds the whole URL, with the user's id in the query.
		err = urlError.Err
	}
	var dns *net.DNSError
	var unknownAuthority x509.UnknownAuthorityError
	var wrongName x509.HostnameError
	var badCertificate x509.CertificateInvalidError
	var verification *tls.CertificateVerificationError
	switch {
	case errors.As(err, &dns) && dns.IsNotFound:
		return &Error{Kind: failure.Blocked, Text: fmt.Sprintf("the host %s is not known: check %s, and this machine's DNS", dns.Name, addressSetting)}
	case errors.As(err, &verification), errors.As(err, &unknownAuthority), errors.As(err, &wrongName), errors.As(err, &badCertificate):
		return &Error{Kind: failure.Blocked, Text: fmt.Sprintf("the upstream's certificate is not trusted (%s): check %s, this machine's clock and its certificate authorities",
			Redact(err.Error(), secrets...), addressSetting)}
	case errors.Is(err, context.DeadlineExceeded):
		return &Error{Kind: failure.Transient, Text: "the upstream did not respond in time"}
	case strings.Contains(err.Error(), "invalid proxy address"):
		// Its text quotes the variable, which may hold a password.
		return &Error{Kind: failure.Blocked, Text: "the proxy variable in this machine's environment is not a valid address: correct HTTPS_PROXY or HTTP_PROXY"}
	default:
		return &Error{Kind: failure.Transient, Text: fmt.Sprintf("the upstream did not respond: %s", Redact(err.Error(), secrets...))}
	}
}
