package demo

import (
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/dustin/go-humanize"

	"github.com/callvault/callvault/dev/internal/stack"
	"github.com/callvault/callvault/workflows"
)

func printHeader(out io.Writer, s *stack.Stack, sessions int) {
	policy := stack.Policy()
	fmt.Fprintf(out, `callvault fetches %d call recordings from a SmartAssist simulator into an S3 store on this machine.
The waits are shortened: a call in progress is checked every %s to %s instead of every 1 to 30 minutes,
and what the vendor says to retry after 24 hours is retried after %s.

Web UI  %s/namespaces/%s/workflows

`, sessions, policy.PollMin, policy.PollMax, policy.PartialRetryAfter, s.Temporal.UIURL(), stack.Namespace)
}

func printTable(out io.Writer, s *stack.Stack, fetched []Fetched) {
	fmt.Fprintln(out)
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "SESSION\tOUTCOME\tLAST STATUS\tCHECKS\tFILES\tSIZE\tWHAT IT SHOWS")
	files := 0
	for _, f := range fetched {
		if f.Err != nil {
			fmt.Fprintf(table, "%s\terror\t\t\t\t\t%v\n", f.Entry.Session.SessionID, f.Err)
			continue
		}
		var bytes int64
		for _, recording := range f.Result.Recordings {
			bytes += recording.Bytes
		}
		files += len(f.Result.Recordings)
		fmt.Fprintf(table, "%s\t%s\t%s\t%d\t%d\t%s\t%s\n", f.Result.SessionID, f.Result.Outcome, f.Result.Status,
			f.Result.StatusChecks, len(f.Result.Recordings), humanize.Bytes(uint64(max(bytes, 0))), f.Entry.Description)
	}
	_ = table.Flush() // An error would come from out, which the caller sees.

	fmt.Fprintf(out, "\nListen to them (%d files):\n", files)
	for _, f := range fetched {
		if f.Err == nil && f.Result.Outcome == workflows.OutcomeArchived {
			for _, recording := range f.Result.Recordings {
				fmt.Fprintf(out, "  %-5s %s\n", recording.Format, s.Store.Path(recording.Bucket, recording.Key))
			}
		}
	}
}

// printEnd says what the demonstration cost, and where to look.
func printEnd(out io.Writer, s *stack.Stack) {
	counts := s.Upstream.Counts()
	fmt.Fprintf(out, "\nCalls of the SmartAssist API in this run: %d, downloads: %d\n", counts.API, counts.Media)
	fmt.Fprintf(out, "Web UI: %s/namespaces/%s/workflows\n", s.Temporal.UIURL(), stack.Namespace)
}
