package smartassist

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/callvault/callvault/internal/failure"
	"github.com/callvault/callvault/internal/retryafter"
)

// How long to wait for call budget if the upstream does not say. Its windows
// are rolling: the minute's budget is free again after a minute, whereas the
// hour's budget frees up call by call.
const (
	minuteWait    = 60 * time.Second
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

	// Text is the whole message.
	Text string
}

func (e *Error) Error() string { return e.Text }

// FailureKind implements [failure.Failure].
func (e *Error) FailureKind() failure.Kind { return e.Kind }

// RetryAfter implements [failure.Failure].
func (e *Error) RetryAfter() time.Duration { return e.Wait }

// responseError maps an HTTP response to an error. The texts and codes it
// recognises are the documented ones, where the vendor documents any.
func responseError(status int, header http.Header, body []byte, now time.Time, secrets ...string) *Error {
	text := Redact(messageOf(body), secrets...)
	said := fmt.Sprintf("the upstream returned %d", status)
	if text != "" {
		said += fmt.Sprintf(" %q", text)
	}
	wait := retryafter.Parse(header, now, maxRetryAfter)
	lower := strings.ToLower(text)
	switch {
	case status == http.StatusTooManyRequests || strings.Contains(lower, "rate limit"):
		if wait == 0 { // Retrying at once would waste a call.
			wait = minuteWait
			if strings.Contains(lower, "hour") {
				wait = hourWait
			}
		}
		return &Error{failure.RateLimited, status, wait, said + ": the call budget is spent"}
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		return &Error{failure.Blocked, status, 0, said + ": " + remedyFor(lower)}
	case status == http.StatusNotFound || status >= 300 && status < 400:
		return &Error{failure.Blocked, status, 0, said + ": the API is not at this address: check SMARTASSIST_URL" + redirectHint(header)}
	case status == http.StatusRequestTimeout || status == http.StatusTooEarly || status >= 500:
		return &Error{failure.Transient, status, wait, said + ": it is unavailable"}
	case isEnvelope(body) && (status == http.StatusBadRequest || status == http.StatusPreconditionFailed || status == http.StatusUnprocessableEntity):
		return &Error{failure.Rejected, status, 0, said + ": it rejects the request as invalid: check botId, sessionId and userId"}
	case status >= 400:
		return &Error{failure.Blocked, status, 0, said + ": something other than the API responded: check SMARTASSIST_URL, and any proxy or firewall in between"}
	default:
		return &Error{failure.Transient, status, wait, said + ", which the API does not document"}
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
		return &Error{failure.Blocked, 0, 0, fmt.Sprintf("the host %s is not known: check SMARTASSIST_URL and this machine's DNS", dns.Name)}
	case errors.As(err, &verification), errors.As(err, &unknownAuthority), errors.As(err, &wrongName), errors.As(err, &badCertificate):
		return &Error{failure.Blocked, 0, 0, fmt.Sprintf("the upstream's certificate is not trusted (%s): check SMARTASSIST_URL, this machine's clock and its certificate authorities", Redact(err.Error(), secrets...))}
	case errors.Is(err, context.DeadlineExceeded):
		return &Error{failure.Transient, 0, 0, "the upstream did not respond in time"}
	case strings.Contains(err.Error(), "invalid proxy address"):
		// Its text quotes the variable, which may hold a password.
		return &Error{failure.Blocked, 0, 0, "the proxy variable in this machine's environment is not a valid address: correct HTTPS_PROXY or HTTP_PROXY"}
	default:
		return &Error{failure.Transient, 0, 0, fmt.Sprintf("the upstream did not respond: %s", Redact(err.Error(), secrets...))}
	}
}

// isEnvelope reports whether body is an error of the API itself rather than of
// a proxy in between.
func isEnvelope(body []byte) bool {
	var envelope map[string]json.RawMessage
	if json.Unmarshal(body, &envelope) != nil {
		return false
	}
	return envelope["errors"] != nil || envelope["error"] != nil || envelope["message"] != nil
}

// messageOf returns the message in the envelopes that the vendor's endpoints
// use: {"errors": [{"msg", "code"}]}, {"error": "…"}, {"message": "…"}, or a
// JSON string. Anything else is returned as it is.
func messageOf(body []byte) string {
	var envelope struct {
		Errors []struct {
			Msg string `json:"msg"`
		} `json:"errors"`
		Error   json.RawMessage `json:"error"`
		Message string          `json:"message"`
	}
	var text string
	switch {
	case json.Unmarshal(body, &text) == nil:
		return text
	case json.Unmarshal(body, &envelope) != nil:
		return strings.TrimSpace(string(body))
	case len(envelope.Errors) > 0:
		return envelope.Errors[0].Msg
	case json.Unmarshal(envelope.Error, &text) == nil && text != "":
		return text
	case len(envelope.Error) > 0 && envelope.Message == "":
		return string(envelope.Error)
	default:
		return envelope.Message
	}
}
