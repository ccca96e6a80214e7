package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"
	"go.temporal.io/sdk/client"

	"github.com/callvault/callvault/internal/program"
	"github.com/callvault/callvault/workflows"
)

func newSchedulePause() *cobra.Command {
	var botID string
	var reason workflows.BudgetChange
	command := &cobra.Command{
		Use:   "pause --bot BOT --reason REASON",
		Short: "Start no more days of a bot until the schedule is resumed",
		Long: "Start no more days of a bot until the schedule is resumed. Days that are under way go on.\n" +
			"Nothing is lost: the first start after the pause archives the days in between too, as far\n" +
			"as the vendor still has them.\n\n" +
			"Exit code: 0 paused, 1 the bot has no schedule, 2 wrong usage, 130 interrupted.\n\n" +
			"The same with the temporal CLI:\n  " + temporalSchedule("toggle", ` --pause --reason "the vendor asked us to"`),
		Example: "  " + exampleSchedule("pause --bot "+exampleBot+` --reason "the vendor asked us to"`),
		Args:    program.NoArguments,
	}
	output := addOutputFlag(command)
	addBotFlag(command, &botID)
	addReasonFlag(command, &reason.Reason)
	command.RunE = func(command *cobra.Command, _ []string) error {
		if err := errors.Join(workflows.ValidateBotID(botID), reason.Validate()); err != nil {
			return program.Usage(err)
		}
		return changeSchedule(command, botID, "paused", *output, func(ctx context.Context, schedule client.ScheduleHandle) error {
			return schedule.Pause(ctx, client.SchedulePauseOptions{Note: reason.Reason})
		})
	}
	return command
}

func newScheduleResume() *cobra.Command {
	var botID string
	var reason workflows.BatchChange
	command := &cobra.Command{
		Use:   "resume --bot BOT",
		Short: "Let a paused schedule go on",
		Long: "Let a paused schedule go on, at its next hour.\n\n" +
			"Exit code: 0 resumed, 1 the bot has no schedule, 2 wrong usage, 130 interrupted.\n\n" +
			"The same with the temporal CLI:\n  " + temporalSchedule("toggle", ` --unpause --reason "the vendor is ready again"`),
		Example: "  " + exampleSchedule("resume --bot "+exampleBot),
		Args:    program.NoArguments,
	}
	output := addOutputFlag(command)
	addBotFlag(command, &botID)
	command.Flags().StringVar(&reason.Reason, "reason", "", "why, for those who will ask; at most 200 bytes (default none)")
	command.RunE = func(command *cobra.Command, _ []string) error {
		if err := errors.Join(workflows.ValidateBotID(botID), reason.Validate()); err != nil {
			return program.Usage(err)
		}
		return changeSchedule(command, botID, "resumed", *output, func(ctx context.Context, schedule client.ScheduleHandle) error {
			return schedule.Unpause(ctx, client.ScheduleUnpauseOptions{Note: cmp.Or(reason.Reason, "Resumed.")})
		})
	}
	return command
}

// changeSchedule makes a change, and prints the schedule after it.
func changeSchedule(command *cobra.Command, botID, change string, output format, do func(context.Context, client.ScheduleHandle) error) error {
	return withSchedules(command, func(s schedules) error {
		ctx := command.Context()
		bounded, cancel := context.WithTimeout(ctx, scheduleTimeout)
		defer cancel()
		if err := do(bounded, s.handle(bounded, botID)); err != nil {
			return s.explain(ctx, botID, err)
		}
		shown, err := s.show(ctx, botID)
		switch {
		case err != nil:
			return err
		case output == formatJSON:
			return printJSON(command.OutOrStdout(), changedSchedule{change, shown})
		}
		_, err = io.WriteString(command.OutOrStdout(), changedScheduleText(change, shown))
		return err
	})
}

func newScheduleDelete() *cobra.Command {
	return ofSchedule(&cobra.Command{
		Use:   "delete --bot BOT",
		Short: "Start no more days of a bot, for good",
		Long: "Start no more days of a bot, for good. Days that are under way go on, and what is in the\n" +
			"archive stays.\n\n" +
			"Exit code: 0 deleted, 1 the bot has no schedule, 2 wrong usage, 130 interrupted.\n\n" +
			"The same with the temporal CLI:\n  " + temporalSchedule("delete", ""),
		Example: "  " + exampleSchedule("delete --bot "+exampleBot),
	}, func(command *cobra.Command, botID string, output format) error {
		return withSchedules(command, func(s schedules) error {
			ctx := command.Context()
			bounded, cancel := context.WithTimeout(ctx, scheduleTimeout)
			defer cancel()
			if err := s.handle(bounded, botID).Delete(bounded); err != nil {
				return s.explain(ctx, botID, err)
			}
			if output == formatJSON {
				return printJSON(command.OutOrStdout(), map[string]any{"botId": botID, "scheduleId": workflows.DaysScheduleID(botID), "deleted": true})
			}
			_, err := fmt.Fprintf(command.OutOrStdout(), "deleted: schedule %s; days that are under way go on\n", workflows.DaysScheduleID(botID))
			return err
		})
	})
}

// ofSchedule completes a command that needs the bot of a schedule alone.
func ofSchedule(command *cobra.Command, act func(command *cobra.Command, botID string, output format) error) *cobra.Command {
	var botID string
	command.Args = program.NoArguments
	output := addOutputFlag(command)
	addBotFlag(command, &botID)
	command.RunE = func(command *cobra.Command, _ []string) error {
		if err := workflows.ValidateBotID(botID); err != nil {
			return program.Usage(err)
		}
		return act(command, botID, *output)
	}
	return command
}
