package cli

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/callvault/callvault/internal/program"
	"github.com/callvault/callvault/workflows"
)

func newBudgetShow() *cobra.Command {
	command := &cobra.Command{
		Use:   "show [NAME…]",
		Short: "Show call budgets: their windows, what waits, and what they have learned",
		Long: "Show call budgets, without a NAME all that are running.\n\n" +
			aboutBudgets + "\n\n" +
			"State: open, paused (by an operator), blocked (something needs operator action; one\n" +
			"call at a time finds out whether that is over) or stopped (the vendor refused a call\n" +
			"by rate, and its window has to free up).\n" +
			"Used: the calls within the window before the time of the numbers, which is that of\n" +
			"the last slot or change. Learned: the lower limit that the vendor's refusals show.\n\n" +
			"As JSON it is a list, also of one budget. Exit code: 0 shown, 1 one that was named\n" +
			"does not run or cannot be read, 2 wrong usage, 130 interrupted.\n\n" +
			"The same with the temporal CLI:\n" +
			"  temporal workflow list --query \"" + budgetsQuery + "\"\n" +
			"  temporal workflow query --workflow-id " + workflows.CallBudgetWorkflowID("NAME") + " --type " + workflows.QueryBudget,
		Example: "  " + exampleBudget("show") + "\n  " + exampleBudget("show st-00000000-0000-0000-0000-000000000000 --output json"),
		Args:    budgetNames,
	}
	output := addOutputFlag(command)
	command.RunE = func(command *cobra.Command, names []string) error {
		return withBudgets(command, func(b budgets) error {
			return showBudgets(command.Context(), b, names, *output, command.OutOrStdout(), command.ErrOrStderr())
		})
	}
	return command
}

// withBudgets connects for as long as act needs.
func withBudgets(command *cobra.Command, act func(budgets) error) error {
	c, namespace, err := connect(command.Context(), command.ErrOrStderr())
	if err != nil {
		return err
	}
	defer c.Close()
	return act(budgets{c, namespace})
}

func showBudgets(ctx context.Context, b budgets, names []string, output format, stdout, stderr io.Writer) error {
	all := len(names) == 0
	if all {
		var cut bool
		var err error
		if names, cut, err = b.running(ctx, maxBudgets); err != nil {
			return err
		}
		if cut {
			fmt.Fprintf(stderr, "More than %d budgets are running: only %d are shown. To see another one, name it.\n", maxBudgets, maxBudgets)
		}
	}
	statuses, failed := statusesOf(ctx, b, names)
	if errors.Is(failed, program.ErrInterrupted) {
		return failed
	}
	var err error
	switch {
	case output == formatJSON:
		err = printJSON(stdout, statuses)
	case all && len(names) == 0:
		_, err = fmt.Fprintf(stdout, "no budget is running in namespace %q: one begins with the first fetch that needs a call\n", b.namespace)
	default:
		_, err = io.WriteString(stdout, budgetsText(statuses))
	}
	return errors.Join(failed, err)
}

// statusesOf returns the states of budgets as far as they can be read. All wait for the
// same workers, so it does not ask the others once none responds.
func statusesOf(ctx context.Context, b budgets, names []string) ([]workflows.BudgetStatus, error) {
	statuses := []workflows.BudgetStatus{} // A list in JSON, even without budgets.
	var errs []error
	for _, name := range names {
		status, err := b.status(ctx, name)
		switch {
		case err == nil:
			statuses = append(statuses, status)
			continue
		case errors.Is(err, program.ErrInterrupted):
			return statuses, err
		}
		errs = append(errs, err)
		if errors.Is(err, errNoWorker) {
			break
		}
	}
	return statuses, errors.Join(errs...)
}
