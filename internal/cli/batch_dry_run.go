package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/callvault/callvault/internal/account"
	"github.com/callvault/callvault/internal/archive"
	"github.com/callvault/callvault/internal/batchestimate"
	"github.com/callvault/callvault/internal/batchplan"
	"github.com/callvault/callvault/internal/program"
	"github.com/callvault/callvault/workflows"
	"github.com/callvault/callvault/workflows/batch"
)

const (
	// lookedUpAtOnce are the sessions whose manifests one look finds, and looksAtOnce
	// how many looks there are at a time.
	lookedUpAtOnce = 2000
	looksAtOnce    = 8

	// lookTimeout bounds one look.
	lookTimeout = 2 * time.Minute

	// maxShownLosses bounds how many sessions that will be purged are shown as text.
	maxShownLosses = 20
)

// dryRunResult is what a dry run says.
type dryRunResult struct {
	BatchID    string               `json:"batchId"`
	Account    string               `json:"account"`
	Rows       int                  `json:"rows"`
	Duplicates int                  `json:"duplicates"`
	Invalid    int                  `json:"invalid"`
	Sessions   int                  `json:"sessions"`
	Months     []batchestimate.Part `json:"months"`
	Ages       []batchestimate.Part `json:"ages"`

	// Found have a manifest already, whatever it says, so they cost no call.
	Found int `json:"haveManifest"`
	// Calls is how many are needed at least: one for each of the others.
	Calls   int            `json:"callsAtLeast"`
	Budgets []dryRunBudget `json:"budgets"`
	// DoneAt is when the last session has had its call, if nothing else uses the budgets.
	DoneAt time.Time `json:"doneAt"`

	// Retention is how long the vendor keeps a recording; empty if that is not
	// configured. The losses are then not known.
	Retention string `json:"retention,omitempty"`
	// PurgedBefore are purged before their turn, PastRetention already.
	PurgedBefore  []workflows.Session `json:"purgedBeforeTheirTurn"`
	PastRetention int                 `json:"pastRetention"`
}

// dryRunBudget is a call budget, and what the batch needs of it.
type dryRunBudget struct {
	Budget  string  `json:"budget"`
	Calls   int     `json:"calls"`
	Window  string  `json:"window"`
	PerHour float64 `json:"perHour"`
	// Limits says where the window is from: "configured", "running" or "learned".
	Limits string `json:"limits"`
}

// dryRun says what the batch would cost. It starts and stores nothing.
func dryRun(command *cobra.Command, list *checkedList, options batchStart, now time.Time) error {
	ctx, stdout := command.Context(), command.OutOrStdout()
	result := dryRunResult{
		BatchID: options.request.BatchID, Account: list.owner.Name,
		Rows: list.Rows, Duplicates: list.Duplicates, Invalid: list.Invalid, Sessions: list.Sessions(),
	}
	queues, spread, err := withoutManifest(ctx, list, now)
	if err != nil {
		return interruptedOr(ctx, storeFailure(err))
	}
	result.Months, result.Ages = spread.Months(), spread.Ages()
	statuses := runningBudgets(command, budgetNamesOf(list.owner, queues))
	if ctx.Err() != nil {
		return program.ErrInterrupted
	}
	result.estimate(list.owner, queues, statuses, now)
	if options.output == formatJSON {
		err = printJSON(stdout, result)
	} else {
		_, err = io.WriteString(stdout, dryRunText(result, now))
	}
	if err == nil && list.Invalid > 0 && !options.skipInvalid {
		err = badRows(list)
	}
	return err
}

// estimate completes the result from the sessions that need a call, and from what the budgets
// that run say.
func (r *dryRunResult) estimate(owner *account.Account, queues []batchestimate.Queue, statuses map[string]workflows.BudgetStatus, now time.Time) {
	var planned []batchestimate.Budget
	r.Budgets, r.PurgedBefore = []dryRunBudget{}, []workflows.Session{}
	for _, name := range budgetNamesOf(owner, queues) {
		windows, limits := owner.Budget.Windows, "configured"
		if status, ok := statuses[name]; ok {
			if running, learned := batchestimate.LimitsOf(status); len(running) > 0 {
				windows, limits = running, map[bool]string{false: "running", true: "learned"}[learned]
			}
		}
		budget := batchestimate.Budget{Name: name, Pace: batchestimate.PaceOf(windows)}
		for _, queue := range queues {
			if owner.BudgetName(queue.BotID) == name {
				budget.Queues = append(budget.Queues, queue)
			}
		}
		planned = append(planned, budget)
		r.Calls += budget.Calls()
		r.Budgets = append(r.Budgets, dryRunBudget{Budget: name, Calls: budget.Calls(), Window: budget.Pace.Window.String(), PerHour: budget.Pace.PerHour(), Limits: limits})
	}
	r.Found = r.Sessions - r.Calls
	r.DoneAt = batchestimate.DoneAt(planned, now).UTC().Truncate(time.Second)
	if owner.Retention > 0 {
		r.Retention = owner.Retention.String()
		losses := batchestimate.LossesOf(planned, owner.Retention, now)
		r.PurgedBefore, r.PastRetention = append(r.PurgedBefore, losses.BeforeTurn...), losses.Past
	}
}

// budgetNamesOf returns the budgets that the bots' calls count against, each once.
func budgetNamesOf(owner *account.Account, queues []batchestimate.Queue) []string {
	names := make([]string, 0, len(queues))
	for _, queue := range queues {
		names = append(names, owner.BudgetName(queue.BotID))
	}
	return eachOnce(names)
}

// withoutManifest returns for each bot the sessions that need a call, in the order in which
// the batch would ask for them, and counts all sessions by the time of their call.
func withoutManifest(ctx context.Context, list *checkedList, now time.Time) ([]batchestimate.Queue, *batchestimate.Spread, error) {
	spread := batchestimate.NewSpread(now)
	queues := make([]batchestimate.Queue, len(list.plan.Bots))
	lines := bufio.NewScanner(list.plan.Text())
	lines.Buffer(nil, 2*batchplan.MaxLineBytes)
	for i, bot := range list.plan.Bots {
		var pages [][]string
		for n := range bot.Sessions {
			if !lines.Scan() {
				return nil, nil, errors.Join(errors.New("the plan ends early"), lines.Err())
			}
			sessionID, _, _ := strings.Cut(lines.Text(), " ")
			if called, err := (workflows.Session{BotID: bot.BotID, SessionID: sessionID}).CallTime(); err == nil {
				spread.Add(called)
			}
			if n%lookedUpAtOnce == 0 {
				pages = append(pages, make([]string, 0, min(lookedUpAtOnce, bot.Sessions-n)))
			}
			last := len(pages) - 1
			pages[last] = append(pages[last], strings.Clone(sessionID))
		}
		if err := lookUp(ctx, list.owner.Store, bot.BotID, pages); err != nil {
			return nil, nil, err
		}
		queues[i].BotID = bot.BotID
		for _, page := range pages {
			queues[i].SessionIDs = append(queues[i].SessionIDs, page...)
		}
	}
	return queues, spread, nil
}

// lookUp removes from the pages the sessions that have a manifest, several pages at once.
func lookUp(ctx context.Context, store *archive.Store, botID string, pages [][]string) error {
	all, ctx := errgroup.WithContext(ctx)
	all.SetLimit(looksAtOnce)
	for i := range pages {
		all.Go(func() (err error) {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			pages[i], err = lookUpPage(ctx, store, botID, pages[i])
			return err
		})
	}
	return all.Wait()
}

func lookUpPage(ctx context.Context, store *archive.Store, botID string, sessionIDs []string) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	sessions := make([]workflows.Session, 0, len(sessionIDs))
	for _, id := range sessionIDs {
		sessions = append(sessions, workflows.Session{BotID: botID, SessionID: id})
	}
	found, err := store.Manifests(ctx, sessions)
	if err != nil {
		return nil, err
	}
	left := sessionIDs[:0]
	for _, session := range sessions {
		if !found[session] {
			left = append(left, session.SessionID)
		}
	}
	return left, nil
}

// runningBudgets returns what the budgets say that run. Without Temporal or a worker the
// configured limits have to do; stderr gets the reason.
func runningBudgets(command *cobra.Command, names []string) map[string]workflows.BudgetStatus {
	ctx, stderr := command.Context(), command.ErrOrStderr()
	statuses := make(map[string]workflows.BudgetStatus)
	c, namespace, err := connect(ctx, stderr)
	if err != nil {
		if ctx.Err() == nil {
			fmt.Fprintf(stderr, "The time is estimated with the configured limits, as those in use cannot be asked for: %v\n", err)
		}
		return statuses
	}
	defer c.Close()
	b := budgets{c, namespace}
	for _, name := range names[:min(len(names), maxBudgets)] {
		status, err := b.status(ctx, name)
		switch {
		case err == nil:
			statuses[name] = status
		case errors.Is(err, errNoWorker):
			fmt.Fprintf(stderr, "The time is estimated with the configured limits, as those in use cannot be asked for: %v\n", err)
			return statuses
		}
	}
	return statuses
}

func dryRunText(r dryRunResult, now time.Time) string {
	var b strings.Builder
	fmt.Fprintf(&b, "dry run of batch %s for account %s: nothing is started or stored\n", r.BatchID, r.Account)
	var rows []batch.Row
	line := func(name string, n int) { rows = append(rows, batch.Row{Name: name, Sessions: n}) }
	line("rows", r.Rows)
	line("invalid", r.Invalid)
	line("duplicates", r.Duplicates)
	line("sessions", r.Sessions)
	for _, part := range r.Months {
		line("  of "+part.Name, part.Sessions)
	}
	for _, part := range r.Ages {
		line("  "+part.Name, part.Sessions)
	}
	line("have a manifest already", r.Found)
	line("calls needed, at least", r.Calls)
	b.WriteString(countsText(rows))
	if r.Calls == 0 {
		fmt.Fprintln(&b, "  every session has a manifest: nothing is left to do")
		return b.String()
	}
	fmt.Fprintf(&b, "  done at about %s (in %s), if nothing else uses the call budget\n", minute(r.DoneAt), max(0, r.DoneAt.Sub(now)).Round(time.Second))
	for _, budget := range r.Budgets[:min(len(r.Budgets), maxShownLosses)] {
		fmt.Fprintf(&b, "    budget %s: %s calls at %s an hour, by %s\n", budget.Budget, count(budget.Calls), count(int(budget.PerHour+0.5)), limitsText(budget))
	}
	if more := len(r.Budgets) - maxShownLosses; more > 0 {
		fmt.Fprintf(&b, "    and %d more budgets: see --output json\n", more)
	}
	writeLosses(&b, r)
	return b.String()
}

func limitsText(budget dryRunBudget) string {
	switch budget.Limits {
	case "learned":
		return "the limit " + budget.Window + " that was learned from the vendor's refusals"
	case "running":
		return "the limit " + budget.Window + " of the budget that runs"
	}
	return "the configured limit " + budget.Window
}

// writeLosses says what the vendor will have deleted.
func writeLosses(b *strings.Builder, r dryRunResult) {
	if r.Retention == "" {
		fmt.Fprintln(b, "  what the vendor deletes before its turn is not known: set retention in CALLVAULT_CONFIG, or SMARTASSIST_RETENTION, to how long it keeps recordings, such as 90d")
		return
	}
	fmt.Fprintf(b, "  past the vendor's retention of %s already, so probably lost_to_retention: %s\n", r.Retention, count(r.PastRetention))
	fmt.Fprintf(b, "  will be past it before their turn: %s\n", count(len(r.PurgedBefore)))
	for _, session := range r.PurgedBefore[:min(len(r.PurgedBefore), maxShownLosses)] {
		fmt.Fprintf(b, "    %s %s\n", session.BotID, session.SessionID)
	}
	if more := len(r.PurgedBefore) - maxShownLosses; more > 0 {
		fmt.Fprintf(b, "    and %s more: see --output json\n", count(more))
	}
}
