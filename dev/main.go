// Command dev runs the whole of callvault on a machine that has nothing but
// Go: for trying it out, and as the servers of a developer's own worker.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/log"

	"github.com/callvault/callvault/dev/internal/datadir"
	"github.com/callvault/callvault/dev/internal/demo"
	"github.com/callvault/callvault/dev/internal/stack"
	"github.com/callvault/callvault/internal/program"
	"github.com/callvault/callvault/internal/searchattr"
	"github.com/callvault/callvault/internal/simulator"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // A second signal ends the process at once.
	err := newCommand().ExecuteContext(ctx)
	if ctx.Err() != nil {
		if err != nil && !errors.Is(err, context.Canceled) {
			fmt.Fprintln(os.Stderr, "dev:", err)
		}
		err = program.ErrInterrupted
	}
	os.Exit(program.Exit(ctx, "dev", err, os.Stderr))
}

func newCommand() *cobra.Command {
	var folder string
	var keep bool
	root := program.SetUp(&cobra.Command{
		Use:   "dev",
		Short: "Run the whole of callvault on this machine, demonstration included",
		Long: "Run the whole of callvault on this machine: a Temporal server with its Web UI, an S3\n" +
			"store, a SmartAssist simulator and a worker, all on 127.0.0.1 and in one process.",
		Example: "  go run ./dev            the demonstration\n  go run ./dev --keep     the same, and keep the servers and the Web UI\n  go run ./dev up         the servers alone",
		Args:    program.NoArguments,
	})
	root.PersistentFlags().StringVar(&folder, "data", datadir.Default, "folder of all data")
	runDemo := func(command *cobra.Command, _ []string) error {
		return withStack(command.Context(), folder, demo.Upstream(), func(ctx context.Context, s *stack.Stack, data *datadir.Dir) error {
			return demo.Run(ctx, s, data, command.OutOrStdout(), keep)
		})
	}
	show := &cobra.Command{Use: "demo", Short: "Fetch recordings in every state and show their outcomes", Args: program.NoArguments, RunE: runDemo}
	for _, command := range []*cobra.Command{root, show} {
		command.Flags().BoolVar(&keep, "keep", false, "stay up after the demonstration")
	}
	root.RunE = runDemo
	servers := &cobra.Command{
		Use:     "up",
		Short:   "Start the servers alone and print the environment that points worker, starter and temporal at them",
		Example: "  go run ./dev up > dev.env     then, in other terminals: . ./dev.env && go run ./worker",
		Args:    program.NoArguments,
		RunE: func(command *cobra.Command, _ []string) error {
			return withStack(command.Context(), folder, simulator.Config{EnforceJTI: true}, func(ctx context.Context, s *stack.Stack, _ *datadir.Dir) error {
				return up(ctx, s, command.OutOrStdout(), command.ErrOrStderr())
			})
		},
	}
	root.AddCommand(show, servers)
	return root
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

// up prints the environment to stdout and everything else, for users, to
// stderr, and stays until ctx ends.
func up(ctx context.Context, s *stack.Stack, stdout, stderr io.Writer) error {
	if err := register(ctx, s); err != nil {
		return err
	}
	entries, err := s.AddSessions(stack.UpTime)
	if err != nil {
		return err
	}
	if err := s.PrintEnvironment(stdout); err != nil {
		return err
	}
	policy := stack.Policy()
	fmt.Fprintf(stderr, "\nThe servers are up until Ctrl-C. Web UI: %s\n", s.Temporal.UIURL())
	fmt.Fprintf(stderr, "With the lines above in another terminal's environment:\n  go run ./worker\n  go run ./starter fetch --bot %s --session %s --wait --poll-min %s --poll-max %s --partial-retry-after %s\n\n",
		entries[0].Session.BotID, entries[0].Session.SessionID, policy.PollMin, policy.PollMax, policy.PartialRetryAfter)
	fmt.Fprintln(stderr, "The simulator's sessions (one that was fetched before is found in the archive; --data with a new folder starts over):")
	for _, entry := range entries {
		fmt.Fprintf(stderr, "  %s  %s\n", entry.Session.SessionID, entry.Description)
	}
	return s.Failed(ctx)
}

// register registers the search attributes, so that the temporal CLI can start
// a fetch before the first worker runs.
func register(ctx context.Context, s *stack.Stack) error {
	c, err := client.DialContext(ctx, client.Options{HostPort: s.Temporal.Address(), Namespace: stack.Namespace, Logger: log.NewStructuredLogger(slog.New(slog.DiscardHandler))})
	if err != nil {
		return fmt.Errorf("connect to Temporal: %w", err)
	}
	defer c.Close()
	_, err = searchattr.Register(ctx, c, stack.Namespace)
	return err
}
