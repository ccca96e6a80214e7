package days_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"

	"github.com/callvault/callvault/dev/internal/system"
	"github.com/callvault/callvault/internal/simulator"
	"github.com/callvault/callvault/workflows"
)

// schedule runs "starter schedule" for the bot.
func (h *daysHarness) schedule(arguments ...string) {
	h.T.Helper()
	p := h.StartStarter(append([]string{"schedule", arguments[0], "--bot", system.Bot}, arguments[1:]...)...)
	require.Zero(h.T, p.ExitCode(h.Ctx), "%s", p.Stderr)
}

// compressDays has the schedule start every two seconds in place of every day.
func (h *daysHarness) compressDays() client.ScheduleHandle {
	h.T.Helper()
	schedule := h.Client.ScheduleClient().GetHandle(h.Ctx, workflows.DaysScheduleID(system.Bot))
	require.NoError(h.T, schedule.Update(h.Ctx, client.ScheduleUpdateOptions{DoUpdate: func(input client.ScheduleUpdateInput) (*client.ScheduleUpdate, error) {
		changed := input.Description.Schedule
		calendar := &changed.Spec.Calendars[0]
		calendar.Hour, calendar.Minute, calendar.Second = []client.ScheduleRange{{End: 23}}, []client.ScheduleRange{{End: 59}}, []client.ScheduleRange{{End: 59, Step: 2}}
		return &client.ScheduleUpdate{Schedule: &changed}, nil
	}}))
	return schedule
}

// starts returns what the starts of the schedule have done that have ended.
func (h *daysHarness) starts() []workflows.DaysResult {
	h.T.Helper()
	listed, err := h.Client.ListWorkflow(h.Ctx, &workflowservice.ListWorkflowExecutionsRequest{
		Namespace: h.Name, Query: "WorkflowType = 'ArchiveDaysWorkflow' AND ExecutionStatus = 'Completed'",
	})
	require.NoError(h.T, err)
	var starts []workflows.DaysResult
	for _, one := range listed.GetExecutions() {
		var result workflows.DaysResult
		require.NoError(h.T, h.Client.GetWorkflow(h.Ctx, one.GetExecution().GetWorkflowId(), one.GetExecution().GetRunId()).Get(h.Ctx, &result))
		starts = append(starts, result)
	}
	return starts
}

// A schedule that fires by itself, on a server whose workers are away for a week of its days, ends with every one of
// them sealed; from then on its starts start nothing.
func TestScheduleSealsTheDaysOfAWeekWithoutWorkers(t *testing.T) {
	t.Parallel()
	h := newDaysHarness(t)
	today := time.Now().UTC().Truncate(24 * time.Hour)
	week := make(map[string]bool)
	for ago := 1; ago <= 7; ago++ {
		begin := today.AddDate(0, 0, -ago)
		week[begin.Format(time.DateOnly)] = true
		require.NoError(t, h.Upstream.AddSession(simulator.Session{
			BotID: system.Bot, SessionID: simulator.NewSessionID(begin.Add(time.Hour), uint64(ago)), Script: success, Files: []simulator.File{system.Recording("a.wav", 8_000)},
		}))
	}
	h.schedule("create", "--from", today.AddDate(0, 0, -7).Format(time.DateOnly), "--no-check", "--settle-after", "1s", "--at-once", "7", "--poll-min", "100ms")
	schedule := h.compressDays()
	h.Await("starts are left out, as the first one waits for a worker", func() bool {
		described, err := schedule.Describe(h.Ctx)
		return err == nil && described.Info.NumActionsSkippedOverlap >= 3 && len(described.Info.RunningWorkflows) == 1
	})
	h.StartWorker()
	h.Await("a start finds every day of the week sealed", func() bool {
		for _, start := range h.starts() {
			if start.Started == 0 && start.Sealed >= len(week) {
				return true
			}
		}
		return false
	})
	h.schedule("pause", "--reason", "the test is over")
	for date := range week {
		shown := h.StartStarter("day", "show", date, "--bot", system.Bot)
		require.Zero(t, shown.ExitCode(h.Ctx), "%s\n%s", shown.Stdout, shown.Stderr)
		_, rows := h.latest(date)
		require.Len(t, rows, 1, date)
		require.Equal(t, workflows.OutcomeArchived, rows[0].Outcome, date)
	}
	code, output := h.verify(h.copyBucket())
	require.Zero(t, code, output)
	h.schedule("delete")
	_, err := schedule.Describe(h.Ctx)
	require.ErrorContains(t, err, "not found")
}
