// Command dev runs the whole of callvault on a machine that has nothing but
// Go: for trying it out, and as the servers of a developer's own worker.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/callvault/callvault/dev/internal/datadir"
	"github.com/callvault/callvault/dev/internal/demo"
	"github.com/callvault/callvault/dev/internal/stack"
	"github.com/callvault/callvault/internal/simulator"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // A second signal ends the process at once.
	err := newCommand().ExecuteContext(ctx)
	var usage *usageError
	switch {
	case ctx.Err() != nil:
		if err != nil && !errors.Is(err, context.Canceled) {
			fmt.Fprintln(os.Stderr, "dev:", err)
		}
		os.Exit(130)
	case errors.As(err, &usage):
		fmt.Fprintln(os.Stderr, "dev:", err)
		os.Exit(2)
	case err != nil:
		fmt.Fprintln(os.Stderr, "dev:", err)
		os.Exit(1)
	}
}

type usageError struct{ error }

func newCommand() *cobra.Command {
	var folder string
	var keep bool
	root := &cobra.Command{
		Use:   "dev",
		Short: "Run the whole of callvault on this machine, demonstration included",
		Long: "Run the whole of callvault on this machine: a Temporal server with its Web UI, an S3\n" +
			"store, a stand-in of SmartAssist and a worker, all on 127.0.0.1 and in one process.",
		Example:       "  go run ./dev            the demonstration\n  go run ./dev --keep     the same, and stay up to be looked at\n  go run ./dev up         the servers alone",
		Args:          noArguments,
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.PersistentFlags().StringVar(&folder, "data", datadir.Default, "folder that keeps everything")
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return &usageError{fmt.Errorf("%w: see dev --help", err)} })
	runDemo := func(command *cobra.Command, _ []string) error {
		return withStack(command.Context(), folder, demo.Upstream(), func(ctx context.Context, s *stack.Stack, data *datadir.Dir) error {
			return demo.Run(ctx, s, data, command.OutOrStdout(), keep)
		})
	}
	show := &cobra.Command{Use: "demo", Short: "Fetch recordings in every state and show how they end", Args: noArguments, RunE: runDemo}
	for _, command := range []*cobra.Command{root, show} {
		command.Flags().BoolVar(&keep, "keep", false, "stay up after the demonstration")
	}
	root.RunE = runDemo
	servers := &cobra.Command{
		Use:     "up",
		Short:   "Start the servers alone and print the environment that points worker, starter and temporal at them",
		Example: "  go run ./dev up > dev.env     then, in other terminals: . ./dev.env && go run ./worker",
		Args:    noArguments,
		RunE: func(command *cobra.Command, _ []string) error {
			return withStack(command.Context(), folder, simulator.Config{EnforceJTI: true}, func(ctx context.Context, s *stack.Stack, _ *datadir.Dir) error {
				return up(ctx, s, command.OutOrStdout(), command.ErrOrStderr())
			})
		},
	}
	root.AddCommand(show, servers)
	return root
}

func noArguments(_ *cobra.Command, args []string) error {
	if len(args) > 0 {
		return &usageError{fmt.Errorf("unknown command %q: see dev --help", args[0])}
	}
	return nil
}

// withStack starts the servers over the data folder, runs act and stops them.
func withStack(ctx context.Context, folder string, upstream simulator.Config, act func(context.Context, *stack.Stack, *datadir.Dir) error) (err error) {
	data, err := datadir.Open(folder)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, data.Close()) }()
	s, err := stack.Start(ctx, stack.Options{Data: data, Upstream: upstream})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Stop()) }()
	return act(ctx, s, data)
}

// up prints the environment to stdout and everything else, for people, to
// stderr, and stays until ctx ends.
func up(ctx context.Context, s *stack.Stack, stdout, stderr io.Writer) error {
	entries, err := s.AddSessions()
	if err != nil {
		return err
	}
	if err := s.PrintEnvironment(stdout); err != nil {
		return err
	}
	policy := stack.Policy()
	fmt.Fprintf(stderr, "\nThe servers are up until Ctrl-C. Web UI: %s\n", s.Temporal.UIURL())
	fmt.Fprintf(stderr, "With the lines above in another terminal's environment:\n  go run ./worker\n  go run ./starter fetch --bot %s --session %s --wait --poll-min %s --poll-max %s --partial-retry-after %s\n\nThe stand-in's sessions:\n",
		entries[0].Session.BotID, entries[0].Session.SessionID, policy.PollMin, policy.PollMax, policy.PartialRetryAfter)
	for _, entry := range entries {
		fmt.Fprintf(stderr, "  %s  %s\n", entry.Session.SessionID, entry.Description)
	}
	return s.Failed(ctx)
}
