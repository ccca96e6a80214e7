package verify

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/callvault/callvault/workflows"
)

// fields are the values of a JSON object. Package json would compare keys without regard to
// case, and take a value that is missing for a zero. The first thing that is wrong is kept in
// err.
type fields struct {
	values map[string]json.RawMessage
	err    error
}

// parseObject returns the fields of a JSON object. Of a key that is there twice the last one counts.
func parseObject(data []byte) *fields {
	f := new(fields)
	switch {
	case !utf8.Valid(data):
		f.err = problemf("it is not UTF-8")
	case json.Unmarshal(data, &f.values) != nil || f.values == nil:
		f.err = problemf("it is not a JSON object")
	}
	return f
}

func (f *fields) fail(format string, args ...any) {
	if f.err == nil {
		f.err = problemf(format, args...)
	}
}

// has reports whether a key that may be left out is there; null is as if it were not.
func (f *fields) has(name string) bool {
	value, found := f.values[name]
	return found && !bytes.Equal(value, []byte("null"))
}

// decode decodes a value that has to be there.
func (f *fields) decode(name, what string, into any) {
	if !f.has(name) || json.Unmarshal(f.values[name], into) != nil {
		f.fail("its %s is not %s", name, what)
	}
}

func (f *fields) text(name string) string {
	var text string
	f.decode(name, "a text", &text)
	return text
}

func (f *fields) texts(name string) []string {
	var elements []json.RawMessage
	f.decode(name, "a list of texts", &elements)
	texts := make([]string, len(elements))
	for i, element := range elements {
		if element[0] != '"' || json.Unmarshal(element, &texts[i]) != nil {
			f.fail("its %s is not a list of texts", name)
		}
	}
	return texts
}

const maxNumber = 1 << 53

var numberPattern = regexp.MustCompile(`^(0|[1-9][0-9]{0,15})$`)

func (f *fields) number(name string) int64 {
	n, err := strconv.ParseInt(string(f.values[name]), 10, 64)
	if err != nil || n > maxNumber || !numberPattern.Match(f.values[name]) {
		f.fail("its %s is not a whole number from 0 to 2^53", name)
		return 0
	}
	return n
}

// object returns the fields of an object in this one. What is wrong with them is wrong with
// this one, once take is called.
func (f *fields) object(name string) *fields {
	inner := new(fields)
	f.decode(name, "an object", &inner.values)
	return inner
}

func (f *fields) objects(name string) []*fields {
	var elements []map[string]json.RawMessage
	f.decode(name, "a list of objects", &elements)
	inner := make([]*fields, len(elements))
	for i, element := range elements {
		if element == nil {
			f.fail("its %s is not a list of objects", name)
		}
		inner[i] = &fields{values: element}
	}
	return inner
}

// take makes what is wrong with an inner object wrong with this one.
func (f *fields) take(name string, inner *fields) {
	if inner.err != nil {
		f.fail("in its %s: %v", name, inner.err)
	}
}

var (
	sha256Pattern = regexp.MustCompile(`^[0-9a-f]{64}$`)
	timePattern   = regexp.MustCompile(`^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?Z$`)
)

// firstYear is the first one of a date or a time: there is no year 0.
const firstYear = "0001"

func (f *fields) sha256(name string) string {
	text := f.text(name)
	if !sha256Pattern.MatchString(text) {
		f.fail("its %s is not 64 lower-case hexadecimal digits", name)
	}
	return text
}

// time returns a time as it is written.
func (f *fields) time(name string) string {
	text := f.text(name)
	if _, err := time.Parse(time.RFC3339, text); err != nil || !timePattern.MatchString(text) || text < firstYear {
		f.fail("its %s is not a time of RFC 3339 in UTC", name)
	}
	return text
}

func (f *fields) stored() stored {
	return stored{f.text("key"), f.number("bytes"), f.sha256("sha256")}
}

// day returns the botId and the date.
func (f *fields) day() workflows.Day {
	day := workflows.Day{BotID: f.text("botId"), Date: f.text("date")}
	if workflows.ValidateBotID(day.BotID) != nil {
		f.fail("its botId is not that of a bot")
	}
	if _, err := time.Parse(time.DateOnly, day.Date); err != nil || day.Date < firstYear {
		f.fail("its date is not one")
	}
	return day
}

// expect reports what a text should be.
func (f *fields) expect(what string, found, wanted any) {
	if found != wanted {
		f.fail("%s is %s, and should be %s", what, clip(found), clip(wanted))
	}
}

func clip(value any) string { return fmt.Sprintf("%.100q", fmt.Sprint(value)) }
