package cli

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	"go.temporal.io/sdk/client"
	"golang.org/x/sync/errgroup"

	"github.com/callvault/callvault/internal/oneline"
	"github.com/callvault/callvault/internal/program"
	"github.com/callvault/callvault/workflows"
)

const (
	// maxListedSchedules bounds how many schedules are listed.
	maxListedSchedules = 1000

	// maxSeenSchedules bounds how many schedules of others are passed over on the way.
	maxSeenSchedules = 20_000

	// schedulesAtOnce bounds the requests that are under way.
	schedulesAtOnce = 8
)

func newScheduleList() *cobra.Command {
	command := &cobra.Command{
		Use:   "list",
		Short: "List the schedules: next start, last start, pauses with their reasons",
		Long: fmt.Sprintf("List the schedules of all bots: the first day, the next start, the last ones, and the\n"+
			"reason of a pause. At most %s are listed.\n\n"+
			"Exit code: 0 listed, 1 Temporal cannot be asked, 2 wrong usage, 130 interrupted.\n\n"+
			"The same with the temporal CLI:\n  temporal schedule list", count(maxListedSchedules)),
		Example: "  " + exampleSchedule("list") + "\n  " + exampleSchedule("list --output json"),
		Args:    program.NoArguments,
	}
	output := addOutputFlag(command)
	command.RunE = func(command *cobra.Command, _ []string) error {
		return withSchedules(command, func(s schedules) error {
			ctx, stdout := command.Context(), command.OutOrStdout()
			listed, err := s.list(ctx, command.ErrOrStderr())
			switch {
			case err != nil:
				return interruptedOr(ctx, err)
			case *output == formatJSON:
				return printJSON(stdout, listed)
			case len(listed) == 0:
				_, err = fmt.Fprintf(stdout, "no bot has a schedule in namespace %q: to create one: %s\n", s.namespace, exampleSchedule("create --bot "+exampleBot))
			default:
				_, err = io.WriteString(stdout, schedulesText(listed))
			}
			return err
		})
	}
	return command
}

// listedSchedule is a schedule of the list.
type listedSchedule struct {
	BotID      string `json:"botId"`
	ScheduleID string `json:"scheduleId"`

	// From is the first day, Hour and Minute the time of each start in UTC.
	From   string `json:"from"`
	Hour   int    `json:"hour"`
	Minute int    `json:"minute"`

	Paused bool   `json:"paused"`
	Note   string `json:"note"`

	// NextRuns are the next starts, LastRuns the last ones, the latest first.
	NextRuns []time.Time    `json:"nextRuns"`
	LastRuns []scheduledRun `json:"lastRuns"`

	// Request is what each start asks for.
	Request *workflows.DaysRequest `json:"request,omitempty"`

	// Problem says why the rest is not known.
	Problem string `json:"problem,omitempty"`
}

type scheduledRun struct {
	At         time.Time `json:"at"`
	WorkflowID string    `json:"workflowId"`
	Running    bool      `json:"running"`
}

func (s listedSchedule) at() string { return fmt.Sprintf("%02d:%02d UTC", s.Hour, s.Minute) }

// list returns the schedules of all bots, by bot.
func (s schedules) list(ctx context.Context, stderr io.Writer) ([]listedSchedule, error) {
	bots, err := s.bots(ctx, stderr)
	if err != nil {
		return nil, fmt.Errorf("list the schedules: %w", err)
	}
	listed := make([]listedSchedule, len(bots)) // A list in JSON, even without schedules.
	var all errgroup.Group
	all.SetLimit(schedulesAtOnce)
	for i, botID := range bots {
		all.Go(func() error {
			var err error
			if listed[i], err = s.show(ctx, botID); err != nil {
				listed[i].Problem = err.Error()
			}
			return nil
		})
	}
	_ = all.Wait() // None fails: a problem is shown beside its schedule.
	return listed, ctx.Err()
}

// bots returns the bots that have a schedule, in order.
func (s schedules) bots(ctx context.Context, stderr io.Writer) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, listTimeout)
	defer cancel()
	all, err := s.client.ScheduleClient().List(ctx, client.ScheduleListOptions{PageSize: 100})
	if err != nil {
		return nil, err
	}
	var bots []string
	for seen := 0; all.HasNext(); seen++ {
		entry, err := all.Next()
		if err != nil {
			return nil, err
		}
		if len(bots) == maxListedSchedules || seen == maxSeenSchedules {
			fmt.Fprintf(stderr, "There are more schedules: only %s are listed.\n", count(len(bots)))
			break
		}
		if botID, ok := strings.CutPrefix(entry.ID, workflows.DaysScheduleID("")); ok && workflows.ValidateBotID(botID) == nil {
			bots = append(bots, botID)
		}
	}
	slices.Sort(bots)
	return bots, nil
}

// show returns the schedule of a bot.
func (s schedules) show(ctx context.Context, botID string) (listedSchedule, error) {
	shown := listedSchedule{BotID: botID, ScheduleID: workflows.DaysScheduleID(botID), NextRuns: []time.Time{}, LastRuns: []scheduledRun{}}
	described, err := s.describe(ctx, botID)
	if err != nil {
		return shown, s.explain(ctx, botID, err)
	}
	if state := described.Schedule.State; state != nil {
		shown.Paused, shown.Note = state.Paused, state.Note
	}
	if !shown.Paused {
		shown.NextRuns = append(shown.NextRuns, described.Info.NextActionTimes...)
	}
	for _, action := range slices.Backward(described.Info.RecentActions) {
		if started := action.StartWorkflowResult; started != nil {
			running := slices.ContainsFunc(described.Info.RunningWorkflows, func(w client.ScheduleWorkflowExecution) bool {
				return w.FirstExecutionRunID == started.FirstExecutionRunID
			})
			shown.LastRuns = append(shown.LastRuns, scheduledRun{action.ActualTime.UTC(), started.WorkflowID, running})
		}
	}
	if schedule, unknown := workflows.DaysScheduleOf(described.Schedule); unknown != nil {
		shown.Problem = "somebody has changed it: " + unknown.Error()
	} else {
		shown.From, shown.Hour, shown.Minute, shown.Request = schedule.Request.From, schedule.Hour, schedule.Minute(), &schedule.Request
	}
	return shown, nil
}

func schedulesText(listed []listedSchedule) string {
	var b strings.Builder
	table := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "bot\tfrom\tevery day at\tnext start\tlast start\tnote")
	for _, s := range listed {
		at, next, last, note := s.at(), "paused", "none yet", s.Note
		if len(s.NextRuns) > 0 {
			next = minute(s.NextRuns[0])
		}
		if s.Problem != "" {
			at, next, last, note = "", "", "", s.Problem
		}
		if len(s.LastRuns) > 0 {
			last = minute(s.LastRuns[0].At)
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\n", s.BotID, oneline.Of(s.From), at, next, last, oneline.Of(note))
	}
	_ = table.Flush() // It writes to memory.
	return b.String()
}
