package simulator

import (
	"fmt"
	"net/http"
	"slices"
	"time"
)

// FaultKind is a kind of injected fault.
type FaultKind string

// The kinds of faults. All work for an API call (Step.Fault; SetOutage takes fewer) and for a media request (File.Faults),
// except Short, Long, and those of ranges and of content that changes, which are only for media.
const (
	// None is the normal response; use it between two faults, or with Delay for a late response.
	None FaultKind = "none"
	// Respond is Status with Body. An empty Body selects the usual one for the status: the vendor's envelope for 4xx, a
	// gateway's HTML page for 5xx. RetryAfter is sent when set. Media that stays refused or deleted, whatever its URL, is a
	// Respond with status 403, 404 or 410 and a negative Times; for URLs of one status call see Step.URLsRefused.
	Respond FaultKind = "respond"
	// HTML is a sign-in page with status 200.
	HTML FaultKind = "html"
	// JSON is a JSON document with status 200: Body, by default an error envelope.
	JSON FaultKind = "json"
	// Empty is status 200 with Content-Length 0.
	Empty FaultKind = "empty"
	// Huge is status 200 with a JSON document of Bytes bytes (default 64 MiB), generated while it is sent.
	Huge FaultKind = "huge"
	// Redirect is Status (default 302) to To; an empty To is the requested URL itself, signature included.
	Redirect FaultKind = "redirect"

	// Cut closes the connection without a reset after After bytes of a body whose Content-Length is larger.
	Cut FaultKind = "cut"
	// Reset sends a TCP RST after After bytes of the body; a negative After resets before the first byte of the response.
	// Go's http.Transport retries such a GET on a reused connection: raise Times, or check Counts.
	Reset FaultKind = "reset"
	// Stall sends After bytes of the body and then nothing, until the client disconnects, the simulator is closed or
	// Config.StallLimit has passed; with a negative After it sends nothing at all.
	Stall FaultKind = "stall"
	// Slow sends the normal response at BytesPerSecond.
	Slow FaultKind = "slow"
	// Gzip sends the normal response compressed, with Content-Encoding, whether the client requested it or not.
	Gzip FaultKind = "gzip"
	// Chunked omits Content-Length. With After the body ends there without an error: only its content shows that it is
	// incomplete.
	Chunked FaultKind = "chunked"
	// CloseDelimited omits Content-Length and ends the body by closing the connection, as HTTP/1.0 does, without chunks. With
	// After it ends there.
	CloseDelimited FaultKind = "close-delimited"

	// Short removes Bytes (default 1,000) from the end of the file: Content-Length is correct, the RIFF header is not.
	Short FaultKind = "short"
	// Long appends Bytes (default 1,000) that the RIFF header does not count; Content-Length is correct.
	Long FaultKind = "long"
)

// The faults of a range. One of them waits for a request whose Range the server would honour, which has the fault; requests
// before it get normal responses. All that they send is true of the file's bytes, or says that it is not.
const (
	// IgnoreRange is status 200 with the whole file.
	IgnoreRange FaultKind = "ignore-range"
	// WrongStart is status 206 with a range that begins Bytes (default 1,000) before the requested one, or after it if there
	// are not as many before it. Content-Range says so.
	WrongStart FaultKind = "wrong-start"
	// WrongTotal is the requested range, with a Content-Range that says that the file has Bytes (default 1,000) more.
	WrongTotal FaultKind = "wrong-total"
	// WrongLength is a body that is Bytes (default 1,000) shorter than its Content-Range says. Content-Length is that of the
	// body.
	WrongLength FaultKind = "wrong-length"
	// Unsatisfiable is status 416, as for a range beyond the end.
	Unsatisfiable FaultKind = "unsatisfiable"
	// GzipRange is the requested range, compressed, with Content-Encoding, whether the client requested it or not.
	GzipRange FaultKind = "gzip-range"
	// IgnoreIfRange changes the file as Change does, and sends the requested range of the new content, although If-Range names
	// the old one. The ETag is the new one.
	IgnoreIfRange FaultKind = "ignore-if-range"
)

// The faults of content that changes from a request on. SHA256 follows the change.
const (
	// Change gives the file other content, Bytes (default 0) longer, with a new ETag and Last-Modified.
	Change FaultKind = "change"
	// HiddenChange does so without a new ETag or Last-Modified. If Bytes is 0, no client can tell.
	HiddenChange FaultKind = "hidden-change"
)

// Fault is an injected fault. Which fields are used depends on Kind; the others are ignored.
type Fault struct {
	Kind FaultKind
	// Times is how many media requests in a row have the fault, negative for all that follow. It is ignored for API calls,
	// where the Step decides. Defaults to 1.
	Times int
	// Status of Respond and Redirect. Defaults to 500 and 302.
	Status int
	// Body of Respond, HTML and JSON. Defaults to the body described at the kind.
	Body string
	// ContentType of Body. Defaults to text/html for a body that starts with '<', else application/json.
	ContentType string
	// RetryAfter is the Retry-After header of Respond, sent unchanged. Defaults to none.
	RetryAfter string
	// To is the Location of Redirect. Defaults to the requested URL.
	To string
	// After is how many bytes of the body are sent before Cut, Reset, Stall, Chunked and CloseDelimited act. With a value
	// beyond the body they act before its last byte, so that the fault always occurs. Defaults to 0.
	After int64
	// Bytes is the size of Huge, Short, Long and of the faults of ranges and of changes. Defaults to the size described at the
	// kind.
	Bytes int64
	// BytesPerSecond of Slow. Defaults to 1024.
	BytesPerSecond int
	// Delay is the wait before the first byte, by the wall clock, for any kind. Defaults to 0.
	Delay time.Duration
}

// Refuse returns a Respond in the vendor's error envelope, for example Refuse(401, 4002, "Invalid SDK credentials").
func Refuse(status, code int, msg string) Fault {
	return Fault{Kind: Respond, Status: status, Body: envelope(code, msg), ContentType: jsonType}
}

// NoSuchSession returns a Respond for Step.Fault by which the API says, in its error envelope, that it has nothing for the
// session: with status 403, 404, 409 or 410, the ones that it may send. The texts are invented.
func NoSuchSession(status int) Fault {
	msg := map[int]string{
		http.StatusForbidden: "The session belongs to another user",
		http.StatusNotFound:  "Session not found",
		http.StatusConflict:  "The session has no recording in its state",
		http.StatusGone:      "The recording of this session has been deleted",
	}[status]
	defaultString(&msg, http.StatusText(status))
	return Refuse(status, status, msg)
}

// withDefaults sets the defaults and returns an error for an invalid fault. Errors name the fault by where.
func (f Fault) withDefaults(where string) (Fault, error) {
	if f.Times == 0 {
		f.Times = 1
	}
	defaults := map[FaultKind]func(){
		None: func() {}, HTML: func() {}, JSON: func() {}, Empty: func() {}, Cut: func() {}, Reset: func() {}, Stall: func() {},
		Gzip: func() {}, Chunked: func() {}, CloseDelimited: func() {},
		IgnoreRange: func() {}, Unsatisfiable: func() {}, GzipRange: func() {}, IgnoreIfRange: func() {}, Change: func() {}, HiddenChange: func() {},
		Respond:  func() { defaultInt(&f.Status, http.StatusInternalServerError) },
		Redirect: func() { defaultInt(&f.Status, http.StatusFound) },
		Slow:     func() { defaultInt(&f.BytesPerSecond, 1024) },
		Huge:     func() { defaultInt64(&f.Bytes, 64<<20) },
	}
	for _, kind := range []FaultKind{Short, Long, WrongStart, WrongTotal, WrongLength} {
		defaults[kind] = func() { defaultInt64(&f.Bytes, 1000) }
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
		return f, fmt.Errorf("simulator: %s has After %d: only %s and %s can act before the response begins", where, f.After, Reset, Stall)
	}
	return f, nil
}

// forAPI refuses the kinds that do not apply to an API call.
func (f Fault) forAPI(where string) error {
	if f.isOnlyForMedia() {
		return fmt.Errorf("simulator: %s has the kind %q, which applies only to media: use File.Faults", where, f.Kind)
	}
	return nil
}

func (f Fault) isOnlyForMedia() bool {
	return f.Kind == Short || f.Kind == Long || f.needsRange() || f.changes()
}

// forOutage refuses the kinds that need a normal response, and makes Reset and Stall act before the first byte.
func (f Fault) forOutage() (Fault, error) {
	switch {
	case f.Kind == Reset || f.Kind == Stall:
		f.After = -1
	case f.isOnlyForMedia() || slices.Contains([]FaultKind{None, Cut, Slow, Gzip, Chunked, CloseDelimited}, f.Kind):
		return f, fmt.Errorf("simulator: the outage has the kind %q, which needs a normal response: use Step.Fault or File.Faults", f.Kind)
	}
	return f.withDefaults("the outage")
}

// body returns the body of Respond, HTML and JSON.
func (f Fault) body() (contentType, body string) {
	body = f.Body
	if body == "" {
		body = f.defaultBody()
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

func (f Fault) defaultBody() string {
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

func defaultInt64(p *int64, fallback int64) {
	if *p == 0 {
		*p = fallback
	}
}
