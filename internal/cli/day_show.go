package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"
	enumspb "go.temporal.io/api/enums/v1"

	"github.com/callvault/callvault/internal/account"
	"github.com/callvault/callvault/internal/archive"
	"github.com/callvault/callvault/internal/dayindex"
	"github.com/callvault/callvault/internal/dayrecord"
	"github.com/callvault/callvault/internal/dayseal"
	"github.com/callvault/callvault/internal/program"
	"github.com/callvault/callvault/workflows"
)

func newDayShow() *cobra.Command {
	var botID string
	command := &cobra.Command{
		Use:   "show DATE",
		Short: "Show whether a day is sealed, its outcomes, and where the lists disagree",
		Long: "Show a day, in UTC, of one bot or of all bots of the configuration: whether it is sealed,\n" +
			"how many calls have which outcome, where the vendor's two lists disagree, when they were\n" +
			"read, and what its workflow does now. It is put together from the latest record in the\n" +
			"archive and, if Temporal and a worker respond, from the day's workflow.\n\n" +
			"A sealed day that is listed again is still sealed; another revision is written only if\n" +
			"something has changed.\n\n" +
			"As JSON it is a list, also of one bot. Exit code: 0 sealed and in the log, 1 not, or the\n" +
			"archive cannot be read, 2 wrong usage or configuration, 130 interrupted.\n\n" +
			"The workflow alone, with the temporal CLI:\n" +
			"  temporal workflow query --workflow-id " + workflows.Day{BotID: "st-…", Date: "2026-11-20"}.WorkflowID() + " --type " + workflows.QueryProgress,
		Example: "  " + exampleDay("show 2026-11-20") + "\n  " + exampleDay("show 2026-11-20 --bot "+exampleBot+" --output json"),
		Args:    oneDate,
	}
	output := addOutputFlag(command)
	command.Flags().StringVar(&botID, "bot", "", "the bot's stream id, st-… (default all of the configuration)")
	command.RunE = func(command *cobra.Command, args []string) error {
		served, err := configuredAccounts()
		if err != nil {
			return err
		}
		shown, err := showDays(command, served, botID, args[0])
		if err != nil {
			return interruptedOr(command.Context(), storeFailure(err))
		}
		if *output == formatJSON {
			err = printJSON(command.OutOrStdout(), shown)
		} else {
			_, err = io.WriteString(command.OutOrStdout(), shownDaysText(shown))
		}
		for _, one := range shown {
			if err == nil && !one.Sealed {
				err = fmt.Errorf("%w: day %s of %s is not sealed", program.ErrReported, one.Date, one.BotID)
			}
		}
		return err
	}
	return command
}

// oneDate takes a day that has begun.
func oneDate(_ *cobra.Command, args []string) error {
	if len(args) != 1 {
		return program.Usage(fmt.Errorf("want one day, got %d: give one in UTC, such as %s", len(args), exampleDay("show 2026-11-20")))
	}
	if err := validateDate(args[0], time.Now()); err != nil {
		return program.Usage(err)
	}
	return nil
}

// validateDate refuses what is not a day, or one that has not begun.
func validateDate(date string, now time.Time) error {
	begin, err := workflows.Day{Date: date}.Begin()
	if err == nil && begin.After(now) {
		err = fmt.Errorf("date %s is in the future (now is %s): correct it, or check the clock", date, utc(now))
	}
	return err
}

// shownDay is what is known of a day.
type shownDay struct {
	workflows.Day
	WorkflowID string `json:"workflowId"`

	// Sealed reports whether the archive has a record of the day, and the record is in the
	// log, as far as that is known without the log itself.
	Sealed bool `json:"sealed"`

	// Record is the latest one, Object where it is; nil if there is none.
	Record *dayrecord.Record    `json:"record,omitempty"`
	Object *workflows.ObjectRef `json:"object,omitempty"`
	SHA256 string               `json:"sha256,omitempty"`

	// LogIndex is the place of the record's entry in the log, from 0; nil if neither a note
	// nor the workflow tells it.
	LogIndex *int64 `json:"logIndex,omitempty"`

	// Progress is that of the day's workflow; nil if there is none or it cannot be read.
	Progress *workflows.DayProgress `json:"progress,omitempty"`

	// Problem says what is wrong with the day, or why its progress is not known.
	Problem string `json:"problem,omitempty"`
}

// showDays returns a day of a bot, or of all bots.
func showDays(command *cobra.Command, served *account.Served, botID, date string) ([]shownDay, error) {
	ctx, stderr := command.Context(), command.ErrOrStderr()
	bots, err := botsOf(served, botID)
	if err != nil {
		return nil, err
	}
	var temporal *days
	c, namespace, err := connect(ctx, stderr)
	switch {
	case err == nil:
		defer c.Close()
		temporal = &days{c, namespace}
	case program.IsUsage(err), ctx.Err() != nil:
		return nil, err
	default:
		fmt.Fprintf(stderr, "This is what the archive says, as Temporal does not respond: %v\n", err)
	}
	var all []shownDay
	for _, bot := range bots {
		owner, err := served.Of(bot)
		if err != nil {
			return nil, program.Usage(err)
		}
		one, err := showDay(ctx, owner.Store, temporal, workflows.Day{BotID: bot, Date: date})
		if err != nil {
			return nil, err
		}
		all = append(all, one)
	}
	return all, nil
}

// botsOf returns a bot of the configuration, or all of them.
func botsOf(served *account.Served, botID string) ([]string, error) {
	if botID == "" {
		var bots []string
		for _, one := range served.Accounts {
			bots = append(bots, one.BotIDs...)
		}
		return bots, nil
	}
	if err := workflows.ValidateBotID(botID); err != nil {
		return nil, program.Usage(err)
	}
	if _, err := served.Of(botID); err != nil {
		return nil, program.Usage(fmt.Errorf("bot %s is in no account of the configuration: correct --bot, or add the bot to SMARTASSIST_BOT_ID or CALLVAULT_CONFIG", botID))
	}
	return []string{botID}, nil
}

// showDay puts together what the archive and the day's workflow say. temporal is nil if it
// cannot be asked.
func showDay(ctx context.Context, store *archive.Store, temporal *days, day workflows.Day) (shownDay, error) {
	shown := shownDay{Day: day, WorkflowID: day.WorkflowID()}
	revision, err := dayindex.Of(store).Latest(ctx, day)
	switch {
	case err == nil:
		shown.Record, shown.SHA256 = &revision.Record, revision.SHA256
		shown.Object = &workflows.ObjectRef{Bucket: store.Bucket(), Key: revision.Key}
		logged, index, err := dayseal.IsLogged(ctx, store, revision, time.Now())
		if err != nil {
			return shown, err
		}
		if shown.Sealed = logged; index >= 0 {
			shown.LogIndex = &index
		}
	case errors.Is(err, dayindex.ErrDamaged):
		shown.Problem = err.Error()
	case !errors.Is(err, archive.ErrMissing):
		return shown, err
	}
	if temporal != nil {
		err = temporal.add(ctx, &shown)
	} else {
		err = nil
	}
	return shown, err
}

// add adds what the day's workflow says.
func (d days) add(ctx context.Context, shown *shownDay) error {
	status, err := d.status(ctx, shown.WorkflowID)
	if errors.Is(err, program.ErrInterrupted) {
		return err
	}
	var progress *workflows.DayProgress
	switch {
	case err != nil:
	case status == enumspb.WORKFLOW_EXECUTION_STATUS_UNSPECIFIED:
		return nil // The archive may know more than Temporal remembers.
	default:
		progress, err = d.progress(ctx, shown.Day)
	}
	switch {
	case errors.Is(err, program.ErrInterrupted):
		return err
	case shown.Problem != "": // A damaged record is worse.
	case status != enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING && status != enumspb.WORKFLOW_EXECUTION_STATUS_COMPLETED && err == nil:
		shown.Problem = fmt.Sprintf("its workflow %s: to go on: %s", statusText(status), backfillCommand(shown.BotID, shown.Date, shown.Date))
	case err != nil && (status == enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING || !shown.Sealed):
		shown.Problem = err.Error()
	}
	shown.join(progress)
	return nil
}

// join adds the progress of the day's workflow, if there is any.
func (s *shownDay) join(progress *workflows.DayProgress) {
	if progress == nil {
		return
	}
	s.Progress = progress
	sealed := progress.Sealed
	switch {
	case s.Record == nil || s.LogIndex != nil:
	case sealed != nil && sealed.Revision == s.Record.Revision && sealed.LogIndex != nil:
		s.Sealed, s.LogIndex = true, sealed.LogIndex
	case sealed == nil && (progress.Phase == workflows.DaySealing || progress.Phase == workflows.DayBlocked):
		s.Sealed = false // The record is written, and its entry in the log is not.
	}
}
