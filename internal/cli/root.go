// Package cli is the command line that starts fetches and shows their progress.
package cli

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"time"

	"github.com/spf13/cobra"
	"go.temporal.io/sdk/client"

	"github.com/callvault/callvault/internal/observe"
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
	root.AddCommand(newFetch(), newSetup(), newConfig(), newBudget(), newBatch(), newSchedule(), newDay(), newFind(), newShow(), newOpen(), newVerify(), newLog(), newDoctor(), newCodecServer())
	return root
}

// connect dials Temporal with a logger that reports errors only. The calls are traced if the
// OTEL_ variables ask for that.
func connect(ctx context.Context, stderr io.Writer) (client.Client, string, error) {
	logger := slog.New(slog.NewTextHandler(stderr, &slog.HandlerOptions{Level: slog.LevelError}))
	if !observe.IsTracesConfigured() {
		return dial(ctx, logger)
	}
	observe.LogErrors(slog.New(slog.NewTextHandler(stderr, nil)))
	traces, err := observe.NewTraces(ctx, program.Name("starter"))
	if err != nil {
		return nil, "", program.Usage(err)
	}
	tracing, err := traces.Interceptor()
	if err != nil {
		return nil, "", err
	}
	c, namespace, err := dial(ctx, logger, func(options *client.Options) { options.Interceptors = append(options.Interceptors, tracing) })
	if err != nil {
		return nil, "", err
	}
	return &tracedClient{Client: c, traces: traces}, namespace, nil
}

func dial(ctx context.Context, logger *slog.Logger, changes ...func(*client.Options)) (client.Client, string, error) {
	c, namespace, err := temporalclient.Dial(ctx, logger, changes...)
	if _, unusable := errors.AsType[*temporalclient.ConfigError](err); unusable {
		return nil, "", program.Usage(err)
	}
	return c, namespace, err
}

// tracedClient sends its traces when it is closed.
type tracedClient struct {
	client.Client
	traces *observe.Traces
}

// flushTimeout bounds the wait for a collector that does not respond.
const flushTimeout = 3 * time.Second

// Close implements client.Client.
func (c *tracedClient) Close() {
	c.Client.Close()
	ctx, cancel := context.WithTimeout(context.Background(), flushTimeout)
	defer cancel()
	_ = c.traces.Close(ctx) // A lost trace fails no command.
}
