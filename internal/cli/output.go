package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
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

// started is what a fetch without --wait prints.
type started struct {
	WorkflowID string `json:"workflowId"`
	RunID      string `json:"runId"`
	Namespace  string `json:"namespace"`

	// Attached reports whether the fetch was already running.
	Attached bool `json:"attached"`
}

func printStarted(w io.Writer, output format, run *workflows.FetchRun, namespace string, session workflows.Session) error {
	if output == formatJSON {
		return printJSON(w, started{run.WorkflowID(), run.RunID(), namespace, run.Attached})
	}
	what := "started"
	if run.Attached {
		what = "already running:"
	}
	_, err := fmt.Fprintf(w, "%s %s\n  run %s\n  to follow it: %s\n", what, run.WorkflowID(), run.RunID(), followCommand(session))
	return err
}

// printResult says how a fetch of the session with this user, if any, ended.
func printResult(w io.Writer, output format, result *workflows.FetchResult, userID string) error {
	if output == formatJSON {
		return printJSON(w, result)
	}
	_, err := io.WriteString(w, resultText(result, userID))
	return err
}

func resultText(result *workflows.FetchResult, userID string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: session %s of bot %s", result.Outcome, result.SessionID, result.BotID)
	if result.Reason != "" {
		fmt.Fprintf(&b, ": %s", result.Reason)
	}
	fmt.Fprintln(&b)
	manifest := fmt.Sprintf("s3://%s/%s", result.Manifest.Bucket, result.Manifest.Key)
	if result.Source == workflows.SourceManifest {
		fmt.Fprintf(&b, "  found %s on %s in the manifest of another fetch\n", result.Outcome, result.FinishedAt.Format(time.RFC3339))
		if result.Outcome != workflows.OutcomeArchived {
			fmt.Fprintf(&b, "  to have it fetched again: %s\n", refetchCommand(result.Session, userID))
		}
	}
	for _, recording := range result.Recordings {
		fmt.Fprintf(&b, "  s3://%s/%s  %d bytes  %s  sha256 %s\n", recording.Bucket, recording.Key, recording.Bytes, recording.Format, recording.SHA256)
		for _, remark := range recording.Remarks {
			fmt.Fprintf(&b, "    %s\n", remark)
		}
		if recording.NoLongerListed {
			fmt.Fprintln(&b, "    no longer listed by the vendor")
		}
	}
	fmt.Fprintf(&b, "  manifest %s\n", manifest)
	fmt.Fprintf(&b, "  %d status check(s), from %s to %s\n", result.StatusChecks,
		result.StartedAt.Format(time.RFC3339), result.FinishedAt.Format(time.RFC3339))
	return b.String()
}

// refetchCommand returns the command that fetches a session again.
func refetchCommand(session workflows.Session, userID string) string {
	command := followCommand(session)
	if userID != "" {
		command += " --user '" + strings.ReplaceAll(userID, "'", `'\''`) + "'"
	}
	return command + " --refetch"
}
