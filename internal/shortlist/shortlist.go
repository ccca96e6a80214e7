// Package shortlist writes a list of names into a text of bounded length.
package shortlist

import (
	"fmt"
	"strings"
)

// Of returns the first names, at most so many, and how many more there are: "a, b
// and 3 more".
func Of(names []string, most int) string {
	text := strings.Join(names[:min(len(names), most)], ", ")
	if more := len(names) - most; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}
