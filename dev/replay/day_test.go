package replay_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"
	sdkworker "go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/callvault/callvault/dev/internal/stack"
	"github.com/callvault/callvault/internal/simulator"
	"github.com/callvault/callvault/workflows"
	dayengine "github.com/callvault/callvault/workflows/day"
	"github.com/callvault/callvault/workflows/ledger"
)

// dayState is a state in which a later version may find a day.
type dayState struct {
	name string
	date string // each state has a day of its own
	// reach returns the day in that state. One that is open is exported while it runs.
	reach func(d *dayTest) client.WorkflowRun
	open  bool
	// alarms is how often the day says that the vendor purges its calls soon.
	alarms int
}

func dayStates() []dayState {
	return []dayState{
		{name: "sealed", date: "2026-03-01", reach: func(d *dayTest) client.WorkflowRun {
			d.session(simulator.StatusSuccess)
			d.session(simulator.StatusFailed)
			return d.sealed(d.start(time.Second))
		}},
		{name: "sealed_without_calls", date: "2026-03-02", reach: func(d *dayTest) client.WorkflowRun { return d.sealed(d.start(time.Second)) }},
		{name: "settling", date: "2026-03-03", open: true, reach: func(d *dayTest) client.WorkflowRun {
			d.session(simulator.StatusSuccess)
			run := d.start(time.Hour)
			d.await(run, workflows.DaySettling)
			return run
		}},
		{name: "fetching", date: "2026-03-04", open: true, reach: func(d *dayTest) client.WorkflowRun {
			d.session(simulator.StatusMediaInProgress)
			run := d.start(time.Hour)
			d.await(run, workflows.DayFetching)
			return run
		}},
		{name: "listed_again_unchanged", date: "2026-03-05", reach: func(d *dayTest) client.WorkflowRun {
			d.session(simulator.StatusSuccess)
			d.sealed(d.start(time.Second))
			return d.sealed(d.start(time.Second))
		}},
		{name: "reopened", date: "2026-03-06", reach: func(d *dayTest) client.WorkflowRun {
			session := d.session(simulator.StatusMediaUnavailable)
			d.sealed(d.start(time.Second))
			d.stack.Upstream.RemoveSession(session.BotID, session.SessionID)
			session.Script = []simulator.Step{{Status: simulator.StatusSuccess}}
			session.Files = recording
			require.NoError(d.t, d.stack.Upstream.AddSession(session))
			run, err := workflows.StartFetch(d.ctx, d.client, workflows.FetchRequest{Session: workflows.Session{BotID: session.BotID, SessionID: session.SessionID}, Refetch: true})
			require.NoError(d.t, err)
			_, err = run.Result(d.ctx)
			require.NoError(d.t, err)
			reopened := d.client.GetWorkflow(d.ctx, d.day().WorkflowID(), "")
			d.sealed(reopened)
			return reopened
		}},
		{name: "waiting", date: time.Now().UTC().Format(time.DateOnly), open: true, reach: func(d *dayTest) client.WorkflowRun {
			run := d.start(time.Hour)
			d.await(run, workflows.DayWaiting)
			return run
		}},
		{name: "refused_in_the_second_round", date: "2026-03-07", open: true, reach: func(d *dayTest) client.WorkflowRun {
			run := d.start(5 * time.Second)
			d.await(run, workflows.DaySettling)
			d.stack.Upstream.SetAnalyticsScope(false)
			defer d.stack.Upstream.SetAnalyticsScope(true)
			d.await(run, workflows.DayBlocked)
			return run
		}},
		{name: "blocked", date: "2026-03-08", open: true, reach: func(d *dayTest) client.WorkflowRun {
			for _, set := range []func(bool){d.stack.Upstream.SetSessionsScope, d.stack.Upstream.SetAnalyticsScope} {
				set(false)
				defer set(true)
			}
			run := d.start(time.Hour)
			d.await(run, workflows.DayBlocked)
			return run
		}},
	}
}

// dayTest brings one day after the other into its state.
type dayTest struct {
	t      *testing.T
	ctx    context.Context
	stack  *stack.Stack
	client client.Client
	date   string
	serial uint64
}

func (d *dayTest) day() workflows.Day {
	return workflows.Day{BotID: simulator.DefaultBotID, Date: d.date}
}

func (d *dayTest) session(status string) simulator.Session {
	d.t.Helper()
	d.serial++
	begin, err := d.day().Begin()
	require.NoError(d.t, err)
	session := simulator.Session{
		BotID: simulator.DefaultBotID, SessionID: simulator.NewSessionID(begin.Add(9*time.Hour), d.serial), Length: time.Minute, Script: []simulator.Step{{Status: status}},
	}
	if status == simulator.StatusSuccess {
		session.Files = recording
	}
	require.NoError(d.t, d.stack.Upstream.AddSession(session))
	return session
}

func (d *dayTest) start(settleAfter time.Duration) client.WorkflowRun {
	d.t.Helper()
	request := workflows.DayRequest{Day: d.day(), DayPolicy: workflows.DayPolicy{SettleAfter: settleAfter}}
	run, err := d.client.ExecuteWorkflow(d.ctx, workflows.DayStartOptions(request), workflows.ArchiveDayWorkflowName, request)
	require.NoError(d.t, err)
	return run
}

func (d *dayTest) sealed(run client.WorkflowRun) client.WorkflowRun {
	d.t.Helper()
	require.NoError(d.t, run.Get(d.ctx, nil))
	return run
}

func (d *dayTest) await(run client.WorkflowRun, phase workflows.DayPhase) {
	d.t.Helper()
	require.Eventually(d.t, func() bool {
		value, err := d.client.QueryWorkflow(d.ctx, run.GetID(), "", workflows.QueryProgress)
		var progress workflows.DayProgress
		return err == nil && value.Get(&progress) == nil && progress.Phase == phase
	}, time.Minute, 50*time.Millisecond)
}

func dayReplayer() sdkworker.WorkflowReplayer {
	replayer := sdkworker.NewWorkflowReplayer()
	replayer.RegisterWorkflowWithOptions(dayengine.Workflow, workflow.RegisterOptions{Name: workflows.ArchiveDayWorkflowName})
	replayer.RegisterWorkflowWithOptions(dayengine.StartWorkflow, workflow.RegisterOptions{Name: workflows.ArchiveDaysWorkflowName})
	replayer.RegisterWorkflowWithOptions(ledger.Workflow, workflow.RegisterOptions{Name: workflows.ArchiveLedgerWorkflowName})
	return replayer
}

// replays brings a day into a state, and replays its history.
func (d *dayTest) replays(t *testing.T, replayer sdkworker.WorkflowReplayer, state dayState) {
	t.Helper()
	t.Run(state.name, func(t *testing.T) {
		d.t, d.date = t, state.date
		run := state.reach(d)
		history := export(d.ctx, t, d.client, run.GetID(), run.GetRunID())
		if state.open {
			require.NoError(t, d.client.TerminateWorkflow(d.ctx, run.GetID(), "", "it has no part in what follows"))
		}
		keep(t, "day", state.name, history)
		require.NoError(t, replayer.ReplayWorkflowHistory(nil, history))
		require.Equal(t, state.alarms, alarms(history))
		t.Logf("%d events", len(history.GetEvents()))
	})
}

// A day whose first calls the vendor purges in ten days raises the alarm of two weeks before, once.
func TestTodaysHistoriesOfDaysWithAKnownRetentionReplay(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	s, c := startWithRetention(ctx, t, retention)
	date := func(ago int) string { return time.Now().UTC().AddDate(0, 0, -ago).Format(time.DateOnly) }
	d := &dayTest{ctx: ctx, stack: s, client: c}
	for _, state := range []dayState{
		{name: "sealed_with_a_known_retention", date: date(70), reach: func(d *dayTest) client.WorkflowRun { return d.sealed(d.start(time.Second)) }},
		{name: "sealed_after_an_alarm", date: date(80), alarms: 1, reach: func(d *dayTest) client.WorkflowRun {
			d.session(simulator.StatusSuccess)
			return d.sealed(d.start(time.Second))
		}},
		{name: "settling_after_an_alarm", date: date(81), alarms: 1, open: true, reach: func(d *dayTest) client.WorkflowRun {
			run := d.start(time.Hour)
			d.await(run, workflows.DaySettling)
			return run
		}},
	} {
		d.replays(t, dayReplayer(), state)
	}
}

func TestTodaysHistoriesOfDaysReplay(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	defer cancel()
	s, c := start(ctx, t)
	replayer := dayReplayer()
	d := &dayTest{ctx: ctx, stack: s, client: c}
	for _, state := range dayStates() {
		d.replays(t, replayer, state)
	}
	t.Run("days", func(t *testing.T) {
		request := workflows.DaysRequest{BotID: simulator.DefaultBotID, From: "2026-03-01", To: "2026-03-02", Again: true, DayPolicy: workflows.DayPolicy{SettleAfter: time.Second}}
		run, err := c.ExecuteWorkflow(ctx, workflows.DaysStartOptions("replay", request), workflows.ArchiveDaysWorkflowName, request)
		require.NoError(t, err)
		require.NoError(t, run.Get(ctx, nil))
		history := export(ctx, t, c, run.GetID(), run.GetRunID())
		keep(t, "day", "start_days", history)
		require.NoError(t, replayer.ReplayWorkflowHistory(nil, history))
	})
	t.Run("ledger", func(t *testing.T) {
		settings, err := s.Settings()
		require.NoError(t, err)
		archive := settings.Accounts[0].Archive
		history := export(ctx, t, c, ledger.WorkflowID(archive.Endpoint.Host+"/"+archive.Bucket+"/"), "")
		keep(t, "ledger", "open", history)
		require.NoError(t, replayer.ReplayWorkflowHistory(nil, history))
	})
}
