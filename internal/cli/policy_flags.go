package cli

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/callvault/callvault/workflows"
)

// addPolicyFlags adds the flags of a policy. The returned function returns
// what they say; a flag that is not given leaves the default to the workflow.
func addPolicyFlags(command *cobra.Command) func() (workflows.FetchPolicy, error) {
	var policy workflows.FetchPolicy
	var partialMaxRetries int
	defaults := workflows.DefaultFetchPolicy()
	flags := command.Flags()
	durations := map[string]*time.Duration{
		"poll-min":                  &policy.PollMin,
		"poll-max":                  &policy.PollMax,
		"partial-retry-after":       &policy.PartialRetryAfter,
		"unavailable-settles-after": &policy.UnavailableSettlesAfter,
		"give-up-after":             &policy.GiveUpAfter,
	}
	flags.DurationVar(&policy.PollMin, "poll-min", 0, fmt.Sprintf("first wait for a call or media in progress (default %s)", defaults.PollMin))
	flags.DurationVar(&policy.PollMax, "poll-max", 0, fmt.Sprintf("longest wait between two checks in a call's first 3 hours, later up to 48 times that, but no more than a day (default %s)", defaults.PollMax))
	flags.DurationVar(&policy.PartialRetryAfter, "partial-retry-after", 0, fmt.Sprintf("wait after partial_* (default %s)", defaults.PartialRetryAfter))
	flags.IntVar(&partialMaxRetries, "partial-max-retries", 0, fmt.Sprintf("retries after partial_* (default %d)", *defaults.PartialMaxRetries))
	flags.DurationVar(&policy.UnavailableSettlesAfter, "unavailable-settles-after", 0, fmt.Sprintf("age of a call at which media_unavailable is final (default %s)", defaults.UnavailableSettlesAfter))
	flags.DurationVar(&policy.GiveUpAfter, "give-up-after", 0, fmt.Sprintf("longest time in all, not counting that of being blocked (default %s)", defaults.GiveUpAfter))
	return func() (workflows.FetchPolicy, error) {
		for name, value := range durations {
			if flags.Changed(name) && *value <= 0 {
				return policy, fmt.Errorf("--%s %s is not positive: give a duration such as 90s or 24h, or leave the flag out", name, *value)
			}
		}
		if flags.Changed("partial-max-retries") {
			policy.PartialMaxRetries = &partialMaxRetries
		}
		return policy, nil
	}
}
