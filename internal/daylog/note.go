package daylog

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"golang.org/x/mod/sumdb/note"
)

// maxSignatures bounds the lines of signatures of a note.
const maxSignatures = 100

// minSignatureBytes is the least that a line has: the key's id in four bytes, and one of a
// signature.
const minSignatureBytes = 5

var errNote = errors.New("it is not a signed note")

// signature is what a line of a note has.
type signature struct {
	name  string
	keyID uint32
	bytes []byte
}

// openNote returns the text of a note that has one signature of the key, which is right.
// Signatures of other keys have to be well formed, and are not verified.
//
// It is stricter than note.Open, which reads only the first signature of a key, and base64 and
// names in more than one form: a note could be changed without being found out.
func openNote(signed []byte, key note.Verifier) (string, error) {
	text, signatures, err := parseNote(string(signed))
	if err != nil {
		return "", err
	}
	var own [][]byte
	for _, one := range signatures {
		if one.name == key.Name() && one.keyID == key.KeyHash() {
			own = append(own, one.bytes)
		}
	}
	switch {
	case len(own) == 0:
		return "", fmt.Errorf("it is not signed by the key %s", key.Name())
	case len(own) > 1:
		return "", fmt.Errorf("it has %d signatures by the key %s: want one", len(own), key.Name())
	case !key.Verify([]byte(text), own[0]):
		return "", fmt.Errorf("its signature by the key %s does not hold", key.Name())
	}
	return text, nil
}

// parseNote returns the text before the first empty line, and the signatures after it.
func parseNote(signed string) (text string, signatures []signature, err error) {
	if !utf8.ValidString(signed) || strings.ContainsFunc(signed, func(c rune) bool { return c < ' ' && c != '\n' }) {
		return "", nil, errNote
	}
	text, rest, found := strings.Cut(signed, "\n\n")
	rest, isEnded := strings.CutSuffix(rest, "\n")
	if !found || !isEnded || strings.Count(rest, "\n") >= maxSignatures {
		return "", nil, errNote
	}
	for line := range strings.SplitSeq(rest, "\n") {
		one, isOne := parseSignature(line)
		if !isOne {
			return "", nil, fmt.Errorf("%w: a line of a signature is malformed", errNote)
		}
		signatures = append(signatures, one)
	}
	return text + "\n", signatures, nil
}

func parseSignature(line string) (s signature, ok bool) {
	parts := strings.Split(line, " ")
	if len(parts) != 3 || parts[0] != "—" || !isKeyName(parts[1]) {
		return s, false
	}
	decoded, err := base64.StdEncoding.Strict().DecodeString(parts[2])
	if err != nil || len(decoded) < minSignatureBytes || base64.StdEncoding.EncodeToString(decoded) != parts[2] {
		return s, false
	}
	return signature{parts[1], binary.BigEndian.Uint32(decoded), decoded[4:]}, true
}

// isKeyName reports whether a name has visible characters of ASCII alone, and no plus.
func isKeyName(name string) bool {
	return name != "" && !strings.ContainsFunc(name, func(c rune) bool { return c <= ' ' || c > '~' || c == '+' })
}
