package workflows_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"

	"github.com/callvault/callvault/workflows"
)

var daysSchedule = workflows.DaysSchedule{Request: workflows.DaysRequest{BotID: "st-1", From: "2026-11-20", AtOnce: 5}, Hour: 4}

// A start does the work of all that were missed, skipped or paused away, so nothing is
// started twice and no failure stops the schedule.
func TestScheduleStartsOnceADayAndHealsByItself(t *testing.T) {
	options := workflows.DaysScheduleOptions(daysSchedule)
	require.Equal(t, "callvault-days-st-1", options.ID)
	require.Equal(t, enumspb.SCHEDULE_OVERLAP_POLICY_SKIP, options.Overlap)
	require.Greater(t, options.CatchupWindow, 24*time.Hour, "at least one start of those that were missed is made up for")
	require.False(t, options.PauseOnFailure)
	require.False(t, options.Paused)
	require.Zero(t, options.RemainingActions)
	require.Contains(t, options.Note, "st-1 from 2026-11-20")

	require.Len(t, options.Spec.Calendars, 1)
	require.Equal(t, []client.ScheduleRange{{Start: 4}}, options.Spec.Calendars[0].Hour)
	require.Equal(t, []client.ScheduleRange{{Start: daysSchedule.Minute()}}, options.Spec.Calendars[0].Minute)
	require.Equal(t, "UTC", options.Spec.TimeZoneName)
	require.Zero(t, options.Spec.Jitter, "nothing is random")

	action := options.Action.(*client.ScheduleWorkflowAction)
	start := workflows.DaysStartOptions("schedule", daysSchedule.Request)
	require.Equal(t, workflows.ArchiveDaysWorkflowName, action.Workflow)
	require.Equal(t, []any{daysSchedule.Request}, action.Args)
	require.Equal(t, "days/st-1/schedule", action.ID)
	require.Equal(t, start.TaskQueue, action.TaskQueue)
	require.Equal(t, start.StaticSummary, action.StaticSummary)
	require.Equal(t, start.StaticDetails, action.StaticDetails)
	require.Equal(t, start.Memo, action.Memo)
	for _, attributes := range []interface{ Size() int }{action.TypedSearchAttributes, options.TypedSearchAttributes} {
		require.Equal(t, 1, attributes.Size())
	}
}

func TestMinuteFollowsFromTheBotAndSpreads(t *testing.T) {
	of := func(bot int) int {
		return workflows.DaysSchedule{Request: workflows.DaysRequest{BotID: fmt.Sprintf("st-%d", bot)}}.Minute()
	}
	minutes := make(map[int]int)
	for bot := range 600 {
		minutes[of(bot)]++
	}
	require.Equal(t, 20, of(1), "it never changes, so that schedules that exist are found to be the same")
	require.Len(t, minutes, 60)
	for minute, bots := range minutes {
		require.GreaterOrEqual(t, minute, 0)
		require.LessOrEqual(t, minute, 59)
		require.LessOrEqual(t, bots, 30, "minute %d", minute)
	}
}

func TestScheduleIsReadAsItWasMade(t *testing.T) {
	options := workflows.DaysScheduleOptions(daysSchedule)
	action := options.Action.(*client.ScheduleWorkflowAction)
	payload, err := converter.GetDefaultDataConverter().ToPayload(action.Args[0])
	require.NoError(t, err)
	described := func(change func(*client.Schedule, *client.ScheduleWorkflowAction)) client.Schedule {
		copied, spec := *action, options.Spec
		copied.Args = []any{payload}
		schedule := client.Schedule{Action: &copied, Spec: &spec}
		change(&schedule, &copied)
		return schedule
	}
	read, err := workflows.DaysScheduleOf(described(func(*client.Schedule, *client.ScheduleWorkflowAction) {}))
	require.NoError(t, err)
	require.Equal(t, daysSchedule, read)

	for says, change := range map[string]func(*client.Schedule, *client.ScheduleWorkflowAction){
		"does not start ArchiveDaysWorkflow": func(_ *client.Schedule, a *client.ScheduleWorkflowAction) { a.Workflow = "Other" },
		"with one input":                     func(_ *client.Schedule, a *client.ScheduleWorkflowAction) { a.Args = nil },
		"not as the server describes it":     func(_ *client.Schedule, a *client.ScheduleWorkflowAction) { a.Args = []any{1} },
		"does not start once a day":          func(s *client.Schedule, _ *client.ScheduleWorkflowAction) { s.Spec = &client.ScheduleSpec{} },
	} {
		_, err := workflows.DaysScheduleOf(described(change))
		assert.ErrorContains(t, err, says)
	}
}

func TestScheduleThatCannotWorkIsRefused(t *testing.T) {
	now := time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC)
	require.NoError(t, daysSchedule.ValidateAt(now))
	for says, change := range map[string]func(*workflows.DaysSchedule){
		"hour is 24: want 0 to 23":     func(s *workflows.DaysSchedule) { s.Hour = 24 },
		"hour is -1":                   func(s *workflows.DaysSchedule) { s.Hour = -1 },
		"a schedule has no last day":   func(s *workflows.DaysSchedule) { s.Request.To = "2026-11-22" },
		"botId is empty":               func(s *workflows.DaysSchedule) { s.Request.BotID = "" },
		"date 2026-11-22 is in the fu": func(s *workflows.DaysSchedule) { s.Request.From = "2026-11-22" },
		"atOnce is 21":                 func(s *workflows.DaysSchedule) { s.Request.AtOnce = 21 },
	} {
		changed := daysSchedule
		change(&changed)
		assert.ErrorContains(t, changed.ValidateAt(now), says)
	}
}
