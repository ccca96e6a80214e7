package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"

	"github.com/callvault/callvault/internal/program"
	"github.com/callvault/callvault/internal/temporalclient"
	"github.com/callvault/callvault/workflows"
	"github.com/callvault/callvault/workflows/fetchrecording"
)

const (
	// followInterval is the time between two queries of a fetch, which cost the
	// vendor nothing.
	followInterval = time.Second

	// queryTimeout bounds one query. Without a worker it gets no response.
	queryTimeout = 5 * time.Second
)

// follow prints a line whenever a fetch waits for something else. Its own
// failures are shown and do no harm.
func follow(ctx context.Context, run *workflows.FetchRun, c client.Client, w io.Writer) {
	ticker := time.NewTicker(followInterval)
	defer ticker.Stop()
	last := ""
	for {
		if line := describeRun(ctx, run, c); line != "" && line != last && ctx.Err() == nil {
			fmt.Fprintf(w, "%s  %s\n", time.Now().Format("15:04:05 MST"), line)
			last = line
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// describeRun returns one line about where the fetch is.
func describeRun(ctx context.Context, run *workflows.FetchRun, c client.Client) string {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	progress, err := run.Progress(ctx)
	var failed *serviceerror.QueryFailed
	var deadline *serviceerror.DeadlineExceeded
	var noPoller *serviceerror.FailedPrecondition
	var failing *serviceerror.WorkflowNotReady
	switch {
	case errors.As(err, &failed):
		return "" // It has not begun, or it is over.
	case errors.As(err, &failing):
		return "the workflow cannot continue: see its last workflow task in the Web UI"
	case errors.As(err, &deadline), errors.As(err, &noPoller), ctx.Err() != nil:
		return fmt.Sprintf("no worker responds: start one with %q", program.Command("worker"))
	case err != nil:
		return "the progress cannot be read: " + err.Error()
	}
	return describe(progress) + transfers(ctx, c, run, progress)
}

// describe says what a fetch waits for and until when.
func describe(p workflows.FetchProgress) string {
	var b strings.Builder
	b.WriteString(string(p.Phase))
	if p.LastStatus != "" && p.LastStatus != string(p.Phase) {
		fmt.Fprintf(&b, " (last status %s)", p.LastStatus)
	}
	if p.Reason != "" {
		fmt.Fprintf(&b, ": %s", p.Reason)
	}
	if !p.NextCheckAt.IsZero() {
		fmt.Fprintf(&b, "; next check at %s", p.NextCheckAt.Local().Format("2006-01-02 15:04:05 MST"))
	}
	return b.String()
}

// transfers says how far the downloads are, which only their heartbeats know.
func transfers(ctx context.Context, c client.Client, run *workflows.FetchRun, p workflows.FetchProgress) string {
	if p.Phase != workflows.PhaseArchiving {
		return ""
	}
	described, err := c.DescribeWorkflowExecution(ctx, run.WorkflowID(), "")
	if err != nil {
		return ""
	}
	decoder, err := temporalclient.DataConverter()
	if err != nil {
		return ""
	}
	var b strings.Builder
	for _, pending := range described.GetPendingActivities() {
		var download fetchrecording.DownloadProgress
		if pending.GetState() != enumspb.PENDING_ACTIVITY_STATE_STARTED || pending.GetHeartbeatDetails() == nil ||
			decoder.FromPayloads(pending.GetHeartbeatDetails(), &download) != nil {
			continue
		}
		fmt.Fprintf(&b, "; %s %s", download.FileName, amount(download))
	}
	return b.String()
}

func amount(d fetchrecording.DownloadProgress) string {
	done := humanize.Bytes(uint64(max(d.Bytes, 0)))
	if d.Total <= 0 {
		return done
	}
	return fmt.Sprintf("%s of %s (%.0f %%)", done, humanize.Bytes(uint64(d.Total)), 100*float64(d.Bytes)/float64(d.Total))
}
