package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/callvault/callvault/internal/account"
	"github.com/callvault/callvault/internal/dayindex"
	"github.com/callvault/callvault/internal/program"
	"github.com/callvault/callvault/workflows"
)

// dayBackfill are the options of day backfill.
type dayBackfill struct {
	request                       workflows.DaysRequest
	sinceRetention, wait, noCheck bool
	output                        format
}

func newDayBackfill() *cobra.Command {
	var options dayBackfill
	command := &cobra.Command{
		Use:   "backfill --bot BOT {--from DATE | --since-retention}",
		Short: "Archive days of the past, oldest first",
		Long: "Archive the days from one to another, in UTC, oldest first. Days that are sealed already\n" +
			"are left as they are, unless --again is given. Each of the others has a workflow of its own, so a day is archived\n" +
			"once, whoever asks for it: this command, a schedule or another program.\n\n" +
			"--since-retention begins with the day from which the vendor still has recordings: the\n" +
			"time that the configuration says it keeps them (retention) before now.\n\n" +
			"The same days again attach to what is running. A bot that no worker serves is refused;\n" +
			"with --no-check its days wait until one does.\n\n" +
			"--wait shows how far it is until every day is sealed, which takes --settle-after longer\n" +
			"than the last fetch, and then lists the days. Ctrl-C leaves everything running; the same\n" +
			"command follows it again.\n\n" +
			"Exit code: 0 started or, with --wait, every session of every day is archived, 1 not\n" +
			"started or, with --wait, a session is not archived (day list and find show which) or a\n" +
			"day cannot be sealed, 2 wrong usage or configuration, 130 interrupted.\n\n" +
			"The same with the temporal CLI:\n" +
			fmt.Sprintf("  temporal workflow start --type %s --task-queue %s --workflow-id %s \\\n", workflows.ArchiveDaysWorkflowName, workflows.TaskQueue, workflows.DaysWorkflowID("st-…", backfillID("2026-09-01", "2026-11-20"))) +
			`    --id-conflict-policy UseExisting --input '{"botId": "st-…", "from": "2026-09-01", "to": "2026-11-20"}'`,
		Example: "  " + exampleDay("backfill --bot "+exampleBot+" --from 2026-09-01 --to 2026-11-20") +
			"\n  " + exampleDay("backfill --bot "+exampleBot+" --since-retention --wait"),
		Args: program.NoArguments,
	}
	output := addOutputFlag(command)
	request := &options.request
	addBotFlag(command, &request.BotID)
	flags := command.Flags()
	flags.StringVar(&request.From, "from", "", "the first day, in UTC, such as 2026-09-01")
	flags.StringVar(&request.To, "to", "", "the last day (default yesterday)")
	flags.BoolVar(&options.sinceRetention, "since-retention", false, "begin with the oldest day of which the vendor still has recordings")
	flags.BoolVar(&options.wait, "wait", false, "show how far it is until every day is sealed, and list the days")
	flags.BoolVar(&request.Again, "again", false, "list days again that are sealed; they are sealed again only if something has changed")
	flags.BoolVar(&options.noCheck, "no-check", false, "start even if no worker serves the bot")
	policy := addDaysFlags(command)
	command.RunE = func(command *cobra.Command, _ []string) error {
		options.output = *output
		faults := errors.Join(policy(request), workflows.ValidateBotID(request.BotID))
		if options.sinceRetention == (request.From != "") {
			faults = errors.Join(faults, errors.New("give either --from DATE or --since-retention"))
		}
		if faults != nil {
			return program.Usage(faults)
		}
		owner, err := options.complete(time.Now())
		if err != nil {
			return err
		}
		return withDays(command, func(d days) error { return backfill(command, d, owner, options) })
	}
	return command
}

// complete fills in and checks what is not given. It returns the bot's account, or nil if the
// configuration is not needed.
func (o *dayBackfill) complete(now time.Time) (*account.Account, error) {
	var owner *account.Account
	if o.sinceRetention || o.wait {
		served, err := configuredAccounts()
		if err != nil {
			return nil, err
		}
		if _, err := botsOf(served, o.request.BotID); err != nil {
			return nil, err
		}
		if owner, err = served.Of(o.request.BotID); err != nil {
			return nil, program.Usage(err)
		}
	}
	if o.sinceRetention {
		if owner.Retention == 0 {
			return nil, program.Usage(fmt.Errorf("the configuration does not say how long the vendor keeps the recordings of account %q: set SMARTASSIST_RETENTION, or retention in CALLVAULT_CONFIG, to what the console shows, or give --from", owner.Name))
		}
		o.request.From = now.UTC().Add(-owner.Retention).Format(time.DateOnly)
	}
	if o.request.To == "" {
		o.request.To = dayBefore(now)
	}
	return owner, asUsage(errors.Join(checkRange(o.days()), validateDate(o.request.To, now), o.request.ValidateAt(now)))
}

func asUsage(err error) error {
	if err == nil {
		return nil
	}
	return program.Usage(err)
}

func (o *dayBackfill) days() dayindex.Range {
	return dayindex.Range{From: o.request.From, To: o.request.To}
}

// backfillID is the id of a backfill of days, so that the same days again attach to it.
func backfillID(from, to string) string { return from + "_" + to }

// backfillCommand returns the command that archives days.
func backfillCommand(botID, from, to string) string {
	return exampleDay(fmt.Sprintf("backfill --bot %s --from %s --to %s", botID, from, to))
}

// withDays connects for as long as act needs.
func withDays(command *cobra.Command, act func(days) error) error {
	c, namespace, err := connect(command.Context(), command.ErrOrStderr())
	if err != nil {
		return err
	}
	defer c.Close()
	return act(days{c, namespace})
}

// startedDays is what a backfill without --wait prints.
type startedDays struct {
	WorkflowID string `json:"workflowId"`
	RunID      string `json:"runId"`
	Namespace  string `json:"namespace"`
	BotID      string `json:"botId"`
	From       string `json:"from"`
	To         string `json:"to"`

	// Attached reports whether a backfill of these days was already running.
	Attached bool `json:"attached"`
}

func backfill(command *cobra.Command, d days, owner *account.Account, options dayBackfill) error {
	ctx, stdout, stderr, request := command.Context(), command.OutOrStdout(), command.ErrOrStderr(), options.request
	workflowID := workflows.DaysWorkflowID(request.BotID, backfillID(request.From, request.To))
	if !options.noCheck {
		if err := d.checkServed(ctx, request.BotID, workflowID, stderr); err != nil {
			return err
		}
	}
	var watched *backfillWatch
	if options.wait { // An archive that cannot be read is noticed before anything is started.
		watched = newBackfillWatch(d, owner.Store, request)
		if _, err := watched.index.LatestRevisions(ctx, request.BotID, options.days()); err != nil {
			return interruptedOr(ctx, storeFailure(err))
		}
	}
	run, attached, err := d.start(ctx, backfillID(request.From, request.To), request)
	if err != nil {
		return interruptedOr(ctx, fmt.Errorf("start the backfill: %w", err))
	}
	if attached {
		fmt.Fprintln(stderr, "These days are already being archived: attached to that. Its options apply, not this command's.")
	}
	begun := startedDays{run.GetID(), run.GetRunID(), d.namespace, request.BotID, request.From, request.To, attached}
	switch {
	case options.wait:
		return watched.wait(ctx, options.output, stdout, stderr)
	case options.output == formatJSON:
		return printJSON(stdout, begun)
	}
	_, err = io.WriteString(stdout, startedDaysText(begun))
	return err
}

// checkServed refuses to start days of a bot that no worker serves.
func (d days) checkServed(ctx context.Context, botID, workflowID string, stderr io.Writer) error {
	return servedCheck{
		botID: botID,
		isRunning: func(ctx context.Context) bool {
			return isRunning(ctx, d.client.WorkflowService(), d.namespace, workflowID)
		},
		anyway:  "starting its days anyway; they wait until one does",
		noCheck: "start days that wait until a worker serves the bot",
	}.run(ctx, d.client.WorkflowService(), d.namespace, stderr)
}

func startedDaysText(begun startedDays) string {
	var b strings.Builder
	what := "started"
	if begun.Attached {
		what = "already running:"
	}
	fmt.Fprintf(&b, "%s %s: the days of %s from %s to %s, oldest first\n", what, begun.WorkflowID, begun.BotID, begun.From, begun.To)
	fmt.Fprintf(&b, "  to follow it: %s --wait\n", backfillCommand(begun.BotID, begun.From, begun.To))
	fmt.Fprintf(&b, "  to list its days: %s\n", exampleDay(fmt.Sprintf("list --bot %s --from %s --to %s", begun.BotID, begun.From, begun.To)))
	return b.String()
}
