package cli

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/callvault/callvault/internal/account"
	"github.com/callvault/callvault/internal/dayindex"
	"github.com/callvault/callvault/internal/dayrecord"
	"github.com/callvault/callvault/internal/program"
	"github.com/callvault/callvault/workflows"
)

func newFind() *cobra.Command {
	var q findQuery
	command := &cobra.Command{
		Use:   "find {--from DATE [--to DATE] | --session SESSION}",
		Short: "Find sessions in the sealed days: outcome, keys, digests",
		Long: "Find sessions in the sealed days from one to another, in UTC, by outcome, user or id. It\n" +
			"reads the rows of each day's latest revision, from the archive of the worker's\n" +
			"configuration (CALLVAULT_CONFIG or the SMARTASSIST_ and S3_ variables), or with --copy\n" +
			"from a copy of the bucket in a folder, and needs no other server. Days that are not\n" +
			"sealed have no rows: day list shows which.\n\n" +
			"Rows have no user ids, but a hash under the key of the configuration: --user computes\n" +
			"it, --user-hash takes it as it is.\n\n" +
			"Sessions are printed by bot, day and id as they are read: as text a line for each, with\n" +
			"the keys of its files or, if it has none, of its manifest; as CSV with the columns of\n" +
			"the header; as JSON a list of rows as docs/verification.md has them, with the revision.\n" +
			"Each row is compared with its day's record; whether the record is in the log checks\n" +
			"verify.\n\n" +
			"Exit code: 0 found, 1 nothing found, or something cannot be read, 2 wrong usage or\n" +
			"configuration, 130 interrupted.",
		Example: "  " + exampleFind("--from 2026-11-01 --to 2026-11-20 --outcome failed,gave_up,lost_to_retention") +
			"\n  " + exampleFind("--session 65e7133a3242653c58d7aaaa --output json") +
			"\n  " + exampleFind("--from 2026-11-01 --copy /mnt/recordings --output csv > november.csv"),
		Args: program.NoArguments,
	}
	output := addFindOutputFlag(command)
	flags := command.Flags()
	flags.StringVar(&q.days.From, "from", "", "the first day, in UTC, such as 2026-11-01")
	flags.StringVar(&q.days.To, "to", "", "the last day (default today)")
	flags.StringVar(&q.botID, "bot", "", "the bot's stream id, st-… (default all that have days)")
	flags.StringSliceVar(&q.outcomes, "outcome", nil, "only sessions with this outcome, or one of several: "+outcomeNames())
	flags.StringVar(&q.userID, "user", "", "only sessions of this user")
	flags.StringVar(&q.userHash, "user-hash", "", "only sessions of the user with this hash")
	flags.StringVar(&q.sessionID, "session", "", "only this session; it tells its day itself")
	copied := flags.String("copy", "", "folder with a copy of the bucket, or of its part days/, that is read in place of the archive")
	prefix := flags.String("prefix", "", "what every key of the copy begins with (default nothing)")
	command.RunE = func(command *cobra.Command, _ []string) error {
		if err := q.complete(time.Now()); err != nil {
			return program.Usage(err)
		}
		if *copied == "" && flags.Changed("prefix") {
			return program.Usage(errors.New("--prefix is of a copy: give --copy, or set S3_PREFIX or archive.prefix"))
		}
		archives, done, err := q.open(*copied, *prefix)
		if err != nil {
			return err
		}
		defer done()
		return find(command, archives, q, *output)
	}
	return command
}

func exampleFind(rest string) string { return program.Command("starter") + " find " + rest }

func outcomeNames() string {
	var names []string
	for _, outcome := range workflows.Outcomes() {
		names = append(names, string(outcome))
	}
	return strings.Join(names, ", ")
}

// findQuery is what is looked for.
type findQuery struct {
	days                        dayindex.Range
	botID                       string
	outcomes                    []string
	userID, userHash, sessionID string

	served *account.Served // nil if the configuration is not needed
}

// complete fills in the days that are not given, and checks everything.
func (q *findQuery) complete(now time.Time) error {
	faults := []error{q.completeDays(now)}
	if q.botID != "" {
		faults = append(faults, workflows.ValidateBotID(q.botID))
	}
	if slices.Contains(q.outcomes, "") {
		faults = append(faults, errors.New("--outcome is empty: give one of "+outcomeNames()+", or leave the flag out"))
	}
	if q.userID != "" && q.userHash != "" {
		faults = append(faults, errors.New("--user and --user-hash exclude each other: leave one of them out"))
	}
	if sum, err := hex.DecodeString(q.userHash); q.userHash != "" && (err != nil || len(sum) != 32 || strings.ToLower(q.userHash) != q.userHash) {
		faults = append(faults, errors.New("--user-hash is malformed: want 64 lower-case hexadecimal digits, as rows have them in userHash, or give --user"))
	}
	return errors.Join(faults...)
}

// completeDays fills in the days: those of a session, or up to today.
func (q *findQuery) completeDays(now time.Time) error {
	if q.sessionID != "" {
		called, err := workflows.Session{SessionID: q.sessionID}.CallTime()
		if err != nil {
			return err
		}
		if q.days == (dayindex.Range{}) {
			date := called.Format(time.DateOnly)
			q.days = dayindex.Range{From: date, To: date}
			return nil
		}
	}
	if q.days.From == "" {
		return errors.New("no days are given: give --from DATE, such as --from 2026-11-01, or --session SESSION")
	}
	if q.days.To == "" {
		q.days.To = now.UTC().Format(time.DateOnly)
	}
	return checkRange(q.days)
}

// open returns the archives that are searched. The caller calls done at the end.
func (q *findQuery) open(copied, prefix string) (archives []dayArchive, done func(), err error) {
	done = func() {}
	if copied == "" || q.userID != "" { // The key of the hashes is in the configuration.
		if q.served, err = configuredAccounts(); err != nil {
			return nil, nil, err
		}
	}
	if copied == "" {
		return archivesOf(q.served, q.botID), done, nil
	}
	one, done, err := openCopy(copied, prefix)
	return []dayArchive{one}, done, err
}

// hashFor returns the hash of the user that is looked for, which depends on the bot's account;
// empty if any user will do.
func (q *findQuery) hashFor(botID string) (string, error) {
	if q.userID == "" {
		return q.userHash, nil
	}
	owner, err := q.served.Of(botID)
	if err != nil {
		return "", program.Usage(fmt.Errorf("bot %s is in no account of the configuration, so the key of its users' hashes is not known: give --user-hash, or another --bot", botID))
	}
	if len(owner.UserHashKey) == 0 {
		return "", program.Usage(fmt.Errorf("account %q has no key of users' hashes, so its rows have none: set userHashKeyFile (CALLVAULT_USER_HASH_KEY_FILE); days that are sealed then have them", owner.Name))
	}
	return dayrecord.UserHash(owner.UserHashKey, q.userID), nil
}

// find prints what it finds.
func find(command *cobra.Command, archives []dayArchive, q findQuery, output findFormat) error {
	ctx := command.Context()
	printer := newRowPrinter(command.OutOrStdout(), output)
	found := 0
	use := func(revision *dayindex.Revision, row dayrecord.Row) error {
		found++
		return printer.write(foundRow{revision.Revision, row})
	}
	var err error
	for _, one := range archives {
		if err = q.search(ctx, one.index, use); err != nil {
			break
		}
	}
	if closed := printer.close(); err == nil {
		err = closed
	}
	switch {
	case err != nil:
		return interruptedOr(ctx, storeFailure(err))
	case found == 0:
		fmt.Fprintf(command.ErrOrStderr(), "No session was found in the sealed days from %s to %s; which days are sealed: %s\n", q.days.From, q.days.To,
			exampleDay(fmt.Sprintf("list --from %s --to %s", q.days.From, q.days.To)))
		return fmt.Errorf("%w: nothing found", program.ErrReported)
	}
	return nil
}

// search calls use with each row of an archive that is looked for.
func (q *findQuery) search(ctx context.Context, index *dayindex.Index, use func(*dayindex.Revision, dayrecord.Row) error) error {
	bots := []string{q.botID}
	if q.botID == "" {
		var err error
		if bots, err = index.Bots(ctx); err != nil {
			return err
		}
	}
	for _, botID := range bots {
		hash, err := q.hashFor(botID)
		if err != nil {
			return err
		}
		for revision, err := range index.Revisions(ctx, botID, q.days) {
			if err != nil {
				return err
			}
			if !q.mayBeIn(revision) {
				continue
			}
			for row, err := range index.Rows(ctx, revision) {
				switch {
				case err != nil:
					return err
				case !q.matches(row, hash):
				default:
					if err := use(revision, row); err != nil {
						return err
					}
				}
			}
		}
	}
	return nil
}

// mayBeIn reports whether a day has a session with one of the outcomes, by its record.
func (q *findQuery) mayBeIn(revision *dayindex.Revision) bool {
	return len(q.outcomes) == 0 || slices.ContainsFunc(q.outcomes, func(outcome string) bool {
		return revision.Counts.Outcomes[workflows.Outcome(outcome)] > 0
	})
}

func (q *findQuery) matches(row dayrecord.Row, userHash string) bool {
	return (len(q.outcomes) == 0 || slices.Contains(q.outcomes, string(row.Outcome))) &&
		(userHash == "" || row.UserHash == userHash) &&
		(q.sessionID == "" || row.SessionID == q.sessionID)
}

// findFormat is the form of what is found.
type findFormat string

const (
	findText findFormat = "text"
	findJSON findFormat = "json"
	findCSV  findFormat = "csv"
)

// String, Set and Type implement pflag.Value.
func (f *findFormat) String() string { return string(*f) }

func (f *findFormat) Set(value string) error {
	switch findFormat(value) {
	case findText, findJSON, findCSV:
		*f = findFormat(value)
		return nil
	}
	return errors.New("want text, json or csv")
}

func (f *findFormat) Type() string { return "text|json|csv" }

func addFindOutputFlag(command *cobra.Command) *findFormat {
	f := findText
	command.Flags().Var(&f, "output", "form of the result on stdout")
	return &f
}

// newRowPrinter returns the printer of a form.
func newRowPrinter(w io.Writer, output findFormat) rowPrinter {
	switch output {
	case findJSON:
		return &jsonRows{w: w}
	case findCSV:
		return newCSVRows(w)
	default:
		return &textRows{w}
	}
}
