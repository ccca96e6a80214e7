package cli

import (
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/callvault/callvault/workflows"
)

const exampleBot = "st-00000000-0000-0000-0000-000000000000"

// addDaysFlags adds the flags that say how days are archived. The returned function fills in
// what they say; a flag that is not given leaves the default to the workflow.
func addDaysFlags(command *cobra.Command) func(*workflows.DaysRequest) error {
	flags := command.Flags()
	settleAfter := flags.Duration("settle-after", 0, fmt.Sprintf("how long after a listing that had something new a day is listed again; it is sealed once nothing is new (default %s)", workflows.DefaultSettleAfter))
	atOnce := flags.Int("at-once", 0, fmt.Sprintf("days that are listed and fetched at a time, 1 to %d (default %d)", workflows.MaxDaysAtOnce, workflows.DefaultDaysAtOnce))
	priority := addPriorityFlag(command, fmt.Sprintf("of the fetches that wait for calls to the vendor (default %d)", workflows.BatchPriority))
	policy := addPolicyFlags(command)
	return func(request *workflows.DaysRequest) error {
		var errs [3]error
		if flags.Changed("settle-after") && *settleAfter <= 0 {
			errs[0] = fmt.Errorf("--settle-after %s is not positive: give a duration such as 48h, or leave the flag out", *settleAfter)
		}
		if flags.Changed("at-once") && *atOnce < 1 {
			errs[0] = errors.Join(errs[0], fmt.Errorf("--at-once %d is out of bounds: give 1 to %d, or leave the flag out", *atOnce, workflows.MaxDaysAtOnce))
		}
		request.SettleAfter, request.AtOnce = *settleAfter, *atOnce
		request.Priority, errs[1] = priority()
		request.Fetch, errs[2] = policy()
		return errors.Join(errs[:]...)
	}
}

func addBotFlag(command *cobra.Command, botID *string) {
	command.Flags().StringVar(botID, "bot", "", "the bot's stream id, st-… (required)")
}

// dayBefore returns the day before the one of a time, in UTC.
func dayBefore(now time.Time) string { return now.UTC().AddDate(0, 0, -1).Format(time.DateOnly) }
