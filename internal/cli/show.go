package cli

import (
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/callvault/callvault/internal/program"
	"github.com/callvault/callvault/workflows"
)

func newShow() *cobra.Command {
	var botID string
	command := &cobra.Command{
		Use:   "show SESSION",
		Short: "Show the whole story of a call: what was asked, answered and stored, and by whom",
		Long: "Show the whole story of a call in one page: the outcome, the files and whether their\n" +
			"objects are in the archive, what the vendor said and how often, outcomes that were\n" +
			"replaced, the batch and the day it belongs to, who was given a link to it, and each run\n" +
			"of its fetches: who started it, each wait, check and download, and which worker did it.\n\n" +
			"It reads the manifest in the archive of the worker's configuration (CALLVAULT_CONFIG or\n" +
			"the SMARTASSIST_ and S3_ variables) and Temporal's histories. Each of the two may be\n" +
			"missing: then it shows what the other one has, and says so. Temporal forgets a fetch after\n" +
			"the retention of the namespace. Nothing is asked of the vendor, and no token or media URL\n" +
			"is shown.\n\n" +
			webUIVariable + ", such as http://localhost:8233, makes it show the page of each run.\n\n" +
			"Exit code: 0 the session is archived and its objects are there, 1 not, or that cannot be\n" +
			"read, 2 wrong usage or configuration, 130 interrupted.",
		Example: "  " + exampleShow(exampleSession) + "\n  " + exampleShow(exampleSession+" --bot "+exampleBot+" --output json"),
		Args:    oneSession,
	}
	output := addOutputFlag(command)
	command.Flags().StringVar(&botID, "bot", "", "the bot's stream id, st-… (default the one of the configuration that has the session)")
	command.RunE = func(command *cobra.Command, args []string) error {
		ctx, stdout := command.Context(), command.OutOrStdout()
		sources, done, err := openSources(command, botID)
		if err != nil {
			return err
		}
		defer done()
		shown, err := sources.show(ctx, args[0])
		if err != nil {
			return interruptedOr(ctx, err)
		}
		if *output == formatJSON {
			err = printJSON(stdout, shown)
		} else {
			_, err = io.WriteString(stdout, shownCallText(shown))
		}
		if err == nil && !shown.Archived {
			err = fmt.Errorf("%w: session %s is not archived", program.ErrReported, shown.SessionID)
		}
		return err
	}
	return command
}

// exampleSession is the one that the help shows.
const exampleSession = "65e7133a3242653c58d7aaaa"

func exampleShow(rest string) string { return program.Command("starter") + " show " + rest }

// oneSession takes the id of a session.
func oneSession(command *cobra.Command, args []string) error {
	if len(args) != 1 {
		return program.Usage(fmt.Errorf("want one session, got %d: give its 24 hexadecimal digits, such as %s %s %s", len(args), program.Command("starter"), command.Name(), exampleSession))
	}
	if _, err := (workflows.Session{SessionID: args[0]}).CallTime(); err != nil {
		return program.Usage(err)
	}
	return nil
}

// errNothingKnown means that neither the archive nor Temporal knows a session.
var errNothingKnown = errors.New("nothing is known of the session")
