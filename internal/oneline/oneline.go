// Package oneline makes a text that somebody else may have written safe for a terminal and
// a log: one line that neither drives a terminal nor turns the direction of writing.
package oneline

import (
	"strings"
	"unicode"
)

// Of returns the text with a space for each rune that is not printable.
func Of(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return ' '
	}, text)
}

// Bounded is [Of] for at most so many runes; "…" follows what is cut.
func Bounded(text string, most int) string {
	line := Of(text)
	if runes := []rune(line); len(runes) > most {
		return string(runes[:most]) + "…"
	}
	return line
}
