package cli

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/callvault/callvault/internal/oneline"
	"github.com/callvault/callvault/internal/program"
	"github.com/callvault/callvault/workflows"
)

// scheduleCreate are the options of schedule create.
type scheduleCreate struct {
	schedule                   workflows.DaysSchedule
	hasFrom, replace, noChecks bool
	output                     format
}

func newScheduleCreate() *cobra.Command {
	var options scheduleCreate
	command := &cobra.Command{
		Use:   "create --bot BOT",
		Short: "Archive every day of a bot, from yesterday or another day on",
		Long: "Archive every day of a bot, from yesterday or another day on. The schedule starts once a\n" +
			"day at --hour in UTC; the minute follows from the bot's id, so that many bots do not\n" +
			"start at once. A day is listed, its calls are fetched, and it is listed again until\n" +
			"nothing is new; then it is sealed.\n\n" +
			"A bot has one schedule. Creating the same one again changes nothing; another one is\n" +
			"refused, unless --replace is given. Without --from that keeps the first day. A paused\n" +
			"schedule stays paused. Days that are under way keep the options with which they began.\n\n" +
			"A bot that no worker serves is refused, so that a mistyped one is noticed at once. With\n" +
			"--no-check the schedule is created anyway, and its days wait until a worker serves it.\n\n" +
			"Exit code: 0 created, replaced or there already, 1 it cannot be created, 2 wrong usage\n" +
			"or there is another one, 130 interrupted.",
		Example: "  " + exampleSchedule("create --bot "+exampleBot) + "\n  " + exampleSchedule("create --bot "+exampleBot+" --hour 22 --from 2026-09-01 --replace"),
		Args:    program.NoArguments,
	}
	output := addOutputFlag(command)
	request := &options.schedule.Request
	addBotFlag(command, &request.BotID)
	flags := command.Flags()
	flags.IntVar(&options.schedule.Hour, "hour", workflows.DefaultScheduleHour, fmt.Sprintf("of each start, in UTC: 0 to %d", workflows.LastScheduleHour))
	flags.StringVar(&request.From, "from", "", "the first day, in UTC, such as 2026-09-01 (default yesterday)")
	flags.BoolVar(&options.replace, "replace", false, "change the schedule that the bot has")
	flags.BoolVar(&options.noChecks, "no-check", false, "create the schedule even if no worker serves the bot")
	days := addDaysFlags(command)
	command.RunE = func(command *cobra.Command, _ []string) error {
		now := time.Now()
		options.output, options.hasFrom = *output, flags.Changed("from")
		if !options.hasFrom {
			request.From = dayBefore(now)
		}
		if err := errors.Join(days(request), options.schedule.ValidateAt(now)); err != nil {
			return program.Usage(err)
		}
		return withSchedules(command, func(s schedules) error { return createSchedule(command, s, options) })
	}
	return command
}

func createSchedule(command *cobra.Command, s schedules, options scheduleCreate) error {
	ctx, stdout, stderr := command.Context(), command.OutOrStdout(), command.ErrOrStderr()
	botID := options.schedule.Request.BotID
	if !options.noChecks {
		if err := s.checkServed(ctx, botID, stderr); err != nil {
			return err
		}
	}
	change, err := s.put(ctx, options)
	if err != nil {
		return interruptedOr(ctx, err)
	}
	shown, err := s.show(ctx, botID)
	if err != nil {
		return interruptedOr(ctx, fmt.Errorf("the schedule is %s, but cannot be shown: %w", change, err))
	}
	if options.output == formatJSON {
		return printJSON(stdout, changedSchedule{change, shown})
	}
	_, err = io.WriteString(stdout, changedScheduleText(change, shown))
	return err
}

// changedSchedule is what the commands print that change a schedule.
type changedSchedule struct {
	// Change is "created", "replaced", "unchanged", "triggered", "paused" or "resumed".
	Change string `json:"change"`
	listedSchedule
}

func changedScheduleText(change string, s listedSchedule) string {
	text := fmt.Sprintf("%s: schedule %s archives each day of %s from %s on, every day at %s\n", change, s.ScheduleID, s.BotID, s.From, s.at())
	if s.Paused {
		text += fmt.Sprintf("  paused: %s\n  to go on: %s\n", oneline.Of(s.Note), exampleSchedule("resume --bot "+s.BotID))
	} else if len(s.NextRuns) > 0 {
		text += fmt.Sprintf("  next start %s", minute(s.NextRuns[0]))
		if change != triggered {
			text += "; to start at once: " + exampleSchedule("trigger --bot "+s.BotID)
		}
		text += "\n"
	}
	return text + fmt.Sprintf("  to see what became of a day: %s\n", exampleDay("show "+s.From+" --bot "+s.BotID))
}
