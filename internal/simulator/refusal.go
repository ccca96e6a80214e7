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

// Texts of the vendor, word for word (vendor docs and answers seen by public clients).
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

// Reason says, in the ledger, why a call was refused. Clients never see it.
type Reason string

// The reasons that the ledger knows. A call that was accepted has the empty reason.
const (
	ReasonNoToken     Reason = "no token"
	ReasonNotJWT      Reason = "not a JWT"
	ReasonUnknownBot  Reason = "unknown bot"
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

// refusal is an answer that says no: what the client is told, and why in the ledger's words.
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

// unverified is the form of the jti rules: the HTTP status again as the code.
func unverified(reason Reason, detail string) *refusal {
	return &refusal{reason: reason, httpStatus: http.StatusUnauthorized, code: http.StatusUnauthorized, msg: msgVerifying + detail}
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

// envelope is the vendor's error form.
func envelope(code int, msg string) string {
	type item struct {
		Msg  string `json:"msg"`
		Code int    `json:"code"`
	}
	return encode(struct {
		Errors []item `json:"errors"`
	}{[]item{{msg, code}}})
}

// encode writes JSON as the platform's JavaScript does: an ampersand in a URL stays one, which encoding/json would
// otherwise escape.
func encode(v any) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic(fmt.Sprintf("simulator: encoding an answer made of strings and numbers: %v", err))
	}
	return string(bytes.TrimSuffix(b.Bytes(), []byte("\n")))
}

func writeBody(w http.ResponseWriter, status int, contentType, body string) {
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write([]byte(body)) // a client that went away is no error of the server
}

// writeNotFound answers as Express does where no route matches.
func writeNotFound(w http.ResponseWriter, r *http.Request) {
	writeBody(w, http.StatusNotFound, htmlType, fmt.Sprintf("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"+
		"<title>Error</title>\n</head>\n<body>\n<pre>Cannot %s %s</pre>\n</body>\n</html>\n", html.EscapeString(r.Method), html.EscapeString(r.URL.EscapedPath())))
}
