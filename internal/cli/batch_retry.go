package cli

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"
	enumspb "go.temporal.io/api/enums/v1"

	"github.com/callvault/callvault/internal/account"
	"github.com/callvault/callvault/internal/program"
	"github.com/callvault/callvault/workflows"
)

func newBatchRetry() *cobra.Command {
	command := &cobra.Command{
		Use:   "retry ID",
		Short: "Fetch again what a batch has not archived",
		Long: "Fetch again what a batch has not archived: the batch is started again under its ID, with\n" +
			"the list and the options that the archive has kept. Sessions that are archived cost no\n" +
			"call. A batch that is running is refused.\n\n" +
			"The accounts are those of the worker's configuration. --max-failures, --priority and\n" +
			"the flags of the policy replace what was kept; without them that holds again.\n\n" +
			"Exit code: 0 started or, with --wait, every session is archived, 1 not started or, with\n" +
			"--wait, one is not archived, 2 wrong usage or configuration, or the batch is running,\n130 interrupted.\n\n" +
			"The same with the temporal CLI, for a list that batch start has stored:\n" +
			"  temporal workflow start --type " + workflows.FetchRecordingsBatchWorkflowName + " --task-queue " + workflows.TaskQueue + " --workflow-id " + workflows.BatchWorkflowID("ID") + " \\\n" +
			"    --input '{\"source\": {\"bucket\": \"recordings\", \"key\": \"batches/ID/sessions.ndjson\"}, \"refetch\": true}'",
		Example: "  " + exampleBatch("retry "+exampleBatchID+" --wait"),
		Args:    oneBatch,
	}
	output := addOutputFlag(command)
	wait := command.Flags().Bool("wait", false, "show the batch until it ends, and print the totals")
	maxFailures := addFailureLimitFlag(command)
	priority := addPriorityFlag(command, "of the fetches that wait for calls to the vendor (default what was kept)")
	policy := addPolicyFlags(command)
	command.RunE = func(command *cobra.Command, args []string) error {
		var over workflows.BatchRequest
		var errs [3]error
		over.MaxFailures, errs[0] = maxFailures()
		over.Priority, errs[1] = priority()
		over.Policy, errs[2] = policy()
		if err := errors.Join(errs[:]...); err != nil {
			return program.Usage(err)
		}
		served, err := configuredAccounts()
		if err != nil {
			return err
		}
		return withBatches(command, func(b batches) error { return retryBatch(command, b, served, args[0], over, *output, *wait) })
	}
	return command
}

func retryBatch(command *cobra.Command, b batches, served *account.Served, batchID string, over workflows.BatchRequest, output format, wait bool) error {
	ctx, stdout, stderr := command.Context(), command.OutOrStdout(), command.ErrOrStderr()
	if err := b.refuseRunning(ctx, batchID); err != nil {
		return err
	}
	record, owner, err := recordOf(ctx, served, batchID)
	if err != nil {
		return interruptedOr(ctx, storeFailure(err))
	}
	request := overridden(record.Request, over)
	request.Refetch = true
	b.warnUnserved(ctx, owner.Name, stderr)
	run, err := b.start(ctx, request)
	if isAlreadyStarted(err) {
		return stillRunning(batchID)
	}
	if err != nil {
		return interruptedOr(ctx, fmt.Errorf("start batch %s again: %w", batchID, err))
	}
	begun := startedBatch{BatchID: batchID, WorkflowID: run.WorkflowID(), RunID: run.RunID(), Namespace: b.namespace, Source: request.Source, Sessions: record.Plan.Sessions}
	if !wait {
		return printStartedBatch(stdout, output, begun)
	}
	_, _ = io.WriteString(stderr, startedText(begun)) // The result follows.
	return b.watch(ctx, batchID, output, stdout, stderr)
}

// refuseRunning returns an error if the batch is running.
func (b batches) refuseRunning(ctx context.Context, batchID string) error {
	state, err := b.state(ctx, batchID)
	switch {
	case errors.Is(err, errNotKnown):
		return nil // Temporal has forgotten it.
	case err != nil:
		return err
	case state == enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING:
		return stillRunning(batchID)
	}
	return nil
}

func stillRunning(batchID string) error {
	return program.Usage(fmt.Errorf("batch %s is running: wait until it ends (%s), or cancel it first (%s)", batchID, exampleBatch("status "+batchID+" --watch"), exampleBatch("cancel "+batchID)))
}

// overridden returns the request with what over says in place of its own.
func overridden(request, over workflows.BatchRequest) workflows.BatchRequest {
	if !over.MaxFailures.IsZero() {
		request.MaxFailures = over.MaxFailures
	}
	if over.Priority != 0 {
		request.Priority = over.Priority
	}
	policy := &request.Policy
	if over.Policy.PollMin != 0 {
		policy.PollMin = over.Policy.PollMin
	}
	if over.Policy.PollMax != 0 {
		policy.PollMax = over.Policy.PollMax
	}
	if over.Policy.PartialRetryAfter != 0 {
		policy.PartialRetryAfter = over.Policy.PartialRetryAfter
	}
	if over.Policy.PartialMaxRetries != nil {
		policy.PartialMaxRetries = over.Policy.PartialMaxRetries
	}
	if over.Policy.UnavailableSettlesAfter != 0 {
		policy.UnavailableSettlesAfter = over.Policy.UnavailableSettlesAfter
	}
	if over.Policy.GiveUpAfter != 0 {
		policy.GiveUpAfter = over.Policy.GiveUpAfter
	}
	return request
}
