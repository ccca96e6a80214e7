package cli_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/internal/program"
	"github.com/callvault/callvault/workflows"
)

const scheduleID = "callvault-days-" + bot

// printedSchedule is what the commands print that change a schedule.
type printedSchedule struct {
	Change, BotID, ScheduleID, From, Note, Problem string
	Hour, Minute                                   int
	Paused                                         bool
	NextRuns                                       []time.Time
	LastRuns                                       []struct {
		WorkflowID string
		Running    bool
	}
}

func create(t *testing.T, flags ...string) outcome {
	t.Helper()
	return run(t.Context(), append([]string{"schedule", "create", "--bot", bot}, flags...)...)
}

func TestScheduleIsCreatedFromYesterdayOn(t *testing.T) {
	server := new(dayServer)
	listen(t, server)
	before := time.Now().UTC().AddDate(0, 0, -1).Format(time.DateOnly)
	got := create(t)
	after := time.Now().UTC().AddDate(0, 0, -1).Format(time.DateOnly)
	require.Equal(t, program.ExitDone, got.code, got.stderr)
	require.Empty(t, got.stderr)
	require.Contains(t, got.stdout, "created: schedule "+scheduleID+" archives each day of "+bot+" from ")
	require.Regexp(t, `(?m)^  next start 2026-03-08 12:42 UTC; to start at once: .* schedule trigger --bot `+bot+"$", got.stdout)

	action := server.schedules[scheduleID].GetAction().GetStartWorkflow()
	require.Equal(t, "ArchiveDaysWorkflow", action.GetWorkflowType().GetName())
	require.Equal(t, "callvault", action.GetTaskQueue().GetName())
	var request workflows.DaysRequest
	require.NoError(t, json.Unmarshal(action.GetInput().GetPayloads()[0].GetData(), &request))
	require.Contains(t, []string{before, after}, request.From)
	require.Equal(t, workflows.DaysRequest{BotID: bot, From: request.From}, request, "the workflow has the defaults")
}

func TestFlagsReachTheScheduledRequest(t *testing.T) {
	server := new(dayServer)
	listen(t, server)
	got := create(t, "--hour", "22", "--from", "2026-03-01", "--settle-after", "24h", "--at-once", "5", "--priority", "5", "--give-up-after", "240h", "--output", "json")
	require.Equal(t, program.ExitDone, got.code, got.stderr)
	printed := decoded[printedSchedule](t, got)
	require.Equal(t, "created", printed.Change)
	require.Equal(t, 22, printed.Hour)
	require.Equal(t, workflows.DaysSchedule{Request: workflows.DaysRequest{BotID: bot}}.Minute(), printed.Minute)
	calendar := server.schedules[scheduleID].GetSpec().GetStructuredCalendar()[0]
	require.EqualValues(t, 22, calendar.GetHour()[0].GetStart())
	require.EqualValues(t, printed.Minute, calendar.GetMinute()[0].GetStart())
	require.JSONEq(t, `{"botId": "`+bot+`", "from": "2026-03-01", "atOnce": 5, "settleAfter": "24h0m0s", "priority": 5, "policy": {"giveUpAfter": "240h0m0s"}}`,
		string(server.schedules[scheduleID].GetAction().GetStartWorkflow().GetInput().GetPayloads()[0].GetData()))
}

func TestSameScheduleAgainChangesNothingAndAnotherOneIsRefused(t *testing.T) {
	server := new(dayServer)
	listen(t, server)
	require.Equal(t, program.ExitDone, create(t, "--from", "2026-03-01").code)

	got := create(t)
	require.Equal(t, program.ExitDone, got.code, got.stderr)
	require.Contains(t, got.stdout, "unchanged: schedule "+scheduleID+" archives each day of "+bot+" from 2026-03-01 on", "without --from the first day stays")

	for _, flags := range [][]string{{"--hour", "4"}, {"--from", "2026-02-01"}, {"--at-once", "2"}} {
		got = create(t, flags...)
		require.Equal(t, program.ExitUsage, got.code)
		require.Empty(t, got.stdout)
		require.Regexp(t, `bot `+bot+` has another schedule already: every day at 03:\d\d UTC from 2026-03-01 on, with .*: to change it give --replace`, got.stderr)
	}

	require.Equal(t, program.ExitDone, run(t.Context(), "schedule", "pause", "--bot", bot, "--reason", "the vendor asked us to").code)
	printed := decoded[printedSchedule](t, create(t, "--hour", "4", "--replace", "--output", "json"))
	require.Equal(t, "replaced", printed.Change)
	require.Equal(t, 4, printed.Hour)
	require.Equal(t, "2026-03-01", printed.From, "no day is forgotten by a change of the hour")
	require.True(t, printed.Paused, "and no pause is lifted")
	require.Equal(t, "the vendor asked us to", printed.Note)
	require.EqualValues(t, 7*24*time.Hour, server.schedules[scheduleID].GetPolicies().GetCatchupWindow().AsDuration())
}

func TestScheduleOfAnUnservedBotIsRefused(t *testing.T) {
	server := &dayServer{unserved: true}
	listen(t, server)
	got := create(t)
	require.Equal(t, program.ExitUsage, got.code)
	require.Empty(t, got.stdout)
	require.Contains(t, got.stderr, `no worker of namespace "default" serves bot `+bot)
	require.Contains(t, got.stderr, "--no-check to create a schedule whose days wait")
	require.Empty(t, server.schedules)

	got = create(t, "--no-check")
	require.Equal(t, program.ExitDone, got.code, got.stderr)
	require.Len(t, server.schedules, 1)
}

func TestPausedScheduleSaysWhyAndGoesOn(t *testing.T) {
	server := new(dayServer)
	listen(t, server)
	require.Equal(t, program.ExitDone, create(t, "--from", "2026-03-01").code)
	got := run(t.Context(), "schedule", "pause", "--bot", bot, "--reason", "the vendor asked us to")
	require.Equal(t, program.ExitDone, got.code, got.stderr)
	require.Contains(t, got.stdout, "paused: schedule "+scheduleID)
	require.Contains(t, got.stdout, "  paused: the vendor asked us to\n  to go on: ")
	require.NotContains(t, got.stdout, "next start")

	got = run(t.Context(), "schedule", "resume", "--bot", bot, "--output", "json")
	require.Equal(t, program.ExitDone, got.code, got.stderr)
	printed := decoded[printedSchedule](t, got)
	require.Equal(t, "resumed", printed.Change)
	require.False(t, printed.Paused)
	require.Len(t, printed.NextRuns, 1)
}

func TestTriggeredScheduleStartsItsDaysAtOnceEvenIfItIsPaused(t *testing.T) {
	server := new(dayServer)
	listen(t, server)
	require.Equal(t, program.ExitDone, create(t, "--from", "2026-03-01").code)
	got := run(t.Context(), "schedule", "trigger", "--bot", bot)
	require.Equal(t, program.ExitDone, got.code, got.stderr)
	require.Contains(t, got.stdout, "triggered: schedule "+scheduleID+" archives each day of "+bot+" from 2026-03-01 on")
	require.NotContains(t, got.stdout, "to start at once")
	require.Equal(t, []string{scheduleID}, server.triggered)

	require.Equal(t, program.ExitDone, run(t.Context(), "schedule", "pause", "--bot", bot, "--reason", "a freeze").code)
	printed := decoded[printedSchedule](t, run(t.Context(), "schedule", "trigger", "--bot", bot, "--output", "json"))
	require.Equal(t, "triggered", printed.Change)
	require.True(t, printed.Paused, "it stays paused")
	require.Len(t, server.triggered, 2)
}

func TestSchedulesAreListedByBot(t *testing.T) {
	server := &dayServer{foreign: []string{"somebody-elses", "callvault-days-nonsense"}}
	listen(t, server)
	got := run(t.Context(), "schedule", "list")
	require.Equal(t, program.ExitDone, got.code, got.stderr)
	require.Contains(t, got.stdout, `no bot has a schedule in namespace "default"`)
	require.Equal(t, "[]\n", run(t.Context(), "schedule", "list", "--output", "json").stdout)

	for _, one := range []string{"st-2", "st-1"} {
		require.Equal(t, program.ExitDone, run(t.Context(), "schedule", "create", "--bot", one, "--from", "2026-03-01").code)
	}
	require.Equal(t, program.ExitDone, run(t.Context(), "schedule", "pause", "--bot", "st-2", "--reason", "a freeze").code)
	server.schedules["callvault-days-st-3"] = server.schedules["callvault-days-st-1"]
	got = run(t.Context(), "schedule", "list")
	require.Equal(t, program.ExitDone, got.code, got.stderr)
	require.Regexp(t, `(?m)^st-1  2026-03-01  03:\d\d UTC  +2026-03-08 12:42 UTC  2026-03-07 12:42 UTC  Archives each day of st-1 from 2026-03-01 on\.$`, got.stdout)
	require.Regexp(t, `(?m)^st-2  2026-03-01  03:\d\d UTC  +paused +2026-03-07 12:42 UTC  a freeze$`, got.stdout)

	listed := decoded[[]printedSchedule](t, run(t.Context(), "schedule", "list", "--output", "json"))
	require.Len(t, listed, 3)
	require.Equal(t, "days/b", listed[0].LastRuns[0].WorkflowID, "the latest first")
	require.True(t, listed[0].LastRuns[0].Running)
	require.False(t, listed[0].LastRuns[1].Running)
}

func TestScheduleThatSomebodyHasChangedIsListedAndRefused(t *testing.T) {
	server := new(dayServer)
	listen(t, server)
	require.Equal(t, program.ExitDone, create(t, "--from", "2026-03-01").code)
	server.schedules[scheduleID].GetAction().GetStartWorkflow().GetWorkflowType().Name = "Other"
	got := run(t.Context(), "schedule", "list")
	require.Equal(t, program.ExitDone, got.code)
	require.Contains(t, got.stdout, "somebody has changed it: it does not start ArchiveDaysWorkflow")
	require.NotContains(t, got.stdout, "00:00 UTC", "when it starts is not known")

	got = create(t)
	require.Equal(t, program.ExitUsage, got.code)
	require.Contains(t, got.stderr, scheduleID+" exists, and it does not start ArchiveDaysWorkflow with one input")
	require.Equal(t, program.ExitDone, create(t, "--replace").code)
}

func TestDeletedScheduleIsGone(t *testing.T) {
	server := new(dayServer)
	listen(t, server)
	require.Equal(t, program.ExitDone, create(t).code)
	got := run(t.Context(), "schedule", "delete", "--bot", bot, "--output", "json")
	require.Equal(t, program.ExitDone, got.code, got.stderr)
	require.JSONEq(t, `{"botId": "`+bot+`", "scheduleId": "`+scheduleID+`", "deleted": true}`, got.stdout)
	for _, args := range [][]string{{"delete"}, {"pause", "--reason", "r"}, {"resume"}, {"trigger"}} {
		got = run(t.Context(), append([]string{"schedule", args[0], "--bot", bot}, args[1:]...)...)
		require.Equal(t, program.ExitFailed, got.code)
		require.Empty(t, got.stdout)
		require.Contains(t, got.stderr, `bot `+bot+` has no schedule in namespace "default": correct --bot`)
	}
}
