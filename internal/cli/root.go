// Package cli is the command line that starts fetches and shows their progress.
package cli

import (
	"context"
	"errors"
	"io"
	"log/slog"

	"github.com/spf13/cobra"
	"go.temporal.io/sdk/client"

	"github.com/callvault/callvault/internal/program"
	"github.com/callvault/callvault/internal/temporalclient"
)

// Run executes the command line and returns the exit code. Results go to
// stdout, everything else to stderr.
func Run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	command := newRoot(stdout, stderr)
	command.SetArgs(args)
	return program.Exit(ctx, command.Name(), command.ExecuteContext(ctx), stderr)
}

func newRoot(stdout, stderr io.Writer) *cobra.Command {
	root := program.SetUp(&cobra.Command{
		Use:     program.Name("starter"),
		Short:   "Start fetches of call recordings and follow them",
		Example: "  " + exampleFetch(),
		Args:    program.NoArguments,
		RunE: func(command *cobra.Command, _ []string) error {
			command.SetOut(command.ErrOrStderr()) // stdout is for results
			_ = command.Help()
			return program.Usage(errors.New("no command: give one of the commands above"))
		},
	})
	root.SetOut(stdout)
	root.SetErr(stderr)
	root.AddCommand(newFetch(), newSetup(), newConfig(), newBudget(), newBatch(), newSchedule(), newDay(), newFind(), newVerify(), newLog())
	return root
}

// connect dials Temporal with a logger that reports errors only.
func connect(ctx context.Context, stderr io.Writer) (client.Client, string, error) {
	logger := slog.New(slog.NewTextHandler(stderr, &slog.HandlerOptions{Level: slog.LevelError}))
	c, namespace, err := temporalclient.Dial(ctx, logger)
	var unusable *temporalclient.ConfigError
	if errors.As(err, &unusable) {
		return nil, "", program.Usage(err)
	}
	return c, namespace, err
}
