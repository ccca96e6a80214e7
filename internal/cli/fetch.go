package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"github.com/callvault/callvault/workflows"
)

func newFetch() *cobra.Command {
	var request workflows.FetchRequest
	var wait bool
	command := &cobra.Command{
		Use:   "fetch --bot BOT --session SESSION",
		Short: "Fetch the recording of one session into the archive",
		Long: "Fetch the recording of one session into the archive.\n\n" +
			"A session has one running fetch: starting it again attaches to it, and a session\n" +
			"that was fetched before is answered from its manifest. Without --wait the command\n" +
			"ends once the fetch is started.\n\n" +
			"Exit code: 0 done, 1 bad news, 2 wrong usage or configuration, 130 interrupted.",
		Example: "  starter fetch --bot st-fd81a2b1-43af-544d-8082-831bc09c0001 --session 65e7133a3242653c58d7aaaa --wait",
		Args:    noArguments,
	}
	output := addOutputFlag(command)
	flags := command.Flags()
	flags.StringVar(&request.BotID, "bot", "", "the bot's stream id, st-… (required)")
	flags.StringVar(&request.SessionID, "session", "", "the session's 24 hexadecimal digits (required)")
	flags.StringVar(&request.UserID, "user", "", "the session's user, if the upstream wants it")
	flags.BoolVar(&wait, "wait", false, "wait for the outcome and show meanwhile what the fetch waits for")
	policy := addPolicyFlags(command)
	command.RunE = func(command *cobra.Command, _ []string) error {
		var err error
		if request.Policy, err = policy(); err != nil {
			return &usageError{err}
		}
		if err := request.Validate(); err != nil {
			return &usageError{err}
		}
		return fetch(command, request, *output, wait)
	}
	return command
}

// addPolicyFlags adds the flags of a policy. The returned function answers
// what they say; a flag that is not given leaves the default to the workflow.
func addPolicyFlags(command *cobra.Command) func() (workflows.Policy, error) {
	var policy workflows.Policy
	var partialMaxRetries int
	defaults := workflows.DefaultPolicy()
	flags := command.Flags()
	durations := map[string]*time.Duration{
		"poll-min":            &policy.PollMin,
		"poll-max":            &policy.PollMax,
		"partial-retry-after": &policy.PartialRetryAfter,
		"give-up-after":       &policy.GiveUpAfter,
	}
	flags.DurationVar(&policy.PollMin, "poll-min", 0, fmt.Sprintf("first wait for a call or media in progress (default %s)", defaults.PollMin))
	flags.DurationVar(&policy.PollMax, "poll-max", 0, fmt.Sprintf("longest wait between two looks (default %s)", defaults.PollMax))
	flags.DurationVar(&policy.PartialRetryAfter, "partial-retry-after", 0, fmt.Sprintf("wait after partial_* (default %s)", defaults.PartialRetryAfter))
	flags.IntVar(&partialMaxRetries, "partial-max-retries", 0, fmt.Sprintf("retries after partial_* (default %d)", *defaults.PartialMaxRetries))
	flags.DurationVar(&policy.GiveUpAfter, "give-up-after", 0, fmt.Sprintf("longest time over all (default %s)", defaults.GiveUpAfter))
	return func() (workflows.Policy, error) {
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

// started is what a fetch without --wait answers.
type started struct {
	WorkflowID string `json:"workflowId"`
	RunID      string `json:"runId"`
	Namespace  string `json:"namespace"`

	// Attached tells that the fetch was running already.
	Attached bool `json:"attached"`
}

// start starts the fetch, or attaches to the one that the session has running.
func start(ctx context.Context, c client.Client, request workflows.FetchRequest) (run client.WorkflowRun, attached bool, err error) {
	options := workflows.StartOptions(request)
	options.WorkflowIDConflictPolicy = enumspb.WORKFLOW_ID_CONFLICT_POLICY_FAIL
	options.WorkflowExecutionErrorWhenAlreadyStarted = true
	run, err = c.ExecuteWorkflow(ctx, options, workflows.FetchRecordingWorkflowName, request)
	var running *serviceerror.WorkflowExecutionAlreadyStarted
	if errors.As(err, &running) {
		return c.GetWorkflow(ctx, options.ID, running.RunId), true, nil
	}
	return run, false, err
}

func fetch(command *cobra.Command, request workflows.FetchRequest, output format, wait bool) error {
	ctx, stdout, stderr := command.Context(), command.OutOrStdout(), command.ErrOrStderr()
	c, namespace, err := connect(ctx, stderr)
	if err != nil {
		return err
	}
	defer c.Close()

	run, attached, err := start(ctx, c, request)
	if err != nil {
		return fmt.Errorf("start the fetch: %w%s", err, startHint(err))
	}
	if attached {
		fmt.Fprintln(stderr, "A fetch of this session is running already: attached to it. Its own policy holds, not this command's.")
	}
	if !wait {
		if output == formatJSON {
			return printJSON(stdout, started{run.GetID(), run.GetRunID(), namespace, attached})
		}
		_, err := fmt.Fprintf(stdout, "started %s\n  run %s\n  look at it: %s\n", run.GetID(), run.GetRunID(), lookAgain(request))
		return err
	}
	result, err := waitFor(ctx, c, run, stderr)
	if errors.Is(err, errInterrupted) {
		fmt.Fprintf(stderr, "\nThe fetch goes on without you. Look at it again:\n  %s\n  temporal workflow show --namespace %s --workflow-id %s\n",
			lookAgain(request), namespace, run.GetID())
		return err
	}
	if err != nil {
		return err
	}
	if output == formatJSON {
		err = printJSON(stdout, result)
	} else {
		printResult(stdout, result)
	}
	if err == nil && result.Outcome != workflows.OutcomeArchived {
		err = &badNews{errors.New(string(result.Outcome))}
	}
	return err
}

func lookAgain(request workflows.FetchRequest) string {
	return fmt.Sprintf("go run ./starter fetch --bot %s --session %s --wait", request.BotID, request.SessionID)
}

func startHint(err error) string {
	if isUnknownAttribute(err) {
		return `: register callvault's search attributes with "go run ./starter setup"`
	}
	return ""
}

// waitFor shows what the fetch waits for until it ends or ctx does.
func waitFor(ctx context.Context, c client.Client, run client.WorkflowRun, stderr io.Writer) (*workflows.FetchResult, error) {
	watching, stopWatching := context.WithCancel(ctx)
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		watch(watching, c, run, stderr)
	}()
	var result workflows.FetchResult
	err := run.Get(ctx, &result)
	stopWatching()
	<-watched
	if ctx.Err() != nil {
		return nil, errInterrupted
	}
	if err != nil {
		return nil, failureText(err)
	}
	return &result, nil
}

// failureText is a failed workflow in its own words.
func failureText(err error) error {
	var applicationError *temporal.ApplicationError
	var canceled *temporal.CanceledError
	var terminated *temporal.TerminatedError
	switch {
	case errors.As(err, &applicationError) && isUsage(applicationError.Type()):
		return &usageError{errors.New(applicationError.Message())}
	case errors.As(err, &applicationError):
		return fmt.Errorf("the fetch failed: %s (%s)", applicationError.Message(), applicationError.Type())
	case errors.As(err, &canceled):
		return errors.New("the fetch was cancelled: it has no outcome; start it again to go on")
	case errors.As(err, &terminated):
		return errors.New("the fetch was terminated: it has no outcome; start it again to go on")
	default:
		return err
	}
}

func isUsage(errorType string) bool {
	return errorType == workflows.ErrorTypeInvalidInput || errorType == workflows.ErrorTypeBotNotServed
}
