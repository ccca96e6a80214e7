package cli

import (
	"context"

	"github.com/spf13/cobra"
	"go.temporal.io/sdk/client"
)

// triggered is the change that schedule trigger prints.
const triggered = "triggered"

func newScheduleTrigger() *cobra.Command {
	return ofSchedule(&cobra.Command{
		Use:   "trigger --bot BOT",
		Short: "Start the days of a bot now, as the schedule does once a day",
		Long: "Start the days of a bot now, as the schedule does once a day, even if it is paused. An\n" +
			"earlier start that is still running goes on, and no second one begins.\n\n" +
			"Exit code: 0 triggered, 1 the bot has no schedule, 2 wrong usage, 130 interrupted.\n\n" +
			"The same with the temporal CLI:\n  " + temporalSchedule("trigger", ""),
		Example: "  " + exampleSchedule("trigger --bot "+exampleBot),
	}, func(command *cobra.Command, botID string, output format) error {
		return changeSchedule(command, botID, triggered, output, func(ctx context.Context, schedule client.ScheduleHandle) error {
			return schedule.Trigger(ctx, client.ScheduleTriggerOptions{})
		})
	})
}
