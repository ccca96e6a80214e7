// Command worker serves callvault's task queues: it fetches recordings from
// SmartAssist and puts them into the archive.
package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/callvault/callvault/internal/config"
	"github.com/callvault/callvault/internal/temporalclient"
	"github.com/callvault/callvault/internal/worker"
)

// The exit codes.
const (
	exitFailed        = 1
	exitMisconfigured = 2
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // A second signal ends the process at once.
	err := newCommand().ExecuteContext(ctx)
	if err == nil {
		return
	}
	fmt.Fprintln(os.Stderr, "worker:", err)
	var misconfigured *misconfiguration
	if errors.As(err, &misconfigured) {
		os.Exit(exitMisconfigured)
	}
	os.Exit(exitFailed)
}

// misconfiguration is an error that a change of the environment mends.
type misconfiguration struct{ error }

func newCommand() *cobra.Command {
	command := &cobra.Command{
		Use:   "worker",
		Short: "Serve callvault's task queues until SIGINT or SIGTERM",
		Long: "Serve callvault's task queues until SIGINT or SIGTERM.\n\n" +
			"Everything is configured by the environment; see the README. All faults of the\nconfiguration are reported together, with exit code 2.",
		Example:       "  SMARTASSIST_BOT_ID=st-… SMARTASSIST_CLIENT_ID=cs-… SMARTASSIST_CLIENT_SECRET_FILE=secret.txt go run ./worker",
		Args:          noArguments,
		RunE:          func(command *cobra.Command, _ []string) error { return run(command.Context()) },
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	command.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return &misconfiguration{err} })
	command.AddCommand(&cobra.Command{
		Use:     "health",
		Short:   "Exit 0 if the worker on this machine is ready (asks CALLVAULT_HEALTH_ADDRESS)",
		Example: "  CALLVAULT_HEALTH_ADDRESS=127.0.0.1:8080 worker health",
		Args:    noArguments,
		RunE: func(command *cobra.Command, _ []string) error {
			address := os.Getenv("CALLVAULT_HEALTH_ADDRESS")
			if address == "" {
				return &misconfiguration{errors.New("CALLVAULT_HEALTH_ADDRESS is not set: set it to the address that the worker answers at, such as 127.0.0.1:8080")}
			}
			return worker.AskReady(command.Context(), address)
		},
	})
	return command
}

func noArguments(command *cobra.Command, args []string) error {
	if len(args) > 0 {
		return &misconfiguration{fmt.Errorf("unexpected argument %q: see %s --help", args[0], command.CommandPath())}
	}
	return nil
}

func run(ctx context.Context) error {
	logger := slog.New(slog.NewTextHandler(os.Stderr, nil))
	settings, err := config.FromEnvironment()
	if err := errors.Join(err, temporalclient.CheckEnvironment()); err != nil {
		return &misconfiguration{err}
	}
	client, namespace, err := temporalclient.Dial(ctx, logger)
	if err != nil {
		return err
	}
	defer client.Close()

	health := worker.NewHealth(client)
	if settings.HealthAddress != "" {
		if err := health.Serve(ctx, settings.HealthAddress); err != nil {
			return &misconfiguration{err}
		}
	}
	return worker.Run(ctx, worker.Options{
		Client:    client,
		Namespace: namespace,
		Settings:  settings,
		Logger:    logger,
		Ready:     health.Ready,
	})
}
