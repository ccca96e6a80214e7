package smartassist

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/callvault/callvault/workflows"
)

// answer is an HTTP response other than the documented one.
type answer struct {
	status int

	// rules is the status by which the answer is judged: 404 for a 200 that has an
	// error envelope in place of the documented body, otherwise status.
	rules int

	// said is the HTTP status and the message, redacted, for the operator.
	said string

	// text is what the rules search: lower case, without secrets, and with
	// "bot" and "session" in place of their ids.
	text string

	body  []byte
	error errorBody
}

// readAnswer reads an error body. The secrets are those of [Redact].
func readAnswer(status int, body []byte, session workflows.Session, secrets ...string) answer {
	got := answer{status: status, rules: status, body: body, error: parseErrorBody(body)}
	if status == http.StatusOK && got.error.form != noEnvelope && !hasStatus(body) {
		got.rules = http.StatusNotFound
	}
	message := messageOf(body, got.error)
	shown := Redact(message, secrets...)
	got.said = fmt.Sprintf("the upstream returned %d", status)
	if shown != "" {
		got.said += fmt.Sprintf(" %q", shown)
	}
	got.text = strings.ToLower(shown)
	if got.error.form != noEnvelope {
		// The whole message: what is cut off may name the credentials.
		message = replaceID(dropInvisible(message), session.BotID, " bot ")
		message = replaceID(message, session.SessionID, " session ")
		got.text = strings.ToLower(replaceSecrets(message, " ", secrets))
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
