package replay_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	historypb "go.temporal.io/api/history/v1"
	sdkworker "go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/callvault/callvault/internal/simulator"
	"github.com/callvault/callvault/workflows"
	"github.com/callvault/callvault/workflows/fetchrecording"
)

const (
	day = 24 * time.Hour
	// retention is how long the vendor keeps the recordings of this file.
	retention = 90 * day
)

// retentionStates are those in which the vendor's retention matters.
func retentionStates() []state {
	sleeping := []simulator.Step{{Status: simulator.StatusPartialDownloadFailed}}
	unavailable := []simulator.Step{{Status: simulator.StatusMediaUnavailable}}
	waits := []simulator.Step{{Status: simulator.StatusMediaInProgress, Calls: 2}, {Status: simulator.StatusPartialDownloadFailed, Calls: 1}, {Status: simulator.StatusSuccess}}
	files := []simulator.File{{Name: "caller.wav"}}
	daily := workflows.FetchPolicy{PartialRetryAfter: day}
	isAsleep := func(p workflows.FetchProgress) bool { return p.Phase == workflows.PhasePartialWait }
	return []state{
		{name: "lost_to_retention", session: simulator.Session{Script: unavailable}},
		{name: "lost_to_retention_of_an_earlier_flow", flow: workflows.FlowFewEvents, session: simulator.Session{Script: unavailable}},
		{name: "lost_to_retention_before_it_settled", session: simulator.Session{Script: unavailable}, policy: workflows.FetchPolicy{UnavailableSettlesAfter: 300 * day}},
		{name: "unsettled_after_the_purge_of_an_earlier_flow", flow: workflows.FlowFewEvents, session: simulator.Session{Script: unavailable}, open: true,
			policy: workflows.FetchPolicy{UnavailableSettlesAfter: 300 * day},
			until:  func(p workflows.FetchProgress) bool { return p.Phase == workflows.PhaseMediaInProgress }},
		{name: "archived_after_an_alarm", age: 80 * day, session: simulator.Session{Script: waits, Files: files}},
		{name: "archived_after_an_alarm_from_json", fromJSON: true, age: 80 * day, session: simulator.Session{Script: waits, Files: files}},
		{name: "archived_after_an_alarm_of_an_earlier_flow", flow: workflows.FlowFewEvents, age: 80 * day, session: simulator.Session{Script: waits, Files: files}},
		{name: "sleeping_after_an_alarm", age: 80 * day, session: simulator.Session{Script: sleeping}, open: true, policy: daily, until: isAsleep},
		{name: "blocked_after_an_alarm", age: 80 * day, session: simulator.Session{Script: []simulator.Step{{Status: simulator.StatusSuccess,
			Fault: new(simulator.Refuse(http.StatusUnauthorized, 4002, "Permission denied. Scope is incorrect!"))}}}, open: true,
			until: func(p workflows.FetchProgress) bool { return p.Phase == workflows.PhaseBlocked }},
		{name: "woken_by_an_alarm", age: retention - 14*day - 5*time.Second, session: simulator.Session{Script: sleeping}, open: true, slow: true, policy: daily,
			until: func(p workflows.FetchProgress) bool {
				return isAsleep(p) && time.Now().After(p.PurgeAt.Add(-14*day+2*time.Second))
			}},
	}
}

func TestTodaysHistoriesOfAKnownRetentionReplay(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	s, c := startWithRetention(ctx, t, retention)

	replayer := sdkworker.NewWorkflowReplayer()
	replayer.RegisterWorkflowWithOptions(fetchrecording.Workflow, workflow.RegisterOptions{Name: workflows.FetchRecordingWorkflowName})
	for i, state := range retentionStates() {
		t.Run(state.name, func(t *testing.T) {
			skipSlow(t, state.slow, "fetchrecording")
			history := historyOf(ctx, t, s, c, state, uint64(i))
			keep(t, "fetchrecording", state.name, history)
			require.NoError(t, replayer.ReplayWorkflowHistory(nil, history))
			requireRetentionState(t, state.name, history)
		})
	}
}

func requireRetentionState(t *testing.T, name string, history *historypb.History) {
	t.Helper()
	lines := strings.Join(billed(history), "\n")
	switch name {
	case "lost_to_retention", "lost_to_retention_of_an_earlier_flow", "lost_to_retention_before_it_settled":
		require.Contains(t, lines, "WriteManifest")
		require.NotContains(t, lines, "TimerStarted", "it is lost at the first answer")
	case "unsettled_after_the_purge_of_an_earlier_flow":
		require.Contains(t, lines, "TimerStarted", "it waits as its caller's version did")
	case "woken_by_an_alarm":
		require.Equal(t, 2, strings.Count(lines, "TimerStarted"), "the wait goes on")
	}
	if strings.Contains(name, "_alarm") {
		require.Equal(t, 1, alarms(history), "it is set once")
	} else {
		require.Zero(t, alarms(history))
	}
}

// alarms counts how often a workflow says when the vendor purges its calls.
func alarms(history *historypb.History) int {
	set := 0
	for _, event := range history.GetEvents() {
		fields := event.GetUpsertWorkflowSearchAttributesEventAttributes().GetSearchAttributes().GetIndexedFields()
		if fields[workflows.SearchAttributePurgeAt.GetName()] != nil {
			set++
		}
	}
	return set
}
