package simulator

import (
	"bytes"
	"encoding/json"
	"fmt"
	"html"
	"net/http"
	"strconv"
	"time"
)

// The vendor's texts, verbatim (vendor docs and responses that public clients received).
const (
	msgInvalidCredentials = "Invalid SDK credentials"
	msgInvalidToken       = "Invalid JWT token"
	msgScope              = "Permission denied. Scope is incorrect!"
	msgVerifying          = "error verifying the jwt: "
	msgArguments          = "Validation errors/ Invalid arguments"
	msgLimit              = "Rate limit for this API has been reached. Please try again later"
	msgLimitMinute        = "You've exceeded the per-minute rate limit. Please wait for sometime before retrying."
	msgLimitHour          = "You've exceeded the hourly rate limit. Please wait for sometime before retrying."
)

// Reason is why a call was refused. Only the ledger shows it, never a response.
type Reason string

// The reasons in the ledger. An accepted call has the empty reason.
const (
	ReasonNoToken     Reason = "no token"
	ReasonNotJWT      Reason = "not a JWT"
	ReasonUnknownBot  Reason = "unknown bot"
	ReasonAccount     Reason = "unknown account"
	ReasonSignature   Reason = "bad signature or algorithm"
	ReasonClient      Reason = "wrong client id"
	ReasonSubject     Reason = "no subject"
	ReasonClaims      Reason = "mistyped time claim"
	ReasonExpired     Reason = "token expired"
	ReasonNotYet      Reason = "token not valid yet"
	ReasonJTIMissing  Reason = "jti missing"
	ReasonJTILifetime Reason = "jti: exp missing or more than 1 hour ahead"
	ReasonReplay      Reason = "jti replayed"
	ReasonScope       Reason = "scope not granted"
	ReasonMinute      Reason = "minute spent"
	ReasonHour        Reason = "hour spent"
	ReasonArguments   Reason = "invalid arguments"
	ReasonRoute       Reason = "no such route"
	ReasonURL         Reason = "media URL not as signed"
	ReasonURLExpired  Reason = "media URL expired"
	ReasonNoFile      Reason = "no such file"
	ReasonClosed      Reason = "simulator closed"
)

// refusal is an error response, and the reason for the ledger.
type refusal struct {
	reason     Reason
	httpStatus int
	code       int
	msg        string
	retryAfter time.Duration // sent in whole seconds when positive
}

func unauthorized(reason Reason, msg string) *refusal {
	return &refusal{reason: reason, httpStatus: http.StatusUnauthorized, code: 4002, msg: msg}
}

// unverified has the form of the jti errors: the code equals the HTTP status.
func unverified(reason Reason, detail string) *refusal {
	return &refusal{reason: reason, httpStatus: http.StatusUnauthorized, code: http.StatusUnauthorized, msg: msgVerifying + detail}
}

func invalidArguments() *refusal {
	return &refusal{reason: ReasonArguments, httpStatus: http.StatusPreconditionFailed, code: http.StatusPreconditionFailed, msg: msgArguments}
}

func (r *refusal) write(w http.ResponseWriter) {
	if r.retryAfter > 0 {
		w.Header().Set("Retry-After", strconv.FormatInt(int64((r.retryAfter+time.Second-1)/time.Second), 10))
	}
	writeBody(w, r.httpStatus, jsonType, envelope(r.code, r.msg))
}

const (
	jsonType = "application/json; charset=utf-8"
	htmlType = "text/html; charset=utf-8"
)

// envelope returns the vendor's error document.
func envelope(code int, msg string) string {
	type item struct {
		Msg  string `json:"msg"`
		Code int    `json:"code"`
	}
	return encode(struct {
		Errors []item `json:"errors"`
	}{[]item{{msg, code}}})
}

// encode returns JSON as the platform's JavaScript writes it: without encoding/json's escape of an ampersand in a URL.
func encode(v any) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic(fmt.Sprintf("simulator: encoding a response of strings and numbers: %v", err))
	}
	return string(bytes.TrimSuffix(b.Bytes(), []byte("\n")))
}

func writeBody(w http.ResponseWriter, status int, contentType, body string) {
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write([]byte(body)) // a client that disconnected is not a server error
}

// writeNotFound responds as Express does if no route matches.
func writeNotFound(w http.ResponseWriter, r *http.Request) {
	writeBody(w, http.StatusNotFound, htmlType, fmt.Sprintf("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"+
		"<title>Error</title>\n</head>\n<body>\n<pre>Cannot %s %s</pre>\n</body>\n</html>\n", html.EscapeString(r.Method), html.EscapeString(r.URL.EscapedPath())))
}
