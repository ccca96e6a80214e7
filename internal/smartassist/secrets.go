package smartassist

import (
	"bytes"
	"cmp"
	"html"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxEscapes bounds how often a text is unescaped: "%2540" is an escaped "%40".
const maxEscapes = 3

// escapePattern matches one escaped character in a URL, in HTML or in JSON.
var escapePattern = regexp.MustCompile(`%[0-9A-Fa-f]{2}|&(#[0-9]{1,10}|#[xX][0-9A-Fa-f]{1,8}|[A-Za-z]{2,10});?|\\u[0-9A-Fa-f]{4}`)

// dropInvisible returns text as valid UTF-8 without its invisible
// characters: one of them inside a token would keep it from being recognised.
func dropInvisible(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.In(r, unicode.Cf, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector) {
			return -1
		}
		return r
	}, strings.ToValidUTF8(text, "\uFFFD"))
}

// withLocalParts adds the parts before the @ of the secrets that are addresses.
func withLocalParts(secrets []string) []string {
	all := slices.Clone(secrets)
	for _, secret := range secrets {
		if local, _, found := strings.Cut(secret, "@"); found {
			all = append(all, local)
		}
	}
	return all
}

// replaceSecrets replaces the secrets of at least 4 bytes in whatever case and
// escaped form they occur. It takes time linear in the length of text.
func replaceSecrets(text, with string, secrets []string) string {
	var found []span
	original, plain := unchanged(text), plainTextOf(text)
	for _, secret := range secrets {
		secret = dropInvisible(secret)
		if len(secret) < minSecretBytes {
			continue
		}
		found = append(found, plain.find(plainTextOf(secret).text)...)
		// Next to other text, its beginning or end may have been read as a part
		// of an escaped character.
		found = append(found, original.find(secret)...)
	}
	if len(found) == 0 {
		return text
	}
	slices.SortFunc(found, func(a, b span) int { return cmp.Compare(a.from, b.from) })
	var out strings.Builder
	end := 0
	for _, at := range found {
		if at.from >= end {
			out.WriteString(text[end:at.from])
			out.WriteString(with)
		}
		end = max(end, at.to)
	}
	out.WriteString(text[end:])
	return out.String()
}

// span is a part of a text, in bytes.
type span struct{ from, to int }

// plainText is a text without escapes, in lower case, in which "+" is a space.
// Each of its bytes knows the part of the original text that it came from.
type plainText struct {
	text string
	from []span
}

func unchanged(text string) plainText {
	from := make([]span, len(text))
	for i := range from {
		from[i] = span{i, i + 1}
	}
	return plainText{text, from}
}

func plainTextOf(original string) plainText {
	plain := unchanged(original)
	for range maxEscapes {
		escapes := escapePattern.FindAllStringIndex(plain.text, -1)
		if len(escapes) == 0 {
			break
		}
		plain = plain.rewritten(escapes, unescape)
	}
	var characters [][]int
	for i, r := range plain.text {
		if lower(r) != r {
			characters = append(characters, []int{i, i + utf8.RuneLen(r)})
		}
	}
	return plain.rewritten(characters, func(character string) string {
		r, _ := utf8.DecodeRuneInString(character)
		return string(lower(r))
	})
}

// lower maps all cases of a character to one, as strings.EqualFold does.
func lower(r rune) rune {
	if r == '+' {
		return ' '
	}
	return unicode.ToLower(unicode.ToUpper(r))
}

// unescape returns what a match of escapePattern stands for.
func unescape(escaped string) string {
	var plain string
	var err error
	switch escaped[0] {
	case '%':
		plain, err = url.PathUnescape(escaped)
	case '\\':
		plain, err = strconv.Unquote(`"` + escaped + `"`)
	default:
		plain = html.UnescapeString(escaped)
	}
	if err != nil {
		return escaped // half of a surrogate pair
	}
	return plain
}

// rewritten returns p with each of the parts replaced.
func (p plainText) rewritten(parts [][]int, replace func(string) string) plainText {
	var text bytes.Buffer
	from := make([]span, 0, len(p.from))
	end := 0
	for _, part := range parts {
		text.WriteString(p.text[end:part[0]])
		from = append(from, p.from[end:part[0]]...)
		end = part[1]
		replaced := replace(p.text[part[0]:end])
		text.WriteString(replaced)
		for range len(replaced) {
			from = append(from, span{p.from[part[0]].from, p.from[end-1].to})
		}
	}
	text.WriteString(p.text[end:])
	return plainText{text.String(), append(from, p.from[end:]...)}
}

// find returns where secret occurs, as parts of the original text. A secret that
// consists of escapes may be too short here.
func (p plainText) find(secret string) []span {
	var found []span
	if len(secret) < minSecretBytes {
		return nil
	}
	for at := 0; ; {
		i := strings.Index(p.text[at:], secret)
		if i < 0 {
			return found
		}
		from := at + i
		at = from + len(secret)
		found = append(found, span{p.from[from].from, p.from[at-1].to})
	}
}
