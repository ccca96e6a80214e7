package cli

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/callvault/callvault/internal/sessionlist"
)

// maxShownFaults bounds how many bad rows are shown; the file has all.
const maxShownFaults = 100

// faultReport shows the first bad rows of a list, and writes all of them into a file in the
// folder for temporary files, which only the user may read: rows may hold user ids.
type faultReport struct {
	stderr io.Writer
	count  int
	file   *os.File
	out    *bufio.Writer
	err    error // the first of the file
}

func (r *faultReport) add(fault sessionlist.Fault) {
	r.count++
	if r.count == 1 {
		if r.file, r.err = os.CreateTemp("", "callvault-bad-rows-*.txt"); r.err == nil {
			r.out = bufio.NewWriter(r.file)
		}
	}
	if r.count <= maxShownFaults {
		fmt.Fprintln(r.stderr, fault)
	}
	if r.err == nil {
		_, r.err = fmt.Fprintln(r.out, fault)
	}
}

// close ends the report and says where it is.
func (r *faultReport) close() {
	if r.count == 0 {
		return
	}
	if r.file != nil {
		r.err = errors.Join(r.err, r.out.Flush(), r.file.Close())
	}
	if more := r.count - maxShownFaults; more > 0 {
		fmt.Fprintf(r.stderr, "and %s more\n", count(more))
	}
	if r.err != nil {
		fmt.Fprintf(r.stderr, "The file with all bad rows could not be written: %v\n", r.err)
		return
	}
	fmt.Fprintf(r.stderr, "All %s bad rows are in %s\n", count(r.count), r.file.Name())
}
