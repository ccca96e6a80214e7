package doctor

import (
	"errors"
	"strconv"
	"strings"

	"github.com/callvault/callvault/internal/shortlist"
)

// maxNames bounds the names in a text.
const maxNames = 3

func count(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return strconv.Itoa(n) + " " + what
}

func some(names []string) string { return shortlist.Of(names, maxNames) }

// line returns an error's text in one line.
func line(err error) string {
	return strings.Join(strings.FieldsFunc(err.Error(), func(r rune) bool { return r == '\n' || r == '\t' }), " ")
}

// isOneOf reports whether err is a T.
func isOneOf[T error](err error) bool {
	_, is := errors.AsType[T](err)
	return is
}
