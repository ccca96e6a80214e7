package cli

import (
	"errors"
	"fmt"
	"regexp"

	"github.com/spf13/cobra"

	"github.com/callvault/callvault/internal/program"
	"github.com/callvault/callvault/workflows"
)

func newBudget() *cobra.Command {
	command := &cobra.Command{
		Use:   "budget",
		Short: "Show and steer the call budgets",
		Long: "Show and steer the call budgets: how many calls of the vendor's API may be made.\n\n" +
			aboutBudgets + "\n\n" +
			"All of it also works with the temporal CLI: each command's help has its line.",
		Example: "  " + exampleBudget("show") + "\n  " + exampleBudget(`pause st-00000000-0000-0000-0000-000000000000 --reason "the vendor asked for it"`),
		Args:    program.NoArguments,
		RunE: func(command *cobra.Command, _ []string) error {
			command.SetOut(command.ErrOrStderr()) // stdout is for results
			_ = command.Help()
			return program.Usage(errors.New("no command: give one of the commands above"))
		},
	}
	command.AddCommand(newBudgetShow(), newBudgetPause(), newBudgetResume(), newBudgetSet())
	return command
}

// aboutBudgets is part of several help texts.
const aboutBudgets = "NAME is a bot's stream id or, if the bots of an account share one budget, the\n" +
	"account's name. A budget runs from the first fetch that needs a call."

func exampleBudget(rest string) string { return program.Command("starter") + " budget " + rest }

// temporalUpdate returns the line for the temporal CLI that sends an update to a budget.
func temporalUpdate(name, update, input string) string {
	return fmt.Sprintf("temporal workflow update execute --workflow-id %s --name %s --input '%s'", workflows.CallBudgetWorkflowID(name), update, input)
}

// budgetNamePattern takes every bot's stream id, also with the suffix of the session list,
// and every account's name.
var budgetNamePattern = regexp.MustCompile(`^[0-9A-Za-z][0-9A-Za-z._-]{0,75}$`)

func validateBudgetName(name string) error {
	if !budgetNamePattern.MatchString(name) {
		return fmt.Errorf("%.80q is not the name of a budget: give a bot's stream id or, if the bots of an account share one budget, the account's name", name)
	}
	return nil
}

// budgetNames refuses arguments that cannot be names of budgets.
func budgetNames(_ *cobra.Command, args []string) error {
	if err := validateBudgetNames(args); err != nil {
		return program.Usage(err)
	}
	return nil
}

// validateBudgetNames returns the faults of all names.
func validateBudgetNames(names []string) error {
	var errs []error
	for _, name := range names {
		errs = append(errs, validateBudgetName(name))
	}
	return errors.Join(errs...)
}
