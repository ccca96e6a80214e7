package cli

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/callvault/callvault/internal/program"
	"github.com/callvault/callvault/internal/shortlist"
	"github.com/callvault/callvault/workflows"
)

// maxReportedBudgets bounds how many budgets the summary of a change names in each list.
const maxReportedBudgets = 100

func addAllFlag(command *cobra.Command) *bool {
	return command.Flags().Bool("all", false, "change all budgets that are running, but none that begins later")
}

// validateChanged returns all faults in what a command is to change: either names or
// all budgets.
func validateChanged(command *cobra.Command, names []string, all bool) error {
	var err error
	switch {
	case all && len(names) > 0:
		err = errors.New("NAME and --all exclude each other: leave one of them out")
	case !all && len(names) == 0:
		err = fmt.Errorf("no budget is named: give its NAME, or --all: see %s --help", command.CommandPath())
	}
	return errors.Join(err, validateBudgetNames(names))
}

// changeBudgets sends a change to budgets and prints their states after it.
func changeBudgets(command *cobra.Command, names []string, all bool, update string, change any, output format) error {
	return withBudgets(command, func(b budgets) error {
		ctx, stdout, stderr := command.Context(), command.OutOrStdout(), command.ErrOrStderr()
		names, err := b.toChange(ctx, names, all)
		if err != nil {
			return err
		}
		made := b.changeEach(ctx, names, update, change, stderr)
		if made.interrupted != "" {
			fmt.Fprint(stderr, interruptedText(made, len(names)))
			return program.ErrInterrupted
		}
		// Printed when all is done: a reader that goes away must not end the changes.
		if output == formatJSON {
			err = printJSON(stdout, made.statuses)
		} else {
			_, err = io.WriteString(stdout, budgetsText(made.statuses))
		}
		return errors.Join(failedChanges(made, len(names)), err)
	})
}

// toChange returns the names of the budgets to change: those given, each once, or those
// of all that run. More than maxChangedBudgets of these are an error, so that nobody
// takes a part for all.
func (b budgets) toChange(ctx context.Context, names []string, all bool) ([]string, error) {
	if !all {
		return eachOnce(names), nil
	}
	running, cut, err := b.running(ctx, maxChangedBudgets)
	switch {
	case err != nil:
		return nil, err
	case cut:
		return nil, fmt.Errorf("more than %d budgets are running in namespace %q, too many for --all: nothing is changed: name them", maxChangedBudgets, b.namespace)
	case len(running) == 0:
		return nil, fmt.Errorf("no budget is running in namespace %q: nothing is changed: one begins with the first fetch that needs a call", b.namespace)
	}
	return running, nil
}

// eachOnce returns the names without repetitions, in order.
func eachOnce(names []string) []string {
	var once []string
	seen := make(map[string]bool)
	for _, name := range names {
		if !seen[name] {
			once = append(once, name)
		}
		seen[name] = true
	}
	return once
}

// changesMade says what became of a change of several budgets.
type changesMade struct {
	statuses                []workflows.BudgetStatus // those of changed
	changed, failed, unsent []string
	causes                  []error // those of failed
	interrupted             string  // whose change was under way at an interruption
}

// changeEach sends a change to budgets, one after another. A failure does not stop the
// others: a timeout of one does not prove that all would fail. As all timeouts may take
// long, stderr gets the cause of each of several at once.
func (b budgets) changeEach(ctx context.Context, names []string, update string, change any, stderr io.Writer) changesMade {
	made := changesMade{statuses: []workflows.BudgetStatus{}} // A list in JSON, even without budgets.
	for i, name := range names {
		status, err := b.change(ctx, name, update, change)
		switch {
		case err == nil:
			made.statuses = append(made.statuses, status)
			made.changed = append(made.changed, name)
		case errors.Is(err, program.ErrInterrupted):
			made.interrupted, made.unsent = name, names[i+1:]
			return made
		default:
			made.failed, made.causes = append(made.failed, name), append(made.causes, err)
			if len(names) > 1 {
				fmt.Fprintln(stderr, err)
			}
		}
	}
	return made
}

// failedChanges returns the cause if a change of only one budget failed. Of several it
// names those where it failed and those that were changed.
func failedChanges(made changesMade, total int) error {
	switch {
	case len(made.failed) == 0:
		return nil
	case total == 1:
		return made.causes[0]
	}
	return fmt.Errorf("changes failed: %s; made: %s", namesText(made.failed), namesText(made.changed))
}

// interruptedText says what is known of each of so many changes after an interruption.
func interruptedText(made changesMade, total int) string {
	text := fmt.Sprintf("\nThe change may be made all the same. To see whether it was:\n  %s\n", exampleBudget("show "+made.interrupted))
	if total > 1 {
		text += fmt.Sprintf("Changes failed: %s; made: %s; not sent: %s\n", namesText(made.failed), namesText(made.changed), namesText(made.unsent))
	}
	return text
}

func namesText(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return shortlist.Of(names, maxReportedBudgets)
}
