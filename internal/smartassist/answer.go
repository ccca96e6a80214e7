package smartassist

import (
	"fmt"
	"net/http"
	"strings"
)

// answer is an HTTP response other than the documented one.
type answer struct {
	endpoint endpoint
	status   int

	// rules is the status by which the answer is judged: 404 for a 200 that has an
	// error envelope in place of the documented body, otherwise status.
	rules int

	// said is the HTTP status and the message, redacted, for the operator.
	said string

	// text is what the rules search: lower case, without secrets, and with
	// "bot", "account" and "session" in place of the ids of the call.
	text string

	body  []byte
	error errorBody
}

// readAnswer reads the error body that a call was answered with.
func readAnswer(made call, status int, body []byte) answer {
	got := answer{endpoint: made.endpoint, status: status, rules: status, body: body, error: parseErrorBody(body)}
	if status == http.StatusOK && got.error.form != noEnvelope && !hasStatus(body) {
		got.rules = http.StatusNotFound
	}
	message := messageOf(body, got.error)
	if message == "" && (!made.endpoint.personal || !isLikeJSON(body)) {
		message = strings.TrimSpace(string(body))
	}
	shown := Redact(message, made.secrets()...)
	got.said = fmt.Sprintf("the upstream returned %d", status)
	if shown != "" {
		got.said += fmt.Sprintf(" %q", shown)
	}
	got.text = strings.ToLower(shown)
	if got.error.form != noEnvelope {
		// The whole message: what is cut off may name the credentials.
		message = replaceID(dropInvisible(message), made.botID, " bot ")
		message = replaceID(message, made.accountID, " account ")
		for _, id := range made.sessionIDs {
			message = replaceID(message, id, " session ")
		}
		got.text = strings.ToLower(replaceSecrets(message, " ", made.secrets()))
	}
	return got
}

// replaceID leaves out ids that occur in almost any text.
func replaceID(text, id, with string) string {
	if len(id) < minSecretBytes {
		return text
	}
	return strings.ReplaceAll(text, id, with)
}
