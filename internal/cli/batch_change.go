package cli

import (
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/callvault/callvault/internal/program"
	"github.com/callvault/callvault/workflows"
)

func newBatchPause() *cobra.Command {
	return newBatchSwitch(workflows.UpdatePause, "Start no more fetches of a batch", "the vendor asked for it",
		"Start no more fetches of a batch until it is resumed. Those that were started go on.")
}

func newBatchResume() *cobra.Command {
	return newBatchSwitch(workflows.UpdateResume, "Let a batch go on", "the cause is found",
		"Let a batch go on that was paused, or that stopped because too many sessions were not\narchived; failures are counted anew then.")
}

// newBatchSwitch returns a command that is named like its update.
func newBatchSwitch(update, short, reason, long string) *cobra.Command {
	var change workflows.BatchChange
	command := &cobra.Command{
		Use:   update + " ID",
		Short: short,
		Long: long + " The state\nafter the change is printed.\n\n" +
			"Exit code: 0 changed, 1 the batch is not running or no worker responds, 2 wrong\nusage, 130 interrupted.\n\n" +
			"The same with the temporal CLI:\n" +
			fmt.Sprintf("  temporal workflow update execute --workflow-id %s --name %s --input '{\"reason\": %q}'", workflows.BatchWorkflowID("ID"), update, reason),
		Example: "  " + exampleBatch(fmt.Sprintf("%s %s --reason %q", update, exampleBatchID, reason)),
		Args:    oneBatch,
	}
	output := addOutputFlag(command)
	command.Flags().StringVar(&change.Reason, "reason", "", "why, for those who will ask; at most 200 bytes (default none)")
	command.RunE = func(command *cobra.Command, args []string) error {
		if err := change.Validate(); err != nil {
			return program.Usage(err)
		}
		return withBatches(command, func(b batches) error {
			progress, err := b.change(command.Context(), args[0], update, change)
			if err != nil {
				return err
			}
			if *output == formatJSON {
				return printJSON(command.OutOrStdout(), progress)
			}
			_, err = io.WriteString(command.OutOrStdout(), batchText(progress, time.Now()))
			return err
		})
	}
	return command
}

func newBatchCancel() *cobra.Command {
	command := &cobra.Command{
		Use:   "cancel ID",
		Short: "End a batch: start no more fetches, and cancel those that wait",
		Long: "End a batch: no more fetches are started, and those that wait are cancelled. Those that\n" +
			"download end as usual; then the batch ends with its report. batch retry goes on with\n" +
			"what is not archived.\n\n" +
			"Exit code: 0 asked for, 1 the batch is not running, 2 wrong usage, 130 interrupted.\n\n" +
			"The same with the temporal CLI:\n" +
			"  temporal workflow cancel --workflow-id " + workflows.BatchWorkflowID("ID"),
		Example: "  " + exampleBatch("cancel "+exampleBatchID),
		Args:    oneBatch,
	}
	output := addOutputFlag(command)
	command.RunE = func(command *cobra.Command, args []string) error {
		return withBatches(command, func(b batches) error {
			if err := b.cancel(command.Context(), args[0]); err != nil {
				return err
			}
			if *output == formatJSON {
				return printJSON(command.OutOrStdout(), map[string]any{"batchId": args[0], "workflowId": workflows.BatchWorkflowID(args[0]), "cancelRequested": true})
			}
			_, err := fmt.Fprintf(command.OutOrStdout(), "batch %s is being cancelled: fetches that wait are cancelled, those that download end\n  to follow it: %s\n",
				args[0], exampleBatch("status "+args[0]+" --watch"))
			return err
		})
	}
	return command
}
