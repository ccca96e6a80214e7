package cli

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/callvault/callvault/internal/config"
	"github.com/callvault/callvault/internal/program"
	"github.com/callvault/callvault/internal/temporalclient"
)

func newConfig() *cobra.Command {
	command := &cobra.Command{
		Use:     "config",
		Short:   "Check the configuration of a worker",
		Example: "  " + exampleConfigCheck(),
		Args:    program.NoArguments,
		RunE: func(command *cobra.Command, _ []string) error {
			command.SetOut(command.ErrOrStderr()) // stdout is for results
			_ = command.Help()
			return program.Usage(errors.New("no command: give one of the commands above"))
		},
	}
	command.AddCommand(newConfigCheck())
	return command
}

func exampleConfigCheck() string {
	return "CALLVAULT_CONFIG=accounts.yaml " + program.Command("starter") + " config check"
}

func newConfigCheck() *cobra.Command {
	command := &cobra.Command{
		Use:   "check",
		Short: "Validate the configuration and print what is in use",
		Long: "Validate the configuration of a worker, as CALLVAULT_CONFIG or the variables\nsay it, and print what is in use, defaults included. A secret is printed as\n" +
			"where it comes from. What is printed as text is a configuration file.\n\n" +
			"It reads the secrets and connects to nothing. What is valid but easily\nregretted is a warning on stderr. Exit codes: 0 valid, 2 not valid, with all\nerrors.",
		Example: "  " + exampleConfigCheck(),
		Args:    program.NoArguments,
	}
	output := addOutputFlag(command)
	command.RunE = func(command *cobra.Command, _ []string) error {
		checked, err := config.FromEnvironment()
		if err := errors.Join(err, temporalclient.CheckEnvironment()); err != nil {
			return program.Usage(err)
		}
		for _, warning := range checked.Warnings() {
			if _, err := fmt.Fprintf(command.ErrOrStderr(), "warning: %s\n", warning); err != nil {
				return err
			}
		}
		stdout := command.OutOrStdout()
		if *output == formatJSON {
			return printJSON(stdout, checked.Effective())
		}
		file, err := checked.Effective().YAML()
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(stdout, "# The configuration is valid. In use are, with all defaults:\n%s", file)
		return err
	}
	return command
}
