package cli

import (
	"context"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"golang.org/x/sync/errgroup"

	"github.com/callvault/callvault/internal/oneline"
	"github.com/callvault/callvault/internal/program"
	"github.com/callvault/callvault/workflows"
)

const (
	// maxListedBatches bounds how many running batches are listed, and how many that
	// have ended.
	maxListedBatches = 100

	// batchesAtOnce bounds the queries that are under way.
	batchesAtOnce = 8

	runningBatches = "WorkflowType = '" + workflows.FetchRecordingsBatchWorkflowName + "' AND ExecutionStatus = 'Running'"
	closedBatches  = "WorkflowType = '" + workflows.FetchRecordingsBatchWorkflowName + "' AND ExecutionStatus IN ('Completed', 'Failed', 'Canceled', 'Terminated', 'TimedOut')"
)

func newBatchList() *cobra.Command {
	command := &cobra.Command{
		Use:   "list",
		Short: "List the batches that are running, and those that have ended",
		Long: fmt.Sprintf("List the batches that are running, with their progress; with --all also those that\n"+
			"have ended, as long as Temporal remembers them. At most %d of either are listed, the\n"+
			"latest first.\n\n"+
			"Exit code: 0 listed, 1 Temporal cannot be asked, 2 wrong usage, 130 interrupted.\n\n"+
			"The same with the temporal CLI:\n  temporal workflow list --query %q", maxListedBatches, runningBatches),
		Example: "  " + exampleBatch("list") + "\n  " + exampleBatch("list --all --output json"),
		Args:    program.NoArguments,
	}
	output := addOutputFlag(command)
	all := command.Flags().Bool("all", false, "list batches that have ended too")
	command.RunE = func(command *cobra.Command, _ []string) error {
		return withBatches(command, func(b batches) error {
			ctx, stdout, stderr := command.Context(), command.OutOrStdout(), command.ErrOrStderr()
			listed, err := b.list(ctx, *all, stderr)
			switch {
			case ctx.Err() != nil:
				return program.ErrInterrupted
			case err != nil:
				return err
			case *output == formatJSON:
				return printJSON(stdout, listed)
			case len(listed) == 0:
				_, err = fmt.Fprintf(stdout, "no batch is %s in namespace %q\n", map[bool]string{false: "running", true: "known"}[*all], b.namespace)
			default:
				_, err = io.WriteString(stdout, listText(listed))
			}
			return err
		})
	}
	return command
}

// listedBatch is a batch of the list.
type listedBatch struct {
	BatchID    string `json:"batchId"`
	WorkflowID string `json:"workflowId"`
	// State is how the workflow stands: "Running", "Completed", "Failed", "Canceled",
	// "Terminated" or "TimedOut".
	State     string               `json:"state"`
	Phase     workflows.BatchPhase `json:"phase"`
	StartedAt time.Time            `json:"startedAt"`
	ClosedAt  time.Time            `json:"closedAt,omitzero"`

	// Progress is that of a running batch; nil if it cannot be read, and Problem says
	// why.
	Progress *workflows.BatchProgress `json:"progress,omitempty"`
	Problem  string                   `json:"problem,omitempty"`
}

// list returns the running batches and, if all, then those that have ended.
func (b batches) list(ctx context.Context, all bool, stderr io.Writer) ([]listedBatch, error) {
	listed, err := b.found(ctx, runningBatches, stderr)
	if err != nil {
		return nil, err
	}
	b.readProgress(ctx, listed)
	if !all {
		return listed, nil
	}
	closed, err := b.found(ctx, closedBatches, stderr)
	return append(listed, closed...), err
}

// found returns the batches that a visibility query finds, and warns if there are more than
// are listed.
func (b batches) found(ctx context.Context, query string, stderr io.Writer) ([]listedBatch, error) {
	ctx, cancel := context.WithTimeout(ctx, listTimeout)
	defer cancel()
	response, err := b.client.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{Namespace: b.namespace, Query: query, PageSize: maxListedBatches})
	if err != nil {
		return nil, fmt.Errorf("list the batches: %w", err)
	}
	executions := response.GetExecutions()
	if len(response.GetNextPageToken()) > 0 && len(executions) >= maxListedBatches {
		fmt.Fprintf(stderr, "Only the latest %d batches are listed of those with: %s\n", maxListedBatches, query)
	}
	listed := []listedBatch{} // A list in JSON, even without batches.
	for _, execution := range executions[:min(len(executions), maxListedBatches)] {
		listed = append(listed, listedOf(execution))
	}
	return listed, nil
}

func listedOf(execution *workflowpb.WorkflowExecutionInfo) listedBatch {
	id := execution.GetExecution().GetWorkflowId()
	one := listedBatch{
		BatchID: strings.TrimPrefix(id, workflows.BatchWorkflowID("")), WorkflowID: id,
		State: execution.GetStatus().String(), StartedAt: execution.GetStartTime().AsTime(),
	}
	one.Phase = workflows.BatchPhase(workflows.KeywordIn(execution.GetSearchAttributes(), workflows.SearchAttributePhase))
	if execution.GetCloseTime() != nil {
		one.ClosedAt = execution.GetCloseTime().AsTime()
	}
	return one
}

// readProgress asks the batches where they are, several at once.
func (b batches) readProgress(ctx context.Context, listed []listedBatch) {
	var all errgroup.Group
	all.SetLimit(batchesAtOnce)
	for i := range listed {
		all.Go(func() error {
			one := &listed[i]
			if progress, err := b.progressOf(ctx, one.BatchID, one.WorkflowID); err == nil {
				one.Progress, one.Phase = &progress, progress.Phase
			} else {
				one.Problem = err.Error()
			}
			return nil
		})
	}
	_ = all.Wait() // None fails: a problem is shown beside its batch.
}

func listText(listed []listedBatch) string {
	var b strings.Builder
	table := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "batch\tphase\tstarted\tprogress")
	for _, one := range listed {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", oneline.Of(one.BatchID), oneline.Of(listedPhase(one)), minute(one.StartedAt), oneline.Of(listedProgress(one)))
	}
	_ = table.Flush() // It writes to memory.
	return b.String()
}

func listedPhase(one listedBatch) string {
	phase := string(one.Phase)
	switch {
	case phase == "":
		return strings.ToLower(one.State)
	case !one.ClosedAt.IsZero() && !isOver(one.Phase):
		return strings.ToLower(one.State) + " while " + phase
	}
	return phase
}

func listedProgress(one listedBatch) string {
	switch {
	case !one.ClosedAt.IsZero():
		return "ended " + minute(one.ClosedAt)
	case one.Progress == nil:
		return one.Problem
	case one.Progress.Sessions == 0:
		return one.Progress.Reason
	}
	text := endedText(*one.Progress, time.Now())
	if one.Progress.Reason != "" {
		text += ": " + one.Progress.Reason
	}
	return text
}
