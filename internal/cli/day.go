package cli

import (
	"errors"

	"github.com/spf13/cobra"

	"github.com/callvault/callvault/internal/program"
)

func newDay() *cobra.Command {
	command := &cobra.Command{
		Use:   "day",
		Short: "Show complete days, and archive those of the past",
		Long: "Show complete days, and archive those of the past. A day, in UTC, is complete once every\n" +
			"call that the vendor's two lists show has an outcome; then it is sealed: its record in the\n" +
			"archive says what became of each.\n\n" +
			"These commands read the worker's configuration (CALLVAULT_CONFIG or the SMARTASSIST_ and\n" +
			"S3_ variables), because the records are in the archive.",
		Example: "  " + exampleDay("show 2026-11-20 --bot "+exampleBot) + "\n  " + exampleDay("backfill --bot "+exampleBot+" --since-retention"),
		Args:    program.NoArguments,
		RunE: func(command *cobra.Command, _ []string) error {
			command.SetOut(command.ErrOrStderr()) // stdout is for results
			_ = command.Help()
			return program.Usage(errors.New("no command: give one of the commands above"))
		},
	}
	command.AddCommand(newDayShow(), newDayBackfill(), newDayList())
	return command
}

func exampleDay(rest string) string { return program.Command("starter") + " day " + rest }
