package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"

	"github.com/callvault/callvault/workflows"
)

const (
	// watchEvery is the pause between two looks at a fetch, in which nothing
	// is asked of the upstream.
	watchEvery = time.Second

	// queryTimeout bounds one look. Without a worker nobody answers it.
	queryTimeout = 5 * time.Second
)

// watch prints a line whenever a fetch waits for something else. It is there
// to be looked at: what goes wrong in it is shown and does no harm.
func watch(ctx context.Context, c client.Client, run client.WorkflowRun, w io.Writer) {
	ticker := time.NewTicker(watchEvery)
	defer ticker.Stop()
	last := ""
	for {
		if line := look(ctx, c, run); line != "" && line != last && ctx.Err() == nil {
			fmt.Fprintf(w, "%s  %s\n", time.Now().Format(time.TimeOnly), line)
			last = line
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// look is one line about where the fetch stands.
func look(ctx context.Context, c client.Client, run client.WorkflowRun) string {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	answer, err := c.QueryWorkflow(ctx, run.GetID(), "", workflows.QueryProgress)
	var failed *serviceerror.QueryFailed
	var deadline *serviceerror.DeadlineExceeded
	var noPoller *serviceerror.FailedPrecondition
	var failing *serviceerror.WorkflowNotReady
	switch {
	case errors.As(err, &failed):
		return "" // It has not begun, or it is over.
	case errors.As(err, &failing):
		return "the workflow cannot go on: see its last workflow task in the Web UI"
	case errors.As(err, &deadline), errors.As(err, &noPoller), ctx.Err() != nil:
		return `no worker answers: start one with "go run ./worker"`
	case err != nil:
		return "Temporal does not answer: " + err.Error()
	}
	var progress workflows.Progress
	if err := answer.Get(&progress); err != nil {
		return "the worker answers in another version's words: " + err.Error()
	}
	return describe(progress) + transfers(ctx, c, run, progress)
}

// describe says what a fetch waits for and until when.
func describe(p workflows.Progress) string {
	var b strings.Builder
	b.WriteString(string(p.Phase))
	if p.LastStatus != "" && p.LastStatus != string(p.Phase) {
		fmt.Fprintf(&b, " (last status %s)", p.LastStatus)
	}
	if p.Reason != "" {
		fmt.Fprintf(&b, ": %s", p.Reason)
	}
	if !p.NextCheckAt.IsZero() {
		fmt.Fprintf(&b, "; next look at %s", p.NextCheckAt.Local().Format(time.DateTime))
	}
	return b.String()
}

// transfers says how far the downloads are, which only their heartbeats know.
func transfers(ctx context.Context, c client.Client, run client.WorkflowRun, p workflows.Progress) string {
	if p.Phase != workflows.PhaseArchiving {
		return ""
	}
	described, err := c.DescribeWorkflowExecution(ctx, run.GetID(), "")
	if err != nil {
		return ""
	}
	var b strings.Builder
	for _, pending := range described.GetPendingActivities() {
		var download workflows.DownloadProgress
		if pending.GetState() != enumspb.PENDING_ACTIVITY_STATE_STARTED || pending.GetHeartbeatDetails() == nil ||
			converter.GetDefaultDataConverter().FromPayloads(pending.GetHeartbeatDetails(), &download) != nil {
			continue
		}
		fmt.Fprintf(&b, "; %s %s", download.FileName, amount(download))
	}
	return b.String()
}

func amount(d workflows.DownloadProgress) string {
	if d.Total <= 0 {
		return fmt.Sprintf("%d kB", d.Bytes/1000)
	}
	return fmt.Sprintf("%d of %d kB (%d %%)", d.Bytes/1000, d.Total/1000, 100*d.Bytes/d.Total)
}

// isUnknownAttribute tells whether a start was refused because the namespace
// lacks callvault's search attributes.
func isUnknownAttribute(err error) bool {
	var invalid *serviceerror.InvalidArgument
	return errors.As(err, &invalid) && strings.Contains(invalid.Error(), "Callvault")
}
