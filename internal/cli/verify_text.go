package cli

import (
	"fmt"
	"io"
	"strings"

	"github.com/dustin/go-humanize"

	"github.com/callvault/callvault/internal/verify"
)

// maxShownFailures bounds what is printed as text.
const maxShownFailures = 50

// notProved says plainly what a verification that holds does not prove.
const notProved = "that the vendor listed every call, that a recording is what was said, when anything was written (unless an authority has stamped the checkpoint), or that a rule such as SEC 17a-4 is met"

// verified is the result as JSON.
type verified struct {
	*verify.Result
	NotProved string `json:"notProved"`
}

func printVerified(w io.Writer, output format, result *verify.Result, keptIn string) error {
	if output == formatJSON {
		return printJSON(w, verified{result, notProved})
	}
	_, err := io.WriteString(w, verifiedText(result, keptIn))
	return err
}

func verifiedText(r *verify.Result, keptIn string) string {
	var b strings.Builder
	if r.OK {
		fmt.Fprintf(&b, "holds: log %s of %d entries\n", r.Origin, r.Entries)
	} else {
		fmt.Fprintf(&b, "DOES NOT HOLD: log %s, %d thing(s)\n", r.Origin, r.FailureCount)
	}
	for _, f := range r.Failures[:min(len(r.Failures), maxShownFailures)] {
		fmt.Fprintf(&b, "  %s\n", brokenText(f))
	}
	if more := r.FailureCount - maxShownFailures; more > 0 {
		fmt.Fprintf(&b, "  and %d more; --output json has up to 10,000\n", more)
	}
	fmt.Fprintf(&b, "  checked: %s\n", checkedText(r))
	fmt.Fprintf(&b, "  %s\n", extendsText(r, keptIn))
	for _, note := range r.Notes {
		fmt.Fprintf(&b, "  note: %s\n", note)
	}
	fmt.Fprintf(&b, "  not proved: %s; see docs/verification.md\n", notProved)
	return b.String()
}

// brokenText names what does not hold: day, bot, session and key, as far as they apply.
func brokenText(f verify.Failure) string {
	var parts []string
	for _, part := range []string{f.Date, f.BotID, f.SessionID} {
		if part != "" {
			parts = append(parts, part)
		}
	}
	parts = append(parts, string(f.Kind))
	if f.Key != "" {
		parts = append(parts, f.Key)
	}
	return strings.Join(parts, " ") + ": " + f.Text
}

func checkedText(r *verify.Result) string {
	c := r.Checked
	text := fmt.Sprintf("%s day(s), %s revision(s), %s session(s), %s file(s) and %s attachment(s)",
		humanize.Comma(int64(c.Days)), humanize.Comma(int64(c.Revisions)), humanize.Comma(int64(c.Sessions)), humanize.Comma(int64(c.Files)), humanize.Comma(int64(c.Attachments)))
	if c.Erased > 0 {
		text += fmt.Sprintf(", %s erased", humanize.Comma(int64(c.Erased)))
	}
	if r.RecordsOnly {
		return text + "; of files and attachments only that they are there, and their length, as --records-only says"
	}
	return text + ", every one of their " + humanize.Comma(c.Bytes) + " bytes"
}

func extendsText(r *verify.Result, keptIn string) string {
	switch {
	case r.Extends != nil && r.OK:
		return fmt.Sprintf("the log extends the checkpoint of %d entries that was kept", *r.Extends)
	case r.Extends != nil:
		return fmt.Sprintf("a checkpoint of %d entries was kept, and is kept on", *r.Extends)
	case keptIn != "" && r.OK:
		return "the log's checkpoint is kept from now on in " + keptIn
	case keptIn != "":
		return "no checkpoint was kept yet, and this one is not"
	default:
		return "no checkpoint was kept: with --checkpoint FILE a later verification finds out if the log was written anew"
	}
}
