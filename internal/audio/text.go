package audio

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// fewBytes is the length of a text below which it needs no evidence but its
// characters. No recording is that small.
const fewBytes = 64

// padding is what some programs append to a text, or fill up its buffer with.
const padding = "\x00\x1a"

// named matches the beginning of a page that no sound has by chance.
var named = regexp.MustCompile(`^(?i:<html|<!doctype|<\?xml|data:[\w.+-]+/[\w.+-]+[;,])`)

// structured matches the beginning of HTML and XML, a whole tag in ASCII, and of
// a JSON object or an array of them, a whole key in ASCII. A control character in
// one follows at least 3 others: every second byte of quiet 16-bit samples is
// zero.
var structured = regexp.MustCompile(`^(?:<[!?/A-Za-z](?:[ -~\s]{3,}[\x00-\x1f\x7f])*[ -~\s]*>` +
	`|[[{\s]*"(?:[ -~]{3,}[\x00-\x1f\x7f])*[ -~]*"\s*:)`)

// Text reports whether a file with these first bytes is a text, for example an
// error page, and its media type: text/html, text/xml, application/json or
// text/plain. It knows UTF-8, UTF-16 and UTF-32 with and without a byte order
// mark, 8-bit character sets, and all of them compressed by gzip or zlib, even
// twice. A page after the signature of a format is a text as well.
//
// net/http.DetectContentType takes every file without certain control
// characters for a text, raw samples included. This asks for the opposite: that
// the bytes make sense as a text.
func Text(head []byte) (mediaType string, isText bool) {
	if page := pageAfterSignature(head); page != "" {
		return mediaTypeOf(page), true
	}
	if Detect(head) != Unknown {
		return "", false
	}
	const levels = 2
	for range levels {
		if mediaType, isText = plainText(head); isText {
			return mediaType, true
		}
		head = decompress(head)
	}
	return plainText(head)
}

func plainText(head []byte) (mediaType string, isText bool) {
	if len(head) == 0 {
		return "", false
	}
	if isBlank(head) {
		return "text/plain", true
	}
	if isStructured(string(head)) {
		return mediaTypeOf(string(head)), true
	}
	for _, decode := range []func([]byte) (string, bool){decodeMarked, decodeUTF8, decodeUnmarked, decodeLegacy} {
		if text, ok := decode(head); ok {
			return mediaTypeOf(text), true
		}
	}
	return "", false
}

// isBlank reports whether head is white space, and if it is the whole file, with
// padding after it.
func isBlank(head []byte) bool {
	text := string(head)
	if len(head) < HeadBytes {
		text = strings.TrimRight(text, padding)
	}
	return text != "" && strings.TrimSpace(text) == ""
}

// isStructured reports whether text begins like markup, JSON or a data URL. A
// broken program may add a few control characters to a page; 16-bit samples have
// more than 1 %.
func isStructured(text string) bool {
	text = trim(text)
	if named.MatchString(text) {
		return true
	}
	controls := 0
	for _, r := range text {
		if unicode.IsControl(r) && !isTextRune(r) {
			controls++
		}
	}
	return 100*(controls-1) <= len(text) && structured.MatchString(text)
}

// trim removes white space and padding at both ends.
func trim(text string) string {
	return strings.TrimFunc(text, func(r rune) bool { return unicode.IsSpace(r) || strings.ContainsRune(padding, r) })
}

// withoutPadding removes padding at both ends if it is less than what it
// surrounds: silence has the same bytes.
func withoutPadding(text string) string {
	if trimmed := strings.Trim(text, padding); 2*len(trimmed) > len(text) {
		return trimmed
	}
	return text
}

// decodeUTF8 accepts valid UTF-8, ASCII included; the last character may be cut.
func decodeUTF8(head []byte) (string, bool) {
	text := string(head)
	for i := range text {
		if !utf8.FullRuneInString(text[i:]) {
			text = text[:i]
			break
		}
	}
	return text, utf8.ValidString(text) && isReadable(text)
}

// decodeLegacy accepts a text in an 8-bit character set, of which only ASCII is
// understood, if 95 % of it is ASCII.
func decodeLegacy(head []byte) (string, bool) {
	content := withoutPadding(string(head))
	ascii := 0
	for i := range len(content) {
		b := content[i]
		if b >= utf8.RuneSelf {
			continue
		}
		if !isTextRune(rune(b)) {
			return "", false
		}
		ascii++
	}
	// Other bytes become replacement characters.
	text := strings.ToValidUTF8(content, string(utf8.RuneError))
	return text, 100*ascii >= 95*len(content) && hasForm(text)
}

// isReadable reports whether text has only characters of a text, and the form of
// one.
func isReadable(text string) bool {
	text = withoutPadding(text)
	for _, r := range text {
		if !isTextRune(r) {
			return false
		}
	}
	return isStructured(text) || hasForm(text)
}

// isTextRune reports whether r is assigned, and is no control character other
// than white space and ESC, which begins a colour in a terminal's text.
func isTextRune(r rune) bool {
	return strings.ContainsRune("\t\n\v\r\f\x1b", r) ||
		r != utf8.RuneError && unicode.In(r, unicode.L, unicode.M, unicode.N, unicode.P, unicode.S, unicode.Z, unicode.Cf)
}

// hasForm reports whether text varies like one and has white space, or is JSON
// with a value, Base64 or the like.
func hasForm(text string) bool {
	return len(text) < fewBytes || isToken(text) || isVaried(text) && isSpaced(text) ||
		strings.ContainsAny(text, `"0123456789`) && isJSON(text)
}

// isVaried reports whether at least 5 % of the bytes of text are outside the most
// frequent block of 32 byte values. Words, spaces and digits are in different
// blocks; quiet samples below zero are in one, of letters in A-law and of "{|}~"
// and letters in μ-law.
func isVaried(text string) bool {
	var blocks [8]int
	most := 0
	for i := range len(text) {
		block := &blocks[text[i]/32]
		*block++
		most = max(most, *block)
	}
	return 100*most <= 95*len(text)
}

// isSpaced reports whether one byte in 256 of text is white space, or whether it
// is mostly not ASCII: Chinese needs no white space. Quiet samples around a small
// negative offset have no bytes of white space, in μ-law and in A-law.
func isSpaced(text string) bool {
	spaces, ascii := 0, 0
	for _, r := range text {
		if unicode.IsSpace(r) {
			spaces++
		}
		if r < utf8.RuneSelf {
			ascii++
		}
	}
	return 256*spaces >= len(text) || 2*ascii < len(text)
}

// isToken reports whether text is Base64, hex, or a token of such parts. It needs
// a letter and a digit: quiet samples may be letters only.
func isToken(text string) bool {
	letters, digits := false, false
	for i := range len(text) {
		switch b := text[i]; {
		case 'a' <= b && b <= 'z', 'A' <= b && b <= 'Z':
			letters = true
		case '0' <= b && b <= '9':
			digits = true
		case !strings.ContainsRune("+/=-_.\r\n", rune(b)):
			return false
		}
	}
	return letters && digits
}

// isProse reports whether text consists of words: at least 80 % letters, digits
// and white space, and one white space in 32 characters.
func isProse(text string) bool {
	words, spaces := 0, 0
	for _, r := range text {
		switch {
		case unicode.IsSpace(r):
			spaces++
		case unicode.IsLetter(r), unicode.IsDigit(r):
			words++
		}
	}
	return len(text) < fewBytes || 100*(words+spaces) >= 80*len(text) && 32*spaces >= len(text)
}

// mediaTypeOf returns the media type of a decoded text, whose end may be missing.
func mediaTypeOf(text string) string {
	text = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && !unicode.IsSpace(r) {
			return -1
		}
		return r
	}, trim(text))
	isMarkup := strings.HasPrefix(text, "<") && isStructured(text)
	switch {
	case isMarkup && strings.Contains(strings.ToLower(text), "<html"), strings.HasPrefix(http.DetectContentType([]byte(text)), "text/html"):
		return "text/html"
	case isMarkup:
		return "text/xml"
	case isJSON(text):
		return "application/json"
	default:
		return "text/plain"
	}
}

// isJSON reports whether text is a JSON object or array, or the beginning of one.
func isJSON(text string) bool {
	if !strings.HasPrefix(text, "{") && !strings.HasPrefix(text, "[") {
		return false
	}
	decoder := json.NewDecoder(strings.NewReader(text))
	for {
		_, err := decoder.Token()
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return true
		}
		if err != nil {
			return false
		}
	}
}
