package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/callvault/callvault/workflows"
)

// format is the form of what goes to stdout.
type format string

const (
	formatText format = "text"
	formatJSON format = "json"
)

// String, Set and Type implement pflag.Value.
func (f *format) String() string { return string(*f) }

func (f *format) Set(value string) error {
	switch format(value) {
	case formatText, formatJSON:
		*f = format(value)
		return nil
	default:
		return fmt.Errorf("want text or json")
	}
}

func (f *format) Type() string { return "text|json" }

func addOutputFlag(command *cobra.Command) *format {
	f := formatText
	command.Flags().Var(&f, "output", "form of the result on stdout")
	return &f
}

func printJSON(w io.Writer, v any) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	return encoder.Encode(v)
}

// printResult says how a fetch ended.
func printResult(w io.Writer, result *workflows.FetchResult) {
	fmt.Fprintf(w, "%s: session %s of bot %s", result.Outcome, result.SessionID, result.BotID)
	if result.Reason != "" {
		fmt.Fprintf(w, ": %s", result.Reason)
	}
	fmt.Fprintln(w)
	for _, recording := range result.Recordings {
		fmt.Fprintf(w, "  s3://%s/%s  %d bytes  %s  sha256 %s\n", recording.Bucket, recording.Key, recording.Bytes, recording.Format, recording.SHA256)
	}
	fmt.Fprintf(w, "  manifest s3://%s/%s\n", result.Manifest.Bucket, result.Manifest.Key)
	fmt.Fprintf(w, "  %d status check(s), from %s to %s\n", result.StatusChecks,
		result.StartedAt.Format(time.RFC3339), result.FinishedAt.Format(time.RFC3339))
}
