package sessionlist

import (
	"fmt"
	"strings"
)

// maxFaultText is how many bytes of a row a fault shows.
const maxFaultText = 120

// Fault is a row that is wrong.
type Fault struct {
	// Line is the number of the row's line in the file, from 1.
	Line int `json:"line"`

	// LastLine is the number of the row's last line: greater than Line only for a
	// quoted value that goes on over several lines.
	LastLine int `json:"lastLine"`

	// Problem is everything that is wrong with the row, and what to do about it.
	Problem string `json:"problem"`

	// Text is the row's first line as it is in the file, at most 120 bytes and then
	// "…". It may hold any bytes, and a user's id.
	Text string `json:"text"`
}

// String returns the fault in one line of printable text.
func (f Fault) String() string {
	return fmt.Sprintf("line %d: %s: %q", f.Line, f.Problem, f.Text)
}

// shortened returns a copy of the first bytes of line, cut between characters.
func shortened(line []byte) string {
	if len(line) <= maxFaultText {
		return string(line)
	}
	return strings.ToValidUTF8(string(line[:maxFaultText]), "") + "…"
}

func oneLine(err error) string { return strings.ReplaceAll(err.Error(), "\n", "; ") }
