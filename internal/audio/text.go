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

// structured matches the beginning of HTML and XML, a whole tag in ASCII, and of
// a JSON object or an array of them, a whole key in ASCII.
var structured = regexp.MustCompile(`^\s*(<[!?/A-Za-z][ -~\s]*>|[[{\s]*"[ -~]*"\s*:)`)

// Text reports whether a file with these first bytes is a text, for example an
// error page, and its media type: text/html, text/xml, application/json or
// text/plain. It knows UTF-8, UTF-16 and UTF-32 with and without a byte order
// mark, 8-bit character sets, and all of them compressed by gzip or zlib.
//
// net/http.DetectContentType takes every file without certain control
// characters for a text, raw samples included. This asks for the opposite: that
// the bytes make sense as a text.
func Text(head []byte) (mediaType string, isText bool) {
	if Detect(head) != Unknown {
		return "", false
	}
	if mediaType, isText = plainText(head); isText {
		return mediaType, true
	}
	return plainText(decompress(head))
}

func plainText(head []byte) (mediaType string, isText bool) {
	if len(head) == 0 {
		return "", false
	}
	for _, decode := range []func([]byte) (string, bool){decodeMarked, decodeUTF8, decodeUnmarked, decodeLegacy} {
		if text, ok := decode(head); ok {
			return mediaTypeOf(text), true
		}
	}
	return "", false
}

// decodeUTF8 accepts valid UTF-8, ASCII included; the last character may be cut.
func decodeUTF8(head []byte) (string, bool) {
	text := string(trimCutRune(head))
	return text, utf8.ValidString(text) && isReadable(text)
}

// trimCutRune removes the first bytes of a character from the end.
func trimCutRune(head []byte) []byte {
	for i := len(head) - 1; i >= max(0, len(head)-utf8.UTFMax); i-- {
		if utf8.RuneStart(head[i]) {
			if !utf8.FullRune(head[i:]) {
				return head[:i]
			}
			break
		}
	}
	return head
}

// decodeLegacy accepts a text in an 8-bit character set, of which only ASCII is
// understood: markup or JSON, or 95 % of ASCII.
func decodeLegacy(head []byte) (string, bool) {
	ascii := 0
	for _, b := range head {
		if b >= utf8.RuneSelf {
			continue
		}
		if !isTextRune(rune(b)) {
			return "", false
		}
		ascii++
	}
	// Other bytes become replacement characters.
	text := strings.ToValidUTF8(string(head), string(utf8.RuneError))
	return text, structured.MatchString(text) || 100*ascii >= 95*len(head) && isVaried(text)
}

// isReadable reports whether text has only characters of a text, and varies like
// one.
func isReadable(text string) bool {
	for _, r := range text {
		if !isTextRune(r) {
			return false
		}
	}
	return structured.MatchString(text) || isVaried(text)
}

// isTextRune reports whether r is assigned, and is no control character other
// than white space and ESC, which begins a colour in a terminal's text.
func isTextRune(r rune) bool {
	return strings.ContainsRune("\t\n\r\f\x1b", r) ||
		r != utf8.RuneError && unicode.In(r, unicode.L, unicode.M, unicode.N, unicode.P, unicode.S, unicode.Z, unicode.Cf)
}

// isVaried reports whether at least 5 % of the bytes of text are outside the most
// frequent block of 32 byte values. Words, spaces and digits are in different
// blocks; quiet samples below zero are in one, of letters in A-law and of "{|}~"
// and letters in μ-law.
func isVaried(text string) bool {
	var blocks [256 / 32]int
	most := 0
	for i := range len(text) {
		block := &blocks[text[i]/32]
		*block++
		most = max(most, *block)
	}
	return len(text) < fewBytes || 100*most <= 95*len(text)
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
	text = strings.TrimSpace(text)
	isMarkup := strings.HasPrefix(text, "<") && structured.MatchString(text)
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
		switch _, err := decoder.Token(); {
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
			return true
		case err != nil:
			return false
		}
	}
}
