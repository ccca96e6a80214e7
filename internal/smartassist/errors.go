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

	"github.com/callvault/callvault/internal/retryafter"
)

// Kind is what an error asks for.
type Kind string

// The kinds of errors.
const (
	// Permanent: the request itself is wrong.
	Permanent Kind = "permanent"
	// RateLimited: the call budget is spent; wait.
	RateLimited Kind = "rate_limited"
	// Blocked: a person has to mend something.
	Blocked Kind = "blocked"
	// Transient: out of order at the moment.
	Transient Kind = "transient"
)

// How long to stay away from a spent budget if the upstream does not say. The
// windows roll: a minute frees a minute's budget, whereas a spent hour frees
// call by call.
const (
	minuteWait    = 60 * time.Second
	hourWait      = 15 * time.Minute
	maxRetryAfter = 24 * time.Hour
)

// Error is any failure of a call. Its text names the cause and the way out,
// and holds no secret.
type Error struct {
	Kind Kind

	// Status is the HTTP status, 0 if no answer came.
	Status int

	// Wait is how long to stay away if the kind is RateLimited, or if the
	// upstream asks for it beside a transient error.
	Wait time.Duration

	// Text is the whole message.
	Text string
}

func (e *Error) Error() string { return e.Text }

// answerError maps an HTTP answer that is not 200 to an error. The texts and
// codes are the vendor's documented ones where there are such.
func answerError(status int, header http.Header, body []byte, now time.Time, secrets ...string) *Error {
	text := Redact(messageOf(body), secrets...)
	said := fmt.Sprintf("the upstream answered %d", status)
	if text != "" {
		said += fmt.Sprintf(" %q", text)
	}
	wait := retryafter.Parse(header, now, maxRetryAfter)
	lower := strings.ToLower(text)
	switch {
	case status == http.StatusTooManyRequests || strings.Contains(lower, "rate limit"):
		if wait == 0 { // Coming back at once would cost a call.
			wait = minuteWait
			if strings.Contains(lower, "hour") {
				wait = hourWait
			}
		}
		return &Error{RateLimited, status, wait, said + ": the call budget is spent"}
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		return &Error{Blocked, status, 0, said + ": " + wayOut(lower)}
	case status == http.StatusNotFound || status >= 300 && status < 400:
		return &Error{Blocked, status, 0, said + ": nothing answers to the API there: check SMARTASSIST_URL" + redirectHint(header)}
	case status == http.StatusRequestTimeout || status == http.StatusTooEarly || status >= 500:
		return &Error{Transient, status, wait, said + ": it is out of order"}
	case isEnvelope(body) && (status == http.StatusBadRequest || status == http.StatusPreconditionFailed || status == http.StatusUnprocessableEntity):
		return &Error{Permanent, status, 0, said + ": it takes the request for wrong: check botId, sessionId and userId"}
	case status >= 400:
		return &Error{Blocked, status, 0, said + ": something other than the API answers: check SMARTASSIST_URL, and proxies and firewalls on the way"}
	default:
		return &Error{Transient, status, wait, said + ", which the API does not document"}
	}
}

// wayOut says what mends a refusal of the credentials.
func wayOut(text string) string {
	switch {
	case strings.Contains(text, "scope"):
		return `grant the JWT app the scope "SmartAssist Recordings" and publish the bot`
	case strings.Contains(text, "replay"):
		return "a token was used twice: look for another client that shares the JWT app, or for a proxy that repeats requests"
	case strings.Contains(text, "error verifying the jwt"):
		return `the app's "Enforce JTI" rules refuse the token: check this machine's clock, and that the app signs by HS256`
	case strings.Contains(text, "invalid jwt token"):
		return "the token did not arrive whole: look for a proxy that alters the header \"auth\""
	default:
		return "check SMARTASSIST_CLIENT_ID, SMARTASSIST_CLIENT_SECRET and that the JWT app belongs to this bot"
	}
}

func redirectHint(header http.Header) string {
	location, err := url.Parse(header.Get("Location"))
	if err != nil || location.Host == "" {
		return ""
	}
	return fmt.Sprintf(" (it redirects to the host %s; a token is never sent on)", Redact(location.Hostname()))
}

// transportError maps the failure of a request that got no answer.
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
		return &Error{Blocked, 0, 0, fmt.Sprintf("the host %s is not known: check SMARTASSIST_URL and this machine's DNS", dns.Name)}
	case errors.As(err, &verification), errors.As(err, &unknownAuthority), errors.As(err, &wrongName), errors.As(err, &badCertificate):
		return &Error{Blocked, 0, 0, fmt.Sprintf("the upstream's certificate is not trusted (%s): check SMARTASSIST_URL, this machine's clock and its certificate authorities", Redact(err.Error(), secrets...))}
	case errors.Is(err, context.DeadlineExceeded):
		return &Error{Transient, 0, 0, "the upstream did not answer in time"}
	case strings.Contains(err.Error(), "invalid proxy address"):
		// Its text quotes the variable, which may hold a password.
		return &Error{Blocked, 0, 0, "the proxy variable of this machine's environment is no address: correct HTTPS_PROXY or HTTP_PROXY"}
	default:
		return &Error{Transient, 0, 0, fmt.Sprintf("the upstream did not answer: %s", Redact(err.Error(), secrets...))}
	}
}

// isEnvelope tells whether body is an answer of the API's own rather than of
// something on the way.
func isEnvelope(body []byte) bool {
	var envelope map[string]json.RawMessage
	if json.Unmarshal(body, &envelope) != nil {
		return false
	}
	return envelope["errors"] != nil || envelope["error"] != nil || envelope["message"] != nil
}

// messageOf finds the message in the envelopes that the vendor's endpoints
// use: {"errors": [{"msg", "code"}]}, {"error": "…"}, {"message": "…"}, or a
// JSON string. Anything else is taken as it stands.
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
