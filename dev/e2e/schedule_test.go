package e2e_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"

	"github.com/callvault/callvault/internal/simulator"
	"github.com/callvault/callvault/workflows"
)

// schedule runs "starter schedule" for the bot.
func (h *daysHarness) schedule(arguments ...string) {
	h.t.Helper()
	p := h.startStarter(append([]string{"schedule", arguments[0], "--bot", bot}, arguments[1:]...)...)
	require.Zero(h.t, p.exitCode(h.ctx), "%s", p.stderr)
}

// compressDays has the schedule start every two seconds in place of every day.
func (h *daysHarness) compressDays() client.ScheduleHandle {
	h.t.Helper()
	schedule := h.client.ScheduleClient().GetHandle(h.ctx, workflows.DaysScheduleID(bot))
	require.NoError(h.t, schedule.Update(h.ctx, client.ScheduleUpdateOptions{DoUpdate: func(input client.ScheduleUpdateInput) (*client.ScheduleUpdate, error) {
		changed := input.Description.Schedule
		calendar := &changed.Spec.Calendars[0]
		calendar.Hour, calendar.Minute, calendar.Second = []client.ScheduleRange{{End: 23}}, []client.ScheduleRange{{End: 59}}, []client.ScheduleRange{{End: 59, Step: 2}}
		return &client.ScheduleUpdate{Schedule: &changed}, nil
	}}))
	return schedule
}

// starts returns what the starts of the schedule have done that have ended.
func (h *daysHarness) starts() []workflows.DaysResult {
	h.t.Helper()
	listed, err := h.client.ListWorkflow(h.ctx, &workflowservice.ListWorkflowExecutionsRequest{
		Namespace: h.name, Query: "WorkflowType = 'ArchiveDaysWorkflow' AND ExecutionStatus = 'Completed'",
	})
	require.NoError(h.t, err)
	var starts []workflows.DaysResult
	for _, one := range listed.GetExecutions() {
		var result workflows.DaysResult
		require.NoError(h.t, h.client.GetWorkflow(h.ctx, one.GetExecution().GetWorkflowId(), one.GetExecution().GetRunId()).Get(h.ctx, &result))
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
		require.NoError(t, h.upstream.AddSession(simulator.Session{
			BotID: bot, SessionID: simulator.NewSessionID(begin.Add(time.Hour), uint64(ago)), Script: success, Files: []simulator.File{recording("a.wav", 8_000)},
		}))
	}
	h.schedule("create", "--from", today.AddDate(0, 0, -7).Format(time.DateOnly), "--no-check", "--settle-after", "1s", "--at-once", "7", "--poll-min", "100ms")
	schedule := h.compressDays()
	h.await("starts are left out, as the first one waits for a worker", func() bool {
		described, err := schedule.Describe(h.ctx)
		return err == nil && described.Info.NumActionsSkippedOverlap >= 3 && len(described.Info.RunningWorkflows) == 1
	})
	h.startWorker()
	h.await("a start finds every day of the week sealed", func() bool {
		for _, start := range h.starts() {
			if start.Started == 0 && start.Sealed >= len(week) {
				return true
			}
		}
		return false
	})
	h.schedule("pause", "--reason", "the test is over")
	for date := range week {
		shown := h.startStarter("day", "show", date, "--bot", bot)
		require.Zero(t, shown.exitCode(h.ctx), "%s\n%s", shown.stdout, shown.stderr)
		_, rows := h.latest(date)
		require.Len(t, rows, 1, date)
		require.Equal(t, workflows.OutcomeArchived, rows[0].Outcome, date)
	}
	code, output := h.verify(h.copyBucket())
	require.Zero(t, code, output)
	h.schedule("delete")
	_, err := schedule.Describe(h.ctx)
	require.ErrorContains(t, err, "not found")
}
