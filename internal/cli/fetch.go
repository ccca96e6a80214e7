package cli

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"github.com/callvault/callvault/internal/program"
	"github.com/callvault/callvault/internal/searchattr"
	"github.com/callvault/callvault/workflows"
)

func newFetch() *cobra.Command {
	var request workflows.FetchRequest
	var wait, noCheck bool
	command := &cobra.Command{
		Use:   "fetch --bot BOT --session SESSION",
		Short: "Fetch the recording of one session into the archive",
		Long: "Fetch the recording of one session into the archive.\n\n" +
			"A session has one running fetch: starting it again attaches to it, and for a session\n" +
			"that was fetched before, the result is read from its manifest. With --refetch it is\n" +
			"fetched again, unless it is archived. Without --wait the command ends once the fetch is\n" +
			"started.\n\n" +
			"A bot that no worker serves is refused, so that a mistyped one is noticed at once. With\n" +
			"--no-check the fetch starts anyway, and waits as blocked until a worker serves the bot.\n" +
			"Attaching to a running fetch is never refused.\n\n" +
			"Exit code: 0 done, 1 the outcome is not archived or the fetch failed, 2 wrong usage,\ninput or configuration, 130 interrupted.",
		Example: "  " + exampleFetch(),
		Args:    program.NoArguments,
	}
	output := addOutputFlag(command)
	flags := command.Flags()
	flags.StringVar(&request.BotID, "bot", "", "the bot's stream id, st-… (required)")
	flags.StringVar(&request.SessionID, "session", "", "the session's 24 hexadecimal digits (required)")
	flags.StringVar(&request.UserID, "user", "", "the session's user, if the vendor requires it")
	flags.BoolVar(&wait, "wait", false, "wait for the outcome and show meanwhile what the fetch waits for")
	flags.BoolVar(&request.Refetch, "refetch", false, "fetch again what the manifest says is unavailable, failed, gave_up, damaged or lost_to_retention")
	flags.BoolVar(&noCheck, "no-check", false, "start the fetch even if no worker serves the bot")
	priority := addPriorityFlag(command, fmt.Sprintf("of the fetches that wait for calls to the vendor (default %d)", workflows.SinglePriority))
	policy := addPolicyFlags(command)
	command.RunE = func(command *cobra.Command, _ []string) error {
		var err error
		if request.Policy, err = policy(); err != nil {
			return program.Usage(err)
		}
		if request.Priority, err = priority(); err != nil {
			return program.Usage(err)
		}
		if err := request.Validate(); err != nil {
			return program.Usage(err)
		}
		return fetch(command, request, fetchOptions{*output, wait, noCheck})
	}
	return command
}

// exampleFetch is the command that the help shows. Its session id carries the
// time 1970, so it is refused with an error that says where to copy one.
func exampleFetch() string {
	return followCommand(workflows.Session{BotID: "st-00000000-0000-0000-0000-000000000000", SessionID: "000000000000000000000000"})
}

type fetchOptions struct {
	output        format
	wait, noCheck bool
}

func fetch(command *cobra.Command, request workflows.FetchRequest, options fetchOptions) error {
	ctx, stdout, stderr := command.Context(), command.OutOrStdout(), command.ErrOrStderr()
	c, namespace, err := connect(ctx, stderr)
	if err != nil {
		return err
	}
	defer c.Close()

	if !options.noCheck {
		if err := checkServed(ctx, c.WorkflowService(), namespace, request.Session, stderr); err != nil {
			return err
		}
	}
	run, err := start(ctx, c, namespace, request)
	if err != nil {
		return fmt.Errorf("start the fetch: %w", err)
	}
	if run.Attached {
		fmt.Fprintln(stderr, "This session is already being fetched: attached to that fetch. That fetch's options apply, not this command's.")
	}
	if !options.wait {
		return printStarted(stdout, options.output, run, namespace, request.Session)
	}
	result, err := waitFor(ctx, run, c, stderr)
	if errors.Is(err, program.ErrInterrupted) {
		fmt.Fprintf(stderr, "\nThe fetch continues in the background. To follow it again:\n  %s\n  temporal workflow show --namespace %s --workflow-id %s\n",
			followCommand(request.Session), namespace, run.WorkflowID())
	}
	if err != nil {
		return err
	}
	if err := printResult(stdout, options.output, result, request.UserID); err != nil {
		return err
	}
	if result.Outcome != workflows.OutcomeArchived {
		return fmt.Errorf("%w: %s", program.ErrReported, result.Outcome)
	}
	return nil
}

// start starts the fetch. On a namespace where no worker has run yet, it first
// registers the search attributes.
func start(ctx context.Context, c client.Client, namespace string, request workflows.FetchRequest) (*workflows.FetchRun, error) {
	run, err := workflows.StartFetch(ctx, c, request)
	if !searchattr.IsMissing(err) {
		return run, err
	}
	if _, err := searchattr.Register(ctx, c, namespace); err != nil {
		return nil, err
	}
	return workflows.StartFetch(ctx, c, request)
}

// followCommand returns the command that follows a session's fetch.
func followCommand(session workflows.Session) string {
	return fmt.Sprintf("%s fetch --bot %s --session %s --wait", program.Command("starter"), session.BotID, session.SessionID)
}

// waitFor shows what the fetch waits for until it ends or ctx does.
func waitFor(ctx context.Context, run *workflows.FetchRun, c client.Client, stderr io.Writer) (*workflows.FetchResult, error) {
	following, stop := context.WithCancel(ctx)
	followed := make(chan struct{})
	go func() {
		defer close(followed)
		follow(following, run, c, stderr)
	}()
	result, err := run.Result(ctx)
	stop()
	<-followed
	switch {
	case ctx.Err() != nil:
		return nil, program.ErrInterrupted
	case err != nil:
		return nil, failureText(err)
	}
	return result, nil
}

// failureText returns the failure of a workflow in its own words.
func failureText(err error) error {
	var failed *temporal.ApplicationError
	var canceled *temporal.CanceledError
	var terminated *temporal.TerminatedError
	switch {
	case errors.As(err, &failed) && failed.Type() == workflows.ErrorTypeInvalidInput:
		return program.Usage(errors.New(failed.Message()))
	case errors.As(err, &failed):
		return fmt.Errorf("the fetch failed: %s (%s)", failed.Message(), failed.Type())
	case errors.As(err, &canceled):
		return errors.New("the fetch was cancelled: it has no outcome; start it again to continue")
	case errors.As(err, &terminated):
		return errors.New("the fetch was terminated: it has no outcome; start it again to continue")
	default:
		return err
	}
}
