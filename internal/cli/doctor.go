package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/spf13/cobra"

	"github.com/callvault/callvault/internal/config"
	"github.com/callvault/callvault/internal/doctor"
	"github.com/callvault/callvault/internal/program"
	"github.com/callvault/callvault/internal/temporalclient"
	"github.com/callvault/callvault/workflows"
)

func exampleDoctor() string { return program.Command("starter") + " doctor" }

func newDoctor() *cobra.Command {
	var session workflows.Session
	command := &cobra.Command{
		Use:   "doctor",
		Short: "Check everything between here and a first archived recording",
		Long: "Check everything between here and a first archived recording: the configuration,\nTemporal, the workers, each account's archive and the way to the vendor's API. Each\n" +
			"check has a verdict (ok, warning, broken or skipped) and the way out; all are\nexplained in docs/doctor.md.\n\n" +
			"It reads a worker's configuration, so run it where a worker runs; without one it\nchecks Temporal alone. In each archive it writes, reads and deletes one small object.\n" +
			"It makes no call of the vendor's API, unless a session is given: then up to three,\nin slots of the call budget, which find out why the vendor refuses a token.\n\n" +
			"Exit codes: 0 nothing is broken, 1 something is, 2 wrong usage, 130 interrupted.",
		Example: "  " + exampleDoctor() + "\n  " + exampleDoctor() + " --bot st-… --session 65e7133a3242653c58d7aaaa",
		Args:    program.NoArguments,
	}
	command.Flags().StringVar(&session.BotID, "bot", "", "the bot (stream) id of the session; may be left out if one is configured")
	command.Flags().StringVar(&session.SessionID, "session", "", "a session of which up to three calls of the API are made")
	output := addOutputFlag(command)
	command.RunE = func(command *cobra.Command, _ []string) error {
		if err := checkDoctorSession(session); err != nil {
			return program.Usage(err)
		}
		ctx, stdout := command.Context(), command.OutOrStdout()
		findings, err := examine(ctx, session)
		if err != nil {
			return err
		}
		if *output == formatJSON {
			err = printJSON(stdout, findings)
		} else {
			_, err = fmt.Fprint(stdout, doctorText(findings))
		}
		if err == nil && doctor.IsBroken(findings) {
			err = program.ErrReported
		}
		return err
	}
	return command
}

func checkDoctorSession(session workflows.Session) error {
	switch {
	case session.SessionID == "" && session.BotID != "":
		return errors.New("--bot is of a session: give --session too")
	case session.SessionID != "" && session.BotID == "":
		session.BotID = "st-0" // It is the configured one, which is valid.
	case session.SessionID == "":
		return nil
	}
	return session.ValidateFor("", time.Now())
}

// examine makes the checks with what the environment says.
func examine(ctx context.Context, session workflows.Session) ([]doctor.Finding, error) {
	settings, err := config.FromEnvironment()
	findings := doctor.Run(ctx, doctor.Options{
		Connect: func(ctx context.Context) (*temporalclient.Connection, error) {
			return temporalclient.Connect(ctx, slog.New(slog.DiscardHandler)) // What went wrong is in the finding.
		},
		Settings: settings, SettingsErr: err, Present: config.IsPresent(), Session: session,
	})
	if ctx.Err() != nil {
		return nil, program.ErrInterrupted
	}
	return findings, nil
}
