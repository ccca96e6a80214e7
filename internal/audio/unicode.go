package audio

import (
	"bytes"
	"encoding/binary"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// marks are the byte order marks; UTF-32's begins with UTF-16's, so it is first.
var marks = []struct {
	mark   string
	decode func([]byte) (string, bool)
}{
	{"\xef\xbb\xbf", decodeUTF8},
	{"\xff\xfe\x00\x00", decodeUTF32(binary.LittleEndian)},
	{"\x00\x00\xfe\xff", decodeUTF32(binary.BigEndian)},
	{"\xff\xfe", decodeUTF16(binary.LittleEndian)},
	{"\xfe\xff", decodeUTF16(binary.BigEndian)},
}

// decodeMarked accepts a text after a byte order mark. The mark alone is not
// enough: near silence in μ-law has the same bytes, and near silence in A-law
// would be Chinese and Korean without any white space and punctuation.
func decodeMarked(head []byte) (string, bool) {
	for _, m := range marks {
		if rest, ok := bytes.CutPrefix(head, []byte(m.mark)); ok {
			text, ok := m.decode(rest)
			if isStructured(text) || ok && (len(text) < fewBytes || strings.ContainsFunc(text, isSeparator)) {
				return text, true
			}
		}
	}
	return "", false
}

// decodeUnmarked accepts UTF-16 and UTF-32 without a byte order mark if all
// characters are ASCII: every other byte, or three of four, are then zero. That
// alone is not enough: so are quiet 16-bit samples above zero.
func decodeUnmarked(head []byte) (string, bool) {
	for _, m := range marks[1:] {
		if text, ok := m.decode(head); ok && text != "" && isASCII(text) && (isStructured(text) || isProse(text)) {
			return text, true
		}
	}
	return "", false
}

func isSeparator(r rune) bool { return unicode.IsSpace(r) || unicode.IsPunct(r) }

func isASCII(text string) bool { return utf8.RuneCountInString(text) == len(text) }

// decodeUTF16 accepts UTF-16 in a byte order; the last character may be cut.
func decodeUTF16(order binary.ByteOrder) func([]byte) (string, bool) {
	return func(encoded []byte) (string, bool) {
		units := make([]uint16, len(encoded)/2)
		for i := range units {
			units[i] = order.Uint16(encoded[2*i:])
		}
		if n := len(units); n > 0 && utf16.IsSurrogate(rune(units[n-1])) && units[n-1] < 0xdc00 {
			units = units[:n-1]
		}
		text := string(utf16.Decode(units))
		return text, isReadable(text)
	}
}

// decodeUTF32 accepts UTF-32 in a byte order; the last character may be cut.
func decodeUTF32(order binary.ByteOrder) func([]byte) (string, bool) {
	return func(encoded []byte) (string, bool) {
		var text []byte
		for ; len(encoded) >= 4; encoded = encoded[4:] {
			// The largest character is not assigned, so it is no text.
			text = utf8.AppendRune(text, rune(min(order.Uint32(encoded), utf8.MaxRune)))
		}
		return string(text), isReadable(string(text))
	}
}
