package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/workflowservice/v1"

	"github.com/callvault/callvault/internal/archive"
	"github.com/callvault/callvault/internal/dayindex"
	"github.com/callvault/callvault/internal/oneline"
	"github.com/callvault/callvault/internal/program"
	"github.com/callvault/callvault/workflows"
)

const (
	// firstWatchPause and lastWatchPause are the times between two looks at a backfill,
	// which doubles: it may take days, and each look costs a LIST.
	firstWatchPause = time.Second
	lastWatchPause  = 30 * time.Second

	// maxSuspects bounds how many days are looked up at a time that do not seem to run.
	maxSuspects = 20

	// maxAskedDays bounds how many days are asked where they are, of those that have a
	// record and of those that have none.
	maxAskedDays = 20

	// runningPages bounds the pages of 1,000 running days.
	runningPages = 4
)

// backfillWatch follows the days of a backfill until each is sealed.
type backfillWatch struct {
	days
	store   *archive.Store
	index   *dayindex.Index
	request workflows.DaysRequest

	// gone are days that were found ended and not sealed: how often, and how.
	gone map[string]goneDay
}

type goneDay struct {
	looks  int
	status enumspb.WorkflowExecutionStatus
}

// isLost reports whether a day will not be sealed. One that has just completed may not be in
// the list yet.
func (g goneDay) isLost() bool {
	return g.looks >= 3 || g.looks > 0 && g.status != enumspb.WORKFLOW_EXECUTION_STATUS_COMPLETED && g.status != enumspb.WORKFLOW_EXECUTION_STATUS_UNSPECIFIED
}

func newBackfillWatch(d days, store *archive.Store, request workflows.DaysRequest) *backfillWatch {
	return &backfillWatch{d, store, dayindex.Of(store), request, make(map[string]goneDay)}
}

func (w *backfillWatch) rangeOf() dayindex.Range {
	return dayindex.Range{From: w.request.From, To: w.request.To}
}

// wait shows on stderr how far the days are until each is sealed or cannot be, and prints
// them. It returns an error unless every session is archived.
func (w *backfillWatch) wait(ctx context.Context, output format, stdout, stderr io.Writer) error {
	if err := w.follow(ctx, newView(stderr)); err != nil {
		if errors.Is(err, program.ErrInterrupted) {
			fmt.Fprintf(stderr, "\nThe days go on in the background. To follow them again:\n  %s --wait\n", backfillCommand(w.request.BotID, w.request.From, w.request.To))
		}
		return err
	}
	allArchived, notLogged := true, 0
	printer := listedDayPrinter(output, stdout)
	err := listDays(ctx, w.store, w.request.BotID, w.rangeOf(), func(day listedDay) error {
		allArchived = allArchived && day.Revision > 0 && day.isAllArchived()
		if day.Revision > 0 && !day.Sealed {
			notLogged++
		}
		return printer.one(day)
	})
	if err = errors.Join(err, printer.end()); err != nil {
		return interruptedOr(ctx, storeFailure(err))
	}
	if lost := w.lost(); len(lost) > 0 {
		return fmt.Errorf("%d days are not sealed: %s: to go on: %s", len(lost), strings.Join(lost[:min(len(lost), maxSuspects)], ", "),
			backfillCommand(w.request.BotID, w.request.From, w.request.To))
	}
	if notLogged > 0 {
		return fmt.Errorf("%d days are not in the log: to go on: %s", notLogged, backfillCommand(w.request.BotID, w.request.From, w.request.To))
	}
	if !allArchived {
		return fmt.Errorf("%w: not every session is archived", program.ErrReported)
	}
	return nil
}

// lost names the days that will not be sealed.
func (w *backfillWatch) lost() []string {
	var lost []string
	for _, date := range slices.Sorted(maps.Keys(w.gone)) {
		if w.gone[date].isLost() {
			lost = append(lost, fmt.Sprintf("%s (its workflow %s)", date, statusText(w.gone[date].status)))
		}
	}
	return lost
}

// follow returns once no day is left that may still be sealed. Failures of its own are shown
// and do no harm.
func (w *backfillWatch) follow(ctx context.Context, shown view) error {
	for pause := firstWatchPause; ; pause = min(2*pause, lastWatchPause) {
		look, err := w.look(ctx)
		var ended *endedError
		switch {
		case ctx.Err() != nil:
			return program.ErrInterrupted
		case errors.As(err, &ended):
			return err
		case err != nil:
			shown.show(oneline.Of(err.Error()), oneline.Of(err.Error())+"\n")
		default:
			shown.show(look.line(), look.text())
		}
		if err == nil && look.open() == 0 {
			return nil
		}
		select {
		case <-ctx.Done():
			return program.ErrInterrupted
		case <-time.After(pause):
		}
	}
}

// endedError means that the workflow that starts the days ended before it had started all.
type endedError struct{ text string }

func (e *endedError) Error() string { return e.text }

// look is one look at the days of a backfill.
type look struct {
	total, sealed, lost int
	phases              map[workflows.DayPhase]int // of those that run and are not sealed
	asked               []workflows.DayProgress
}

func (l look) open() int { return l.total - l.sealed - l.lost }

func (w *backfillWatch) look(ctx context.Context) (look, error) {
	dates := datesOf(w.rangeOf())
	found := look{total: len(dates), phases: make(map[workflows.DayPhase]int)}
	starter, err := w.status(ctx, workflows.DaysWorkflowID(w.request.BotID, backfillID(w.request.From, w.request.To)))
	if err != nil {
		return found, err
	}
	running, err := w.running(ctx)
	if err != nil {
		return found, err
	}
	// What is read last is what has been sealed meanwhile.
	latest, err := w.index.LatestRevisions(ctx, w.request.BotID, w.rangeOf())
	if err != nil {
		return found, err
	}
	var recorded, active, suspects []workflows.Day
	for _, date := range dates {
		day := workflows.Day{BotID: w.request.BotID, Date: date}
		phase, runs := running[date]
		switch {
		case latest[date] == 0 && !runs:
			suspects = append(suspects, day)
			continue
		case !runs:
			found.sealed++
		case latest[date] > 0: // It is listed again, or its record is not in the log yet.
			recorded = append(recorded, day)
			found.phases[phase]++
		default:
			found.phases[phase]++
			if phase != workflows.DaySettling && phase != workflows.DayWaiting {
				active = append(active, day)
			}
		}
		delete(w.gone, date)
	}
	if starter != enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING {
		if err := w.suspect(ctx, suspects); err != nil {
			return found, err
		}
		if starter != enumspb.WORKFLOW_EXECUTION_STATUS_COMPLETED && len(suspects) > 0 {
			return found, &endedError{fmt.Sprintf("the workflow of the backfill %s, and %d days are not started: to go on: %s", statusText(starter), len(suspects),
				backfillCommand(w.request.BotID, w.request.From, w.request.To))}
		}
	}
	found.lost = len(w.lost())
	found.asked = w.ask(ctx, active)
	for _, progress := range w.ask(ctx, recorded) {
		if progress.Sealed == nil || progress.Sealed.LogIndex == nil {
			found.asked = append(found.asked, progress)
			continue
		}
		found.sealed++
		if found.phases[running[progress.Date]]--; found.phases[running[progress.Date]] == 0 {
			delete(found.phases, running[progress.Date])
		}
	}
	return found, nil
}

// ask asks some of the days where they are.
func (w *backfillWatch) ask(ctx context.Context, days []workflows.Day) []workflows.DayProgress {
	var asked []workflows.DayProgress
	for _, day := range days[:min(len(days), maxAskedDays)] {
		progress, err := w.progress(ctx, day)
		if errors.Is(err, errNoWorker) {
			break // The others wait for the same.
		}
		if err == nil {
			progress.Day = day
			asked = append(asked, *progress)
		}
	}
	return asked
}

// suspect looks up days that do not seem to run, although all are started.
func (w *backfillWatch) suspect(ctx context.Context, suspects []workflows.Day) error {
	looked := 0
	for _, day := range suspects {
		if looked == maxSuspects {
			return nil // The others have their turn once these are known to be lost.
		}
		if w.gone[day.Date].isLost() {
			continue
		}
		looked++
		status, err := w.status(ctx, day.WorkflowID())
		if err != nil {
			return err
		}
		if status == enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING {
			delete(w.gone, day.Date)
			continue
		}
		w.gone[day.Date] = goneDay{w.gone[day.Date].looks + 1, status}
	}
	return nil
}

// running returns the phases of the bot's days that run, by date.
func (w *backfillWatch) running(ctx context.Context) (map[string]workflows.DayPhase, error) {
	bounded, cancel := context.WithTimeout(ctx, dayTimeout)
	defer cancel()
	phases := make(map[string]workflows.DayPhase)
	prefix := workflows.Day{BotID: w.request.BotID}.WorkflowID()
	request := &workflowservice.ListWorkflowExecutionsRequest{Namespace: w.namespace, PageSize: 1000, Query: runningDays(w.request.BotID)}
	for range runningPages {
		response, err := w.client.ListWorkflow(bounded, request)
		if err != nil {
			return nil, fmt.Errorf("list the days that run: %w", err)
		}
		for _, execution := range response.GetExecutions() {
			if date, ok := strings.CutPrefix(execution.GetExecution().GetWorkflowId(), prefix); ok {
				phases[date] = workflows.DayPhase(workflows.KeywordIn(execution.GetSearchAttributes(), workflows.SearchAttributePhase))
			}
		}
		request.NextPageToken = response.GetNextPageToken()
		if len(request.NextPageToken) == 0 {
			break
		}
	}
	return phases, nil
}

// runningDays is the visibility query for the days of a bot that run.
func runningDays(botID string) string {
	return fmt.Sprintf("WorkflowType = '%s' AND %s = '%s' AND ExecutionStatus = 'Running'", workflows.ArchiveDayWorkflowName, workflows.SearchAttributeBot.GetName(), botID)
}

// line describes the days in one line, which stays the same while nothing happens.
func (l look) line() string {
	text := fmt.Sprintf("%s of %s days sealed", count(l.sealed), count(l.total))
	unknown := l.open()
	for _, phase := range slices.Sorted(maps.Keys(l.phases)) {
		text += fmt.Sprintf(", %s %s", oneline.Of(string(phase)), count(l.phases[phase]))
		unknown -= l.phases[phase]
	}
	if unknown > 0 {
		text += fmt.Sprintf(", not started %s", count(unknown))
	}
	if l.lost > 0 {
		text += fmt.Sprintf(", ended without being sealed %s", count(l.lost))
	}
	for _, day := range l.asked {
		if day.Phase == workflows.DayBlocked {
			text += fmt.Sprintf("; %s is blocked: %s", day.Date, oneline.Of(day.Reason))
		}
	}
	return text
}

// text describes the days with what those do that are being worked on.
func (l look) text() string {
	var b strings.Builder
	fmt.Fprintln(&b, l.line())
	for _, day := range l.asked {
		fmt.Fprintf(&b, "day %s\n%s", day.Date, dayProgressText(day))
	}
	return b.String()
}
