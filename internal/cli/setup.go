package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/callvault/callvault/internal/program"
	"github.com/callvault/callvault/internal/searchattr"
)

func newSetup() *cobra.Command {
	command := &cobra.Command{
		Use:   "setup",
		Short: "Register callvault's search attributes in the Temporal namespace",
		Long: "Register callvault's search attributes in the Temporal namespace, and print the views\n" +
			"for its Web UI: the queries by which people find what needs an operator, fetches,\n" +
			"batches, days and call budgets. With " + webUIVariable + ", such as http://localhost:8233,\n" +
			"they are links; docs/web-ui.md says more.\n\n" +
			"The worker and fetch register them too if they may. Running it again does no harm.",
		Example: "  TEMPORAL_ADDRESS=localhost:7233 " + program.Command("starter") + " setup",
		Args:    program.NoArguments,
	}
	output := addOutputFlag(command)
	command.RunE = func(command *cobra.Command, _ []string) error {
		ctx, stdout := command.Context(), command.OutOrStdout()
		ui, err := webUIFromEnvironment()
		if err != nil {
			return err
		}
		c, name, err := connect(ctx, command.ErrOrStderr())
		if err != nil {
			return err
		}
		defer c.Close()
		added, err := searchattr.Register(ctx, c, name)
		if err != nil {
			return err
		}
		switch {
		case *output == formatJSON:
			return printJSON(stdout, map[string]any{"namespace": name, "registered": append([]string{}, added...), "views": views(ui, name)})
		case len(added) == 0:
			_, err = fmt.Fprintf(stdout, "namespace %q has all of callvault's search attributes\n", name)
		default:
			_, err = fmt.Fprintf(stdout, "registered in namespace %q: %s\n", name, strings.Join(added, ", "))
		}
		if err != nil {
			return err
		}
		return printViews(stdout, views(ui, name))
	}
	return command
}
