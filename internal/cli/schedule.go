package cli

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/callvault/callvault/internal/program"
	"github.com/callvault/callvault/workflows"
)

func newSchedule() *cobra.Command {
	command := &cobra.Command{
		Use:   "schedule",
		Short: "Archive every day of a bot, from one on",
		Long: "Archive every day of a bot, from one on: a schedule of Temporal starts once a day, and\n" +
			"each start asks for all days from the first to the day before it. Those that are sealed\n" +
			"cost next to nothing, so days for which there was no worker, or while the schedule was\n" +
			"paused, are archived by the next start.",
		Example: "  " + exampleSchedule("create --bot "+exampleBot) + "\n  " + exampleSchedule("list"),
		Args:    program.NoArguments,
		RunE: func(command *cobra.Command, _ []string) error {
			command.SetOut(command.ErrOrStderr()) // stdout is for results
			_ = command.Help()
			return program.Usage(errors.New("no command: give one of the commands above"))
		},
	}
	command.AddCommand(newScheduleCreate(), newScheduleList(), newScheduleTrigger(), newSchedulePause(), newScheduleResume(), newScheduleDelete())
	return command
}

func exampleSchedule(rest string) string { return program.Command("starter") + " schedule " + rest }

// temporalSchedule returns the line for the temporal CLI that does something to a bot's
// schedule.
func temporalSchedule(what, rest string) string {
	return fmt.Sprintf("temporal schedule %s --schedule-id %s%s", what, workflows.DaysScheduleID("st-…"), rest)
}
