package config

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// maxShownProblems bounds the list of problems.
const maxShownProblems = 100

// problems collects what is wrong. Each method validates one setting and returns
// something usable in any case, so that the rest is validated as well.
type problems []problem

type problem struct {
	at   place
	text string
}

func (p *problems) add(at place, format string, args ...any) {
	*p = append(*p, problem{at, fmt.Sprintf(format, args...)})
}

// err returns all problems of a configuration as one error, in the order of their
// lines, or nil.
func (p *problems) err(configuration string) error {
	if len(*p) == 0 {
		return nil
	}
	sorted := slices.SortedStableFunc(slices.Values(*p), func(a, b problem) int { return cmp.Compare(a.at.line, b.at.line) })
	var text strings.Builder
	fmt.Fprintf(&text, "%s has %d error(s):", configuration, len(sorted))
	for _, one := range sorted[:min(len(sorted), maxShownProblems)] {
		fmt.Fprintf(&text, "\n  %s: %s", one.at, one.text)
	}
	if more := len(sorted) - maxShownProblems; more > 0 {
		fmt.Fprintf(&text, "\n  and %d more", more)
	}
	return errors.New(text.String())
}

// clip bounds what is shown of a value.
func clip(value string) string { return value[:min(len(value), 100)] }
