package smartassist

import (
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/callvault/callvault/internal/oneline"
)

// minSecretBytes is the length from which a secret is redacted: a user id of a
// digit or two occurs in almost any text.
const minSecretBytes = 4

// maxTextBytes bounds a redacted text.
const maxTextBytes = 300

var (
	// A JWT's header and claims both begin with {", in base64 eyJ; a part may be
	// cut off.
	jwtPattern = regexp.MustCompile(`[A-Za-z0-9_-]*eyJ[A-Za-z0-9_-]*(\.[A-Za-z0-9_=-]*)*`)

	// The signed query of a URL is a credential, and some servers echo only
	// the path and query.
	queryPattern = regexp.MustCompile(`(?i)(\?|%3f)[^\s"'<>]*`)
	// So is the user part of a URL.
	userPattern   = regexp.MustCompile(`://[^\s"'<>/@]*@`)
	signedPattern = regexp.MustCompile(`(?i)\b(s|sig|signature|token|auth|key|secret|password|x-amz-[a-z-]+)=[^\s"'<>&]+`)
)

// Redact makes a text from the upstream safe for errors, logs and histories: it
// removes tokens, signed queries, control and invisible characters and the given
// secrets (of at least 4 bytes, in any case and escaped for a URL, HTML or JSON;
// of an address such as anna@example.com also the part before the @), and cuts
// the text to 300 bytes.
func Redact(text string, secrets ...string) string {
	text = dropInvisible(text)
	text = replaceSecrets(text, "[redacted]", withLocalParts(secrets))
	text = jwtPattern.ReplaceAllString(text, "[redacted]")
	text = userPattern.ReplaceAllString(text, "://[redacted]@")
	text = queryPattern.ReplaceAllString(text, "$1[redacted]")
	text = signedPattern.ReplaceAllString(text, "$1=[redacted]")
	text = oneline.Of(text)
	text = strings.TrimSpace(text)
	if len(text) > maxTextBytes {
		cut := maxTextBytes - len("…")
		for !utf8.RuneStart(text[cut]) { // at most three times: the text is valid UTF-8
			cut--
		}
		text = text[:cut] + "…"
	}
	return text
}
