package demo

import (
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/callvault/callvault/dev/internal/stack"
	"github.com/callvault/callvault/workflows"
)

func printHeader(out io.Writer, s *stack.Stack, sessions int) {
	policy := stack.Policy()
	fmt.Fprintf(out, `callvault fetches %d call recordings from a stand-in of SmartAssist into an S3 store on this machine.
The waits are shortened: a call in progress is looked at every %s to %s instead of 1m to 30m,
and what the vendor asks to retry after 24 hours is retried after %s.

Web UI  %s/namespaces/%s/workflows

`, sessions, policy.PollMin, policy.PollMax, policy.PartialRetryAfter, s.Temporal.UIURL(), stack.Namespace)
}

func printTable(out io.Writer, s *stack.Stack, fetched []Fetched) {
	fmt.Fprintln(out)
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "SESSION\tOUTCOME\tLAST STATUS\tCHECKS\tFILES\tBYTES\tWHAT IT SHOWS")
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
		fmt.Fprintf(table, "%s\t%s\t%s\t%d\t%d\t%d\t%s\n", f.Result.SessionID, f.Result.Outcome, f.Result.Status,
			f.Result.StatusChecks, len(f.Result.Recordings), bytes, f.Entry.Description)
	}
	_ = table.Flush() // An error would have come from out, which the caller sees.

	fmt.Fprintf(out, "\nListen to them (%d files):\n", files)
	for _, f := range fetched {
		if f.Err == nil && f.Result.Outcome == workflows.OutcomeArchived {
			for _, recording := range f.Result.Recordings {
				fmt.Fprintf(out, "  %-5s %s\n", recording.Format, s.Store.Path(recording.Bucket, recording.Key))
			}
		}
	}
	counts := s.Upstream.Counts()
	fmt.Fprintf(out, "\nCalls of the upstream in this run: %d, downloads: %d\n", counts.API, counts.Media)
	fmt.Fprintf(out, "Web UI: %s/namespaces/%s/workflows\n", s.Temporal.UIURL(), stack.Namespace)
}
