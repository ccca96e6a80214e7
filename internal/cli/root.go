// Package cli is the command line that starts fetches and looks at them.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"

	"github.com/spf13/cobra"
	"go.temporal.io/sdk/client"

	"github.com/callvault/callvault/internal/temporalclient"
)

// The exit codes, which scripts rely on.
const (
	ExitDone        = 0
	ExitBadNews     = 1
	ExitUsage       = 2
	ExitInterrupted = 130
)

// usageError is a mistake in the arguments or the configuration.
type usageError struct{ error }

// badNews is an outcome that is not "archived"; it was printed already.
type badNews struct{ error }

// errInterrupted: the person at the terminal went away; the fetch goes on.
var errInterrupted = errors.New("interrupted")

// Run executes the command line and answers the exit code. Results go to
// stdout, everything else to stderr.
func Run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	command := newRoot(stdout, stderr)
	command.SetArgs(args)
	err := command.ExecuteContext(ctx)
	var usage *usageError
	var news *badNews
	switch {
	case err == nil:
		return ExitDone
	case errors.As(err, &news):
		return ExitBadNews
	case errors.As(err, &usage):
		fmt.Fprintln(stderr, "starter:", err)
		return ExitUsage
	case errors.Is(err, errInterrupted), ctx.Err() != nil:
		// Whatever was under way failed because the person went away.
		return ExitInterrupted
	default:
		fmt.Fprintln(stderr, "starter:", err)
		return ExitBadNews
	}
}

func newRoot(stdout, stderr io.Writer) *cobra.Command {
	root := &cobra.Command{
		Use:           "starter",
		Short:         "Start fetches of call recordings and look at them",
		Example:       "  starter fetch --bot st-fd81a2b1-43af-544d-8082-831bc09c0001 --session 65e7133a3242653c58d7aaaa --wait",
		SilenceErrors: true,
		SilenceUsage:  true,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return &usageError{fmt.Errorf("unknown command %q: see starter --help", args[0])}
			}
			return nil
		},
		RunE: func(command *cobra.Command, _ []string) error {
			command.SetOut(command.ErrOrStderr()) // stdout is for results
			_ = command.Help()
			return &usageError{errors.New("say what to do: one of the commands above")}
		},
	}
	root.SetOut(stdout)
	root.SetErr(stderr)
	root.SetFlagErrorFunc(func(command *cobra.Command, err error) error {
		return &usageError{fmt.Errorf("%w: see %s --help", err, command.CommandPath())}
	})
	root.CompletionOptions.DisableDefaultCmd = true
	root.AddCommand(newFetch(), newSetup())
	return root
}

// noArguments refuses arguments that are no flags.
func noArguments(command *cobra.Command, args []string) error {
	if len(args) > 0 {
		return &usageError{fmt.Errorf("unexpected argument %q: see %s --help", args[0], command.CommandPath())}
	}
	return nil
}

// connect dials Temporal with a logger that says only what a person at a
// terminal needs.
func connect(ctx context.Context, stderr io.Writer) (client.Client, string, error) {
	logger := slog.New(slog.NewTextHandler(stderr, &slog.HandlerOptions{Level: slog.LevelError}))
	c, namespace, err := temporalclient.Dial(ctx, logger)
	var unusable *temporalclient.ConfigError
	if errors.As(err, &unusable) {
		return nil, "", &usageError{err}
	}
	return c, namespace, err
}
