package simulator

import (
	"fmt"
	"net/http"
	"time"
)

// FaultKind names a way of going wrong.
type FaultKind string

// The faults. All work for an API call (Step.Fault, SetOutage) and for a media request (File.Faults), except Short and
// Long, which are about audio.
const (
	// None is the good answer; it makes room between two faults, or slows a good answer down with Delay.
	None FaultKind = "none"
	// Answer is Status with Body. An empty Body is what such a status usually brings: the vendor's envelope for 4xx, a
	// gateway's HTML page for 5xx. RetryAfter is sent when set.
	Answer FaultKind = "answer"
	// HTML is a sign-in page with status 200.
	HTML FaultKind = "html"
	// JSON is a JSON document with status 200: Body, by default an error envelope.
	JSON FaultKind = "json"
	// Empty is status 200 with Content-Length 0.
	Empty FaultKind = "empty"
	// Huge is status 200 with a JSON document of Bytes bytes (default 64 MiB) that is generated on the way.
	Huge FaultKind = "huge"
	// Redirect is Status (default 302) to To; an empty To is the requested URL itself, signature included.
	Redirect FaultKind = "redirect"

	// Cut closes the connection in good order after After bytes of a body whose Content-Length promised more.
	Cut FaultKind = "cut"
	// Reset sends a TCP RST after After bytes of the body; a negative After resets before the first byte of the answer. Go's
	// http.Transport repeats such a GET by itself on a connection that it had used before: raise Times, or look at Counts.
	Reset FaultKind = "reset"
	// Stall sends After bytes of the body and then nothing, until the client goes away, the simulator is closed or
	// Config.StallLimit has passed; a negative After sends not even a status line.
	Stall FaultKind = "stall"
	// Slow sends the good answer at BytesPerSecond.
	Slow FaultKind = "slow"
	// Gzip sends the good answer compressed, with Content-Encoding, whether it was asked for or not.
	Gzip FaultKind = "gzip"
	// Chunked leaves Content-Length out. With After the body ends there, in good order: nothing but its own content
	// tells that it is not whole.
	Chunked FaultKind = "chunked"
	// CloseDelimited leaves Content-Length out and ends the body by closing the connection. With After it ends there.
	CloseDelimited FaultKind = "close-delimited"

	// Short takes Bytes (default 1,000) off the end of the file: Content-Length fits, the RIFF header promises more.
	Short FaultKind = "short"
	// Long appends Bytes (default 1,000) that the RIFF header knows nothing of; Content-Length fits.
	Long FaultKind = "long"
)

// Fault is one way of going wrong. Which fields matter depends on Kind; the others are ignored.
type Fault struct {
	Kind FaultKind
	// Times is how many media requests in a row have the fault, negative for all that follow. An API step lasts as long as
	// its Step says, whatever stands here. Defaults to 1.
	Times int
	// Status of Answer and Redirect. Defaults to 500 and 302.
	Status int
	// Body of Answer and JSON. Defaults to what the kind says.
	Body string
	// ContentType of Body. Defaults to text/html for a body that starts with '<', else application/json.
	ContentType string
	// RetryAfter is the Retry-After header of Answer, sent as it is. Defaults to none.
	RetryAfter string
	// To is the Location of Redirect. Defaults to the requested URL.
	To string
	// After is how many bytes of the body come before Cut, Reset, Stall, Chunked and CloseDelimited act. A value beyond the
	// body acts before its last byte, so that a fault is always one. Defaults to 0.
	After int64
	// Bytes is the size of Huge, Short and Long. Defaults to what the kind says.
	Bytes int64
	// BytesPerSecond of Slow. Defaults to 1024.
	BytesPerSecond int
	// Delay is how long, by the wall clock, any kind waits before the first byte. Defaults to 0.
	Delay time.Duration
}

// Refuse is an Answer in the vendor's envelope, for the refusals that depend on what the platform has against the
// client: Refuse(401, 4002, "Invalid SDK credentials").
func Refuse(status, code int, msg string) Fault {
	return Fault{Kind: Answer, Status: status, Body: envelope(code, msg), ContentType: jsonType}
}

// complete fills the defaults in and says what is wrong with the fault. Where names it in errors.
func (f Fault) complete(where string) (Fault, error) {
	if f.Times == 0 {
		f.Times = 1
	}
	defaults := map[FaultKind]func(){
		None: func() {}, HTML: func() {}, JSON: func() {}, Empty: func() {}, Cut: func() {}, Reset: func() {}, Stall: func() {},
		Gzip: func() {}, Chunked: func() {}, CloseDelimited: func() {},
		Answer:   func() { orInt(&f.Status, http.StatusInternalServerError) },
		Redirect: func() { orInt(&f.Status, http.StatusFound) },
		Slow:     func() { orInt(&f.BytesPerSecond, 1024) },
		Huge:     func() { orInt64(&f.Bytes, 64<<20) },
		Short:    func() { orInt64(&f.Bytes, 1000) },
		Long:     func() { orInt64(&f.Bytes, 1000) },
	}
	fill, known := defaults[f.Kind]
	if !known {
		return f, fmt.Errorf("simulator: %s has the kind %q, which does not exist: use one of the FaultKind constants", where, f.Kind)
	}
	fill()
	switch {
	case f.Status != 0 && (f.Status < 200 || f.Status > 599):
		return f, fmt.Errorf("simulator: %s has status %d: use 200 to 599", where, f.Status)
	case f.Bytes < 0 || f.BytesPerSecond < 0 || f.Delay < 0:
		return f, fmt.Errorf("simulator: %s has a negative Bytes, BytesPerSecond or Delay", where)
	case f.After < 0 && f.Kind != Reset && f.Kind != Stall:
		return f, fmt.Errorf("simulator: %s has After %d: only %s and %s act before the answer begins", where, f.After, Reset, Stall)
	}
	return f, nil
}

// forAPI refuses the kinds that mean nothing for an API call.
func (f Fault) forAPI(where string) error {
	if f.Kind == Short || f.Kind == Long {
		return fmt.Errorf("simulator: %s has the kind %q, which is about audio: put it into File.Faults", where, f.Kind)
	}
	return nil
}

// forOutage refuses the kinds that are about a good answer, and makes Reset and Stall act before any.
func (f Fault) forOutage() (Fault, error) {
	switch f.Kind {
	case Reset, Stall:
		f.After = -1
	case None, Cut, Slow, Gzip, Chunked, CloseDelimited, Short, Long:
		return f, fmt.Errorf("simulator: the outage has the kind %q, which acts on a good answer: put it into Step.Fault or File.Faults", f.Kind)
	}
	return f.complete("the outage")
}

// body is what Answer, HTML and JSON send.
func (f Fault) body() (contentType, body string) {
	body = f.Body
	if body == "" {
		body = f.usualBody()
	}
	contentType = f.ContentType
	if contentType == "" {
		contentType = jsonType
		if body != "" && body[0] == '<' {
			contentType = htmlType
		}
	}
	return contentType, body
}

func (f Fault) usualBody() string {
	switch {
	case f.Kind == HTML:
		return "<!DOCTYPE html>\n<html><head><title>Sign in</title></head>\n<body><form action=\"/login\" method=\"post\">" +
			"<input name=\"user\"><input name=\"password\" type=\"password\"><button>Sign in</button></form></body></html>\n"
	case f.Kind == JSON:
		return envelope(http.StatusInternalServerError, "Internal server error")
	case f.Status == http.StatusUnauthorized:
		return envelope(4002, msgInvalidCredentials)
	case f.Status == http.StatusForbidden:
		return envelope(http.StatusForbidden, msgMediaRefused)
	case f.Status == http.StatusTooManyRequests:
		return envelope(http.StatusTooManyRequests, msgLimit)
	case f.Status >= 400 && f.Status < 500:
		return envelope(f.Status, http.StatusText(f.Status))
	case f.Status >= 500:
		title := fmt.Sprintf("%d %s", f.Status, http.StatusText(f.Status))
		return "<html>\r\n<head><title>" + title + "</title></head>\r\n<body>\r\n<center><h1>" + title +
			"</h1></center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"
	}
	return ""
}

func orInt64(p *int64, fallback int64) {
	if *p == 0 {
		*p = fallback
	}
}
