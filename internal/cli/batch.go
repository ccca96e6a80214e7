package cli

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/callvault/callvault/internal/account"
	"github.com/callvault/callvault/internal/config"
	"github.com/callvault/callvault/internal/program"
	"github.com/callvault/callvault/workflows"
)

func newBatch() *cobra.Command {
	command := &cobra.Command{
		Use:   "batch",
		Short: "Fetch the recordings of many sessions",
		Long: "Fetch the recordings of many sessions: a batch is a list of them with a name, its ID.\n" +
			"It starts fetches just ahead of the call budget, can be paused, resumed, cancelled and\n" +
			"retried, and ends with a report of every session in the archive.\n\n" +
			"start, retry and report read the worker's configuration (CALLVAULT_CONFIG or the\n" +
			"SMARTASSIST_ and S3_ variables), because the list and the report are in the archive.\n" +
			"The others need Temporal alone, and each one's help has its line for the temporal CLI.",
		Example: "  " + exampleBatch("start --file sessions.csv --id "+exampleBatchID+" --dry-run") +
			"\n  " + exampleBatch("start --file sessions.csv --id "+exampleBatchID+" --wait"),
		Args: program.NoArguments,
		RunE: func(command *cobra.Command, _ []string) error {
			command.SetOut(command.ErrOrStderr()) // stdout is for results
			_ = command.Help()
			return program.Usage(errors.New("no command: give one of the commands above"))
		},
	}
	command.AddCommand(newBatchStart(), newBatchList(), newBatchStatus(), newBatchPause(), newBatchResume(), newBatchCancel(), newBatchRetry(), newBatchReport())
	return command
}

const exampleBatchID = "2026-11"

func exampleBatch(rest string) string { return program.Command("starter") + " batch " + rest }

// oneBatch takes the ID of a batch, or the id of its workflow.
func oneBatch(command *cobra.Command, args []string) error {
	if len(args) != 1 {
		return program.Usage(fmt.Errorf("want the ID of one batch, got %d: see %s --help, or %s for those that are known", len(args), command.CommandPath(), exampleBatch("list --all")))
	}
	args[0] = strings.TrimPrefix(args[0], workflows.BatchWorkflowID(""))
	if err := workflows.ValidateBatchID(args[0]); err != nil {
		return program.Usage(err)
	}
	return nil
}

// configuredAccounts opens the accounts that the worker's configuration names. It makes no
// request.
func configuredAccounts() (*account.Served, error) {
	configured, err := config.FromEnvironment()
	if err != nil {
		return nil, program.Usage(err)
	}
	served, err := account.OpenAll(configured.Accounts)
	if err != nil {
		return nil, program.Usage(err)
	}
	return served, nil
}

// addFailureLimitFlag adds --max-failures. The returned function returns what it says.
func addFailureLimitFlag(command *cobra.Command) func() (workflows.FailureLimit, error) {
	text := command.Flags().String("max-failures", "", "how many sessions may end otherwise than archived before no more are started: a number, or a part of those that have ended such as 5% (default no limit)")
	return func() (workflows.FailureLimit, error) {
		if !command.Flags().Changed("max-failures") {
			return workflows.FailureLimit{}, nil
		}
		limit, err := workflows.ParseFailureLimit(*text)
		if err != nil {
			return limit, fmt.Errorf("--max-failures: %w", err)
		}
		return limit, nil
	}
}

// addPriorityFlag adds --priority. The returned function returns what it says, or 0.
func addPriorityFlag(command *cobra.Command, what string) func() (int, error) {
	priority := command.Flags().Int("priority", 0, fmt.Sprintf("from 1, served first, to %d: %s", workflows.LastPriority, what))
	return func() (int, error) {
		if command.Flags().Changed("priority") && (*priority < 1 || *priority > workflows.LastPriority) {
			return 0, fmt.Errorf("--priority %d is out of bounds: give 1 to %d, or leave the flag out", *priority, workflows.LastPriority)
		}
		return *priority, nil
	}
}
