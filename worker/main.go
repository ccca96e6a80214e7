// Command worker serves callvault's task queues: it fetches recordings from
// SmartAssist and stores them in the archive.
package main

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/callvault/callvault/internal/config"
	"github.com/callvault/callvault/internal/observe"
	"github.com/callvault/callvault/internal/program"
	"github.com/callvault/callvault/internal/temporalclient"
	"github.com/callvault/callvault/internal/worker"
)

func main() {
	program.SilenceStandardLog()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // A second signal ends the process at once.
	command := newCommand()
	os.Exit(program.Exit(ctx, command.Name(), command.ExecuteContext(ctx), os.Stderr))
}

func newCommand() *cobra.Command {
	var maxSize string
	command := program.SetUp(&cobra.Command{
		Use:   program.Name("worker"),
		Short: "Serve callvault's task queues until SIGINT or SIGTERM",
		Long: "Serve callvault's task queues until SIGINT or SIGTERM.\n\n" +
			"It is configured by a file of accounts, which CALLVAULT_CONFIG names, or for one\naccount by variables; see docs/configuration.md. All errors of the configuration are\nreported together, with exit code 2.",
		Example: "  SMARTASSIST_BOT_ID=st-… SMARTASSIST_CLIENT_ID=cs-… SMARTASSIST_CLIENT_SECRET_FILE=secret.txt " + program.Command("worker"),
		Args:    program.NoArguments,
		RunE:    func(command *cobra.Command, _ []string) error { return run(command.Context(), maxSize) },
	})
	command.Flags().StringVar(&maxSize, "max-recording-size", "", "the most that a recording may have, such as 4GiB (default what the configuration says)")
	command.AddCommand(&cobra.Command{
		Use:     "health",
		Short:   "Exit 0 if the worker on this machine is ready (asks CALLVAULT_HEALTH_ADDRESS)",
		Example: "  CALLVAULT_HEALTH_ADDRESS=127.0.0.1:8080 " + program.Command("worker") + " health",
		Args:    program.NoArguments,
		RunE: func(command *cobra.Command, _ []string) error {
			address := os.Getenv("CALLVAULT_HEALTH_ADDRESS")
			if address == "" {
				return program.Usage(errors.New("CALLVAULT_HEALTH_ADDRESS is not set: set it to the address that the worker serves, such as 127.0.0.1:8080"))
			}
			return observe.AskReady(command.Context(), address)
		},
	})
	return command
}

// run serves the task queues. maxSize, if it is not empty, is the most that a recording may
// have.
func run(ctx context.Context, maxSize string) error {
	logs, invalidLogs := program.LogSettingsFrom(os.Getenv)
	logger := logs.Logger(os.Stderr, slog.LevelDebug)
	settings, err := config.FromEnvironment()
	if err == nil && maxSize != "" {
		err = settings.LimitRecordings(maxSize)
	}
	if err := errors.Join(err, temporalclient.CheckEnvironment(), invalidLogs); err != nil {
		return program.Usage(err)
	}
	telemetry, err := startTelemetry(ctx, settings, logger)
	if err != nil {
		return program.Usage(err)
	}
	defer telemetry.close(logger)
	// The SDK says for each of its queues that it has started, and there are many.
	client, namespace, err := temporalclient.Dial(ctx, logs.Logger(os.Stderr, slog.LevelWarn), telemetry.options)
	if err != nil {
		return err
	}
	defer client.Close()

	health := observe.NewHealth(client, namespace)
	if settings.HealthAddress != "" {
		if err := observe.Serve(ctx, settings.HealthAddress, health, telemetry.metrics); err != nil {
			return program.Usage(err)
		}
	}
	return worker.Run(ctx, worker.Options{
		Client:    client,
		Namespace: namespace,
		Settings:  settings,
		Logger:    logger,
		Metrics:   telemetry.metrics,
		Ready:     health.Ready,
	})
}
