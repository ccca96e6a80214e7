package doctor

import (
	"errors"
	"regexp"
	"strconv"
	"strings"

	"github.com/callvault/callvault/internal/oneline"
	"github.com/callvault/callvault/internal/shortlist"
)

const (
	// maxNames bounds the names in a text.
	maxNames = 3

	// maxText bounds a text, in runes.
	maxText = 2000
)

// printable returns a text for a terminal, part of which a server or another worker may have written.
func printable(text string) string { return oneline.Bounded(text, maxText) }

func count(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return strconv.Itoa(n) + " " + what
}

func some(names []string) string { return shortlist.Of(names, maxNames) }

var plainArgument = regexp.MustCompile(`^[\w.:@%+=,/-]+$`)

// argument returns a text for a command in a shell, which another worker may have written.
func argument(text string) string {
	if plainArgument.MatchString(text) {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}

// line returns an error's text in one line.
func line(err error) string {
	return strings.Join(strings.FieldsFunc(err.Error(), func(r rune) bool { return r == '\n' || r == '\t' }), " ")
}

// isOneOf reports whether err is a T.
func isOneOf[T error](err error) bool {
	_, is := errors.AsType[T](err)
	return is
}
