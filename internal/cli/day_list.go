package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/callvault/callvault/internal/archive"
	"github.com/callvault/callvault/internal/dayindex"
	"github.com/callvault/callvault/internal/dayrecord"
	"github.com/callvault/callvault/internal/dayseal"
	"github.com/callvault/callvault/internal/oneline"
	"github.com/callvault/callvault/internal/program"
	"github.com/callvault/callvault/workflows"
)

// listedByDefault is how many days are listed without --from.
const listedByDefault = 30

func newDayList() *cobra.Command {
	var botID string
	var days dayindex.Range
	command := &cobra.Command{
		Use:   "list",
		Short: "List days: sealed or not, outcomes, disagreements",
		Long: fmt.Sprintf("List the days from one to another, in UTC, of one bot or of all bots of the\n" +
			"configuration, with a line for each: the sealed revision, sessions, outcomes, and on how\n" +
			"many sessions the vendor's lists disagree. It reads the archive alone; what a day that\n" +
			"is not sealed waits for says day show.\n\n" +
			"As JSON it is a list. Exit code: 0 listed, 1 the archive cannot be read, 2 wrong usage\n" +
			"or configuration, 130 interrupted."),
		Example: "  " + exampleDay("list --bot "+exampleBot) + "\n  " + exampleDay("list --from 2026-09-01 --to 2026-11-20 --output json"),
		Args:    program.NoArguments,
	}
	output := addOutputFlag(command)
	flags := command.Flags()
	flags.StringVar(&botID, "bot", "", "the bot's stream id, st-… (default all of the configuration)")
	flags.StringVar(&days.From, "from", "", fmt.Sprintf("the first day, in UTC, such as 2026-09-01 (default %d days before the last)", listedByDefault-1))
	flags.StringVar(&days.To, "to", "", "the last day (default yesterday)")
	command.RunE = func(command *cobra.Command, _ []string) error {
		if err := completeRange(&days, time.Now()); err != nil {
			return program.Usage(err)
		}
		served, err := configuredAccounts()
		if err != nil {
			return err
		}
		bots, err := botsOf(served, botID)
		if err != nil {
			return err
		}
		ctx := command.Context()
		printer := listedDayPrinter(*output, command.OutOrStdout())
		for _, bot := range bots {
			owner, err := served.Of(bot)
			if err != nil {
				return program.Usage(err)
			}
			if err := listDays(ctx, owner.Store, bot, days, printer.one); err != nil {
				return interruptedOr(ctx, storeFailure(err))
			}
		}
		return printer.end()
	}
	return command
}

// completeRange fills in the days that are not given, and checks them.
func completeRange(days *dayindex.Range, now time.Time) error {
	if days.To == "" {
		days.To = dayBefore(now)
	}
	to, err := workflows.Day{Date: days.To}.Begin()
	if err != nil {
		return fmt.Errorf("--to: %w", err)
	}
	if days.From == "" {
		days.From = to.AddDate(0, 0, 1-listedByDefault).Format(time.DateOnly)
	}
	return checkRange(*days)
}

// checkRange refuses days that are malformed or too many.
func checkRange(days dayindex.Range) error {
	from, err := workflows.Day{Date: days.From}.Begin()
	if err != nil {
		return fmt.Errorf("--from: %w", err)
	}
	to, err := workflows.Day{Date: days.To}.Begin()
	switch {
	case err != nil:
		return fmt.Errorf("--to: %w", err)
	case to.Before(from):
		return fmt.Errorf("--to %s is before --from %s: swap them", days.To, days.From)
	case to.Sub(from) >= workflows.MaxDays*24*time.Hour:
		return fmt.Errorf("--from %s to --to %s are more than %d days: split them", days.From, days.To, workflows.MaxDays)
	}
	return nil
}

// datesOf returns the days of a valid range, in order.
func datesOf(days dayindex.Range) []string {
	var dates []string
	at, err := workflows.Day{Date: days.From}.Begin()
	for err == nil && at.Format(time.DateOnly) <= days.To {
		dates = append(dates, at.Format(time.DateOnly))
		at = at.AddDate(0, 0, 1)
	}
	return dates
}

// listedDay is a day of the list.
type listedDay struct {
	workflows.Day
	// Sealed is as in [shownDay].
	Sealed bool `json:"sealed"`

	// What follows is of the latest revision.
	Revision    int                       `json:"revision,omitempty"`
	SealedAt    time.Time                 `json:"sealedAt,omitzero"`
	Sessions    int                       `json:"sessions"`
	Outcomes    map[workflows.Outcome]int `json:"outcomes,omitempty"`
	Disagreeing int                       `json:"disagreeing"`
	// Unread are the lists that no listing could read, so that nothing is known of a
	// disagreement.
	Unread []string `json:"unread,omitempty"`
	Files  int      `json:"files"`
	Bytes  int64    `json:"bytes"`

	// Problem says why a record cannot be used.
	Problem string `json:"problem,omitempty"`
}

// listDays calls use with each day of a bot.
func listDays(ctx context.Context, store *archive.Store, botID string, days dayindex.Range, use func(listedDay) error) error {
	index := dayindex.Of(store)
	latest, err := index.LatestRevisions(ctx, botID, days)
	if err != nil {
		return err
	}
	for _, date := range datesOf(days) {
		day := listedDay{Day: workflows.Day{BotID: botID, Date: date}}
		if latest[date] > 0 {
			revision, err := index.Read(ctx, day.Day, latest[date])
			switch {
			case err == nil:
				day.add(revision)
				if day.Sealed, _, err = dayseal.IsLogged(ctx, store, revision, time.Now()); err != nil {
					return err
				}
			case errors.Is(err, dayindex.ErrDamaged):
				day.Problem = err.Error()
			default:
				return err
			}
		}
		if err := use(day); err != nil {
			return err
		}
	}
	return nil
}

func (d *listedDay) add(r *dayindex.Revision) {
	d.Revision, d.SealedAt = r.Revision, r.SealedAt
	d.Sessions, d.Outcomes, d.Disagreeing = r.Counts.Sessions, r.Counts.Outcomes, r.Counts.Disagreeing()
	d.Unread = dayrecord.UnreadLists(r.Listings)
	d.Files, d.Bytes = r.Counts.Files, r.Counts.Bytes
}

// isAllArchived reports whether every session of the day is archived.
func (d *listedDay) isAllArchived() bool { return d.Outcomes[workflows.OutcomeArchived] == d.Sessions }

func listedDayText(d listedDay) string {
	text := fmt.Sprintf("%s  %s  ", d.Date, d.BotID)
	switch {
	case d.Problem != "":
		return text + oneline.Of(d.Problem)
	case d.Revision == 0:
		return text + "not sealed"
	case !d.Sealed:
		return text + "not sealed: " + notLoggedText(d.Revision)
	}
	text += fmt.Sprintf("sealed r%d  %s sessions: %s", d.Revision, count(d.Sessions), outcomesText(d.Outcomes))
	if d.Disagreeing > 0 {
		text += fmt.Sprintf("; the lists disagree on %s", count(d.Disagreeing))
	}
	if len(d.Unread) > 0 {
		text += "; could not be read: " + strings.Join(d.Unread, ", ")
	}
	return text
}

// dayPrinter prints days in a form.
type dayPrinter struct {
	one func(listedDay) error
	end func() error
}

// listedDayPrinter prints texts at once, and JSON at the end.
func listedDayPrinter(output format, w io.Writer) dayPrinter {
	if output == formatText {
		return dayPrinter{
			one: func(d listedDay) error { _, err := fmt.Fprintln(w, listedDayText(d)); return err },
			end: func() error { return nil },
		}
	}
	all := []listedDay{} // A list, even without days.
	return dayPrinter{
		one: func(d listedDay) error { all = append(all, d); return nil },
		end: func() error { return printJSON(w, all) },
	}
}
