package cli

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/callvault/callvault/internal/program"
	"github.com/callvault/callvault/workflows"
)

// afterChange ends the help of every command that changes budgets.
const afterChange = "The reason is kept and shown. Budgets are changed one after another, and a failure does\n" +
	"not stop the others. The states after the changes are printed, as JSON always as a list.\n\n" +
	"Exit code: 0 all changed, 1 a change failed or none is running, 2 wrong usage,\n130 interrupted.\n\n" +
	"The same with the temporal CLI, for one budget:\n  "

// changedBudgets are the arguments of every command that changes budgets.
const changedBudgets = "{NAME… | --all}"

func newBudgetPause() *cobra.Command {
	return newBudgetSwitch(workflows.UpdatePause, "Stop all calls of budgets", "the vendor asked for it",
		"Stop all calls of budgets until they are resumed. Calls under way are completed, and\nnothing that waits is lost.")
}

func newBudgetResume() *cobra.Command {
	return newBudgetSwitch(workflows.UpdateResume, "Let the calls of paused budgets go on", "the vendor is ready again",
		"Let the calls of paused budgets go on. Bots that are blocked are tried at once.")
}

// newBudgetSwitch returns a command that is named like its update, which takes a reason
// alone.
func newBudgetSwitch(update, short, reason, long string) *cobra.Command {
	var change workflows.BudgetChange
	command := &cobra.Command{
		Use:   update + " " + changedBudgets + " --reason REASON",
		Short: short,
		Long:  long + "\n\n" + aboutBudgets + "\n\n" + afterChange + temporalUpdate("NAME", update, `{"reason": "`+reason+`"}`),
		Example: "  " + exampleBudget(fmt.Sprintf("%s st-00000000-0000-0000-0000-000000000000 --reason %q", update, reason)) +
			"\n  " + exampleBudget(fmt.Sprintf("%s --all --reason %q", update, reason)),
		Args: cobra.ArbitraryArgs,
	}
	output := addOutputFlag(command)
	all := addAllFlag(command)
	addReasonFlag(command, &change.Reason)
	command.RunE = func(command *cobra.Command, names []string) error {
		if err := errors.Join(validateChanged(command, names, *all), change.Validate()); err != nil {
			return program.Usage(err)
		}
		return changeBudgets(command, names, *all, update, change, *output)
	}
	return command
}

func newBudgetSet() *cobra.Command {
	var windows []string
	var configured bool
	var change workflows.LimitsChange
	command := &cobra.Command{
		Use:   "set " + changedBudgets + " {--window CALLS/TIME… | --default} --reason REASON",
		Short: "Replace the limits of budgets while they run",
		Long: "Replace the limits of budgets while they run: --window once for each of at most 4\n" +
			"rolling windows, which then hold all at once, in place of the configured ones and\n" +
			"over restarts of the workers. --default goes back to the configured ones. Either\n" +
			"forgets what was learned from the vendor's refusals.\n\n" +
			aboutBudgets + "\n\n" + afterChange +
			temporalUpdate("NAME", workflows.UpdateSetLimits, `{"windows": ["60/1m", "1800/1h"], "reason": "a higher quota"}`) +
			"\nand for --default without \"windows\".",
		Example: "  " + exampleBudget(`set st-00000000-0000-0000-0000-000000000000 --window 60/1m --window 1800/1h --reason "a higher quota"`) +
			"\n  " + exampleBudget(`set --all --default --reason "the trial is over"`),
		Args: cobra.ArbitraryArgs,
	}
	output := addOutputFlag(command)
	all := addAllFlag(command)
	flags := command.Flags()
	flags.StringArrayVar(&windows, "window", nil, `calls and the time in which they may be made, such as "60/1m"; up to 4 times`)
	flags.BoolVar(&configured, "default", false, "go back to the configured limits")
	addReasonFlag(command, &change.Reason)
	command.RunE = func(command *cobra.Command, names []string) error {
		var err error
		if change.Windows, err = windowsOf(windows, configured); err == nil {
			err = change.Validate()
		}
		if err = errors.Join(validateChanged(command, names, *all), err); err != nil {
			return program.Usage(err)
		}
		return changeBudgets(command, names, *all, workflows.UpdateSetLimits, change, *output)
	}
	return command
}

// windowsOf returns the windows that are to hold, or none if those that are configured
// are.
func windowsOf(texts []string, configured bool) ([]workflows.CallWindow, error) {
	switch {
	case configured && len(texts) > 0:
		return nil, errors.New("--window and --default exclude each other: leave one of them out")
	case !configured && len(texts) == 0:
		return nil, errors.New("no limits are given: give --window, such as --window 60/1m, or --default for the configured ones")
	}
	var windows []workflows.CallWindow
	var errs []error
	for _, text := range texts {
		window, err := workflows.ParseCallWindow(text)
		if err != nil {
			errs = append(errs, fmt.Errorf("--window: %w", err))
		}
		windows = append(windows, window)
	}
	return windows, errors.Join(errs...)
}

func addReasonFlag(command *cobra.Command, reason *string) {
	command.Flags().StringVar(reason, "reason", "", "why, for those who will ask later; at most 200 bytes (required)")
}
