package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/callvault/callvault/internal/account"
	"github.com/callvault/callvault/internal/archive"
	"github.com/callvault/callvault/internal/batchplan"
	"github.com/callvault/callvault/workflows"
	"github.com/callvault/callvault/workflows/batch"
)

func newBatchStatus() *cobra.Command {
	command := &cobra.Command{
		Use:   "status ID",
		Short: "Show where a batch is: sessions by phase and outcome, rate, time left",
		Long: "Show where a batch is: its sessions by phase and outcome, the calls that it has\n" +
			"spent, how many sessions end in an hour, when it will be done, the last that were not\n" +
			"archived, and where the report is. It works for batches that have ended too, as long\n" +
			"as Temporal remembers them; after that batch report reads the archive.\n\n" +
			"With --watch it goes on until the batch ends: on a terminal it redraws in place,\n" +
			"elsewhere it writes a line whenever something has changed. Then the result is\n" +
			"printed. Ctrl-C leaves the batch running.\n\n" +
			"Exit code: 0 shown, 1 the batch is not known, no worker responds or, with --watch, not\n" +
			"every session is archived, 2 wrong usage, 130 interrupted.\n\n" +
			"The same with the temporal CLI:\n" +
			"  temporal workflow query --workflow-id " + workflows.BatchWorkflowID("ID") + " --type " + workflows.QueryProgress,
		Example: "  " + exampleBatch("status "+exampleBatchID) + "\n  " + exampleBatch("status "+exampleBatchID+" --watch"),
		Args:    oneBatch,
	}
	output := addOutputFlag(command)
	watch := command.Flags().Bool("watch", false, "show it until the batch ends")
	command.RunE = func(command *cobra.Command, args []string) error {
		return withBatches(command, func(b batches) error {
			ctx, stdout, stderr := command.Context(), command.OutOrStdout(), command.ErrOrStderr()
			var err error
			if *watch {
				err = b.watch(ctx, args[0], *output, stdout, stderr)
			} else {
				err = b.showStatus(ctx, args[0], *output, stdout)
			}
			if errors.Is(err, errNotKnown) && isInArchive(ctx, args[0]) {
				return fmt.Errorf("batch %s is not known to Temporal any more, but the archive has its record: to see what became of its sessions: %s", args[0], exampleBatch("report "+args[0]))
			}
			return err
		})
	}
	return command
}

// batchStatus is a batch's progress, and how its fetches are found.
type batchStatus struct {
	workflows.BatchProgress
	WorkflowID   string `json:"workflowId"`
	FetchesQuery string `json:"fetchesQuery"`
}

func (b batches) showStatus(ctx context.Context, batchID string, output format, stdout io.Writer) error {
	progress, err := b.progress(ctx, batchID)
	if err != nil {
		return err
	}
	if output == formatJSON {
		return printJSON(stdout, batchStatus{progress, workflows.BatchWorkflowID(batchID), batch.FetchesQuery(batchID, time.Time{})})
	}
	_, err = io.WriteString(stdout, batchText(progress, time.Now()))
	return err
}

func (b batches) watch(ctx context.Context, batchID string, output format, stdout, stderr io.Writer) error {
	result, err := b.await(ctx, batchID, stderr)
	if err != nil {
		return err
	}
	return printBatchResult(stdout, output, result)
}

// isInArchive reports whether an archive of the configured accounts has the record of a
// batch, as far as that can be found out.
func isInArchive(ctx context.Context, batchID string) bool {
	served, err := configuredAccounts()
	if err != nil {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, batchRequestTimeout)
	defer cancel()
	_, _, err = recordOf(ctx, served, batchID)
	return err == nil
}

// recordOf returns the record of a batch and the account that it belongs to. It returns
// [archive.ErrMissing] if no archive has it.
func recordOf(ctx context.Context, served *account.Served, batchID string) (*batchplan.Record, *account.Account, error) {
	var failed error
	for _, one := range served.Accounts {
		record, err := batchplan.ReadRecord(ctx, one.Store, batchID)
		switch {
		case err == nil && record.Plan.Account == one.Name:
			return record, one, nil
		case err == nil:
			failed = fmt.Errorf("batch %s belongs to account %q, which the configuration does not have: add it to CALLVAULT_CONFIG, or give the account that name again", batchID, record.Plan.Account)
		case !errors.Is(err, archive.ErrMissing):
			failed = fmt.Errorf("account %q: %w", one.Name, err)
		}
	}
	if failed == nil {
		failed = fmt.Errorf("no archive of the configured accounts has the record of batch %s: correct the ID (%s), or the configuration; a batch that has not read its list yet has no record: %w", batchID, exampleBatch("list --all"), archive.ErrMissing)
	}
	return nil, nil, failed
}
