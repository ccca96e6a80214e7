package sessionlist

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"unicode/utf16"
)

// objectValues returns the values of the JSON object in line.
func objectValues(line []byte) (values, error) {
	if result, ok := plainObject(line); ok {
		return result, nil
	}
	return anyObject(line)
}

// plainObject decodes what nearly all lines are: an object of the known keys, each
// once, with strings. It returns false for anything else. It is several times as fast as
// the tokens of encoding/json.
func plainObject(line []byte) (values, bool) {
	var result values
	rest, ok := afterMark(line, '{')
	for ok {
		var key, value []byte
		if key, rest, ok = quoted(rest); !ok {
			break
		}
		if rest, ok = afterMark(rest, ':'); !ok {
			break
		}
		if value, rest, ok = quoted(rest); !ok {
			break
		}
		target := result.of(string(key[1 : len(key)-1]))
		if target == nil || *target != nil {
			break
		}
		if *target, ok = unquoted(value); !ok {
			break
		}
		if end, isEnd := afterMark(rest, '}'); isEnd {
			return result, len(end) == 0
		}
		rest, ok = afterMark(rest, ',')
	}
	return values{}, false
}

// of returns where the value of key is kept, nil if key is unknown.
func (v *values) of(key string) *[]byte {
	switch key {
	case botIDKey:
		return &v.botID
	case sessionIDKey:
		return &v.sessionID
	case userIDKey:
		return &v.userID
	}
	return nil
}

// afterMark returns what follows mark and the blanks around it.
func afterMark(text []byte, mark byte) ([]byte, bool) {
	text = afterBlanks(text)
	if len(text) == 0 || text[0] != mark {
		return nil, false
	}
	return afterBlanks(text[1:]), true
}

func afterBlanks(text []byte) []byte {
	for len(text) > 0 && (text[0] == ' ' || text[0] == '\t' || text[0] == '\r') {
		text = text[1:]
	}
	return text
}

// quoted returns the JSON string at the beginning of text, quotation marks included,
// and what follows it.
func quoted(text []byte) (value, rest []byte, ok bool) {
	if len(text) == 0 || text[0] != '"' {
		return nil, nil, false
	}
	for at := 1; at < len(text); at++ {
		switch text[at] {
		case '"':
			return text[:at+1], text[at+1:], true
		case '\\':
			at++
		}
	}
	return nil, nil, false
}

// unquoted returns the text of a JSON string, and false if it is not valid.
func unquoted(quoted []byte) ([]byte, bool) {
	text := quoted[1 : len(quoted)-1]
	isPlain := true
	for _, c := range text {
		if c < ' ' {
			return nil, false
		}
		isPlain = isPlain && c != '\\'
	}
	if isPlain {
		return text, true
	}
	var decoded string
	if json.Unmarshal(quoted, &decoded) != nil || hasLoneSurrogate(text) {
		return nil, false
	}
	return []byte(decoded), true
}

// anyObject decodes any JSON object, and names the key that is unknown, repeated or
// of the wrong type. A userId of null is none, as in a fetch request.
func anyObject(line []byte) (values, error) {
	decoder := json.NewDecoder(bytes.NewReader(line))
	decoder.UseNumber()
	first, err := decoder.Token()
	if err != nil {
		return values{}, notAnObject(err)
	}
	if first != json.Delim('{') {
		return values{}, fmt.Errorf("want a JSON object on each line, got %s", kind(first))
	}
	var result values
	found := map[string]bool{}
	for decoder.More() {
		if err := result.decodeNext(decoder, found); err != nil {
			return values{}, err
		}
	}
	if _, err := decoder.Token(); err != nil {
		return values{}, notAnObject(err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return values{}, errors.New("something follows the JSON object: write one object a line, without commas between them")
	}
	if hasLoneSurrogate(line) {
		return values{}, errors.New(`a \u escape is half of a surrogate pair, which is no character: write the value as the conversation logs show it`)
	}
	return result, nil
}

// decodeNext decodes a key and its value.
func (v *values) decodeNext(decoder *json.Decoder, found map[string]bool) error {
	token, err := decoder.Token()
	if err != nil {
		return notAnObject(err)
	}
	key, _ := token.(string) // The decoder returns nothing else for a key.
	target := v.of(key)
	switch {
	case target == nil:
		return fmt.Errorf("unknown key %.80q: remove it or correct its spelling", key)
	case found[key]:
		return fmt.Errorf("repeated key %q: keep one of them", key)
	}
	found[key] = true
	value, err := decoder.Token()
	if err != nil {
		return notAnObject(err)
	}
	text, isString := value.(string)
	if !isString && (value != nil || key != userIDKey) {
		return fmt.Errorf("%s: want a JSON string, got %s", key, kind(value))
	}
	*target = []byte(text)
	return nil
}

func notAnObject(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errors.New("the JSON object does not end in its line: write one object a line")
	}
	return fmt.Errorf("not a JSON object (%w): write one object a line", err)
}

// kind names the type of a JSON token.
func kind(token json.Token) string {
	switch token := token.(type) {
	case json.Delim:
		if token == '[' {
			return "an array"
		}
		return "an object"
	case string:
		return "a string"
	case json.Number:
		return "a number"
	case bool:
		return "a boolean"
	default:
		return "null"
	}
}

// hasLoneSurrogate reports whether the valid JSON in line holds an escape that
// encoding/json replaces by U+FFFD, which would change a user's id.
func hasLoneSurrogate(line []byte) bool {
	for at := 0; at < len(line); at++ {
		if line[at] != '\\' {
			continue
		}
		at++
		unit, ok := codeUnit(line[at:])
		if !ok {
			continue
		}
		at += 4
		if !utf16.IsSurrogate(unit) {
			continue
		}
		if at+2 >= len(line) || line[at+1] != '\\' {
			return true
		}
		low, ok := codeUnit(line[at+2:])
		if !ok || utf16.DecodeRune(unit, low) == '\uFFFD' {
			return true
		}
		at += 6
	}
	return false
}

// codeUnit returns the UTF-16 code unit of an escape, of which text begins with the "u".
func codeUnit(text []byte) (rune, bool) {
	if len(text) < 5 || text[0] != 'u' {
		return 0, false
	}
	unit, err := strconv.ParseUint(string(text[1:5]), 16, 16)
	return rune(unit), err == nil
}
