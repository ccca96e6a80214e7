package activities_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"

	"github.com/callvault/callvault/workflows"
	"github.com/callvault/callvault/workflows/batch"
)

func TestEveryFetchOfTheBatchIsCountedOnceByWhereItIs(t *testing.T) {
	h := newBatchHarness(t, callsOf("st-a", 40, longAgo)...)
	h.input.Halted = true
	now := time.Now().UTC()
	sessions := callsOf("st-a", 40, longAgo)
	for i, given := range []fetch{
		{}, {},
		{phase: workflows.PhaseMediaInProgress, checks: 3},
		{phase: workflows.PhaseArchiving, checks: 1},
		{phase: workflows.PhaseBlocked, checks: 2},
		{status: isCompleted, outcome: workflows.OutcomeArchived, checks: 1, endedAt: now},
		{status: isCompleted, outcome: workflows.OutcomeArchived, checks: 4, endedAt: now},
		{status: isCompleted, outcome: workflows.OutcomeUnavailable, checks: 2, endedAt: now},
		{status: isCompleted, outcome: workflows.OutcomeDamaged, checks: 1, endedAt: now},
		{status: enumspb.WORKFLOW_EXECUTION_STATUS_CANCELED, endedAt: now},
		{status: enumspb.WORKFLOW_EXECUTION_STATUS_TERMINATED, checks: 5, endedAt: now},
		// Not of this batch:
		{batch: "another"},
		{batch: "another", status: isCompleted, outcome: workflows.OutcomeArchived, checks: 1, endedAt: now},
		{startedAt: h.input.StartedAt.Add(-time.Hour), status: isCompleted, outcome: workflows.OutcomeArchived, checks: 1, endedAt: now},
		{startedAt: h.input.StartedAt.Add(-time.Hour)},
	} {
		h.temporal.add(sessions[i], given)
	}
	result := h.pass()
	require.Equal(t, map[workflows.FetchPhase]int{
		workflows.PhaseChecking: 2, workflows.PhaseMediaInProgress: 1, workflows.PhaseArchiving: 1, workflows.PhaseBlocked: 1,
	}, result.Running)
	require.Equal(t, batch.Ended{
		Outcomes:  map[workflows.Outcome]int{workflows.OutcomeArchived: 2, workflows.OutcomeUnavailable: 1, workflows.OutcomeDamaged: 1},
		NoOutcome: 2, Calls: 3 + 1 + 2 + 1 + 4 + 2 + 1 + 5,
	}, result.Ended)
	require.Equal(t, 2, result.Waiting)
}

func TestPassMakesFewQueries(t *testing.T) {
	for _, bots := range []int{1, 5} {
		var sessions []workflows.Session
		for i := range bots {
			sessions = append(sessions, callsOf(fmt.Sprintf("st-%d", i), 500, longAgo)...)
		}
		h := newBatchHarness(t, sessions...)
		first := h.pass()
		require.Equal(t, 6+bots, first.Queries, "the first pass")
		require.Len(t, h.temporal.queries, first.Queries)

		h.temporal.change(ends(workflows.OutcomeArchived, time.Now().UTC()))
		h.temporal.queries = nil
		ordinary := h.pass()
		require.Equal(t, 8+bots, ordinary.Queries, "some have been archived, others wait")
		require.Equal(t, len(h.temporal.queries)+len(h.temporal.lists), ordinary.Queries)

		h.temporal.change(ends(workflows.OutcomeUnavailable, time.Now().UTC()))
		h.temporal.queries = nil
		failed := h.pass()
		require.Len(t, h.temporal.lists, 1)
		require.Equal(t, len(h.temporal.queries)+1, failed.Queries, "the list of the failures is one too")
		require.Equal(t, 10+bots, failed.Queries)

		h.input.MaxFailures = workflows.FailureLimit{Count: 5000}
		require.Equal(t, 12+bots, h.pass().Queries, "they are counted before fetches are started too")
	}
}

func TestFetchesThatTheServerForgetsStayCounted(t *testing.T) {
	h := newBatchHarness(t, callsOf("st-a", 60, longAgo)...)
	now := time.Now().UTC()
	h.input.Halted, h.input.StartedAt = true, now.Add(-time.Hour)
	sessions := callsOf("st-a", 60, longAgo)
	begin := now.Add(-50 * time.Minute)
	for _, one := range sessions[:10] {
		h.temporal.add(one, fetch{startedAt: begin, endedAt: now.Add(-30 * time.Minute), status: isCompleted, outcome: workflows.OutcomeArchived, checks: 2})
	}
	h.temporal.add(sessions[10], fetch{startedAt: begin, endedAt: now.Add(-30 * time.Minute), status: enumspb.WORKFLOW_EXECUTION_STATUS_TERMINATED, checks: 1})
	for _, one := range sessions[11:15] { // The server may not have listed others of that time yet.
		h.temporal.add(one, fetch{startedAt: begin, endedAt: now.Add(-10 * time.Second), status: isCompleted, outcome: workflows.OutcomeGaveUp, checks: 1})
	}
	want := batch.Ended{Outcomes: map[workflows.Outcome]int{workflows.OutcomeArchived: 10, workflows.OutcomeGaveUp: 4}, NoOutcome: 1, Calls: 25}
	first := h.pass()
	require.Equal(t, want, first.Ended)
	require.Equal(t, batch.Ended{Outcomes: map[workflows.Outcome]int{workflows.OutcomeArchived: 10}, NoOutcome: 1, Calls: 21}, first.Settled.Counts)
	require.WithinDuration(t, now.Add(-time.Minute), first.Settled.Until, 30*time.Second)

	require.Equal(t, want, h.pass().Ended, "nothing is counted twice")
	h.temporal.fetches = h.temporal.fetches[11:]
	second := h.pass()
	require.Equal(t, want, second.Ended)
	require.Equal(t, first.Settled, second.Settled, "they are settled every ten minutes")

	h.input.Settled.Until = now.Add(-20 * time.Minute)
	h.temporal.add(sessions[20], fetch{startedAt: begin, endedAt: now.Add(-15 * time.Minute), status: isCompleted, outcome: workflows.OutcomeArchived, checks: 1})
	third := h.pass()
	require.Equal(t, 11, third.Settled.Counts.Outcomes[workflows.OutcomeArchived])
	require.Equal(t, 11, third.Ended.Outcomes[workflows.OutcomeArchived])
}

func TestYoungBatchSettlesNothing(t *testing.T) {
	h := newBatchHarness(t, callsOf("st-a", 1, longAgo)...)
	h.input.StartedAt = time.Now().UTC().Add(-9 * time.Minute)
	require.Zero(t, h.pass().Settled.Until)
}

func TestLastFailuresAreShownNewestFirst(t *testing.T) {
	h := newBatchHarness(t, callsOf("st-a", 60, longAgo)...)
	h.input.Halted = true
	at := time.Now().UTC()
	sessions := callsOf("st-a", 60, longAgo)
	h.temporal.add(sessions[0], fetch{endedAt: at, status: isCompleted, outcome: workflows.OutcomeArchived})
	require.Empty(t, h.pass().Failures)
	require.Empty(t, h.temporal.lists, "without failures they are not asked for")

	h.temporal.add(sessions[1], fetch{}) // has no outcome yet
	for i, outcome := range []workflows.Outcome{workflows.OutcomeUnavailable, workflows.OutcomeFailed, workflows.OutcomeGaveUp, workflows.OutcomeDamaged} {
		h.temporal.add(sessions[i+2], fetch{endedAt: at, status: isCompleted, outcome: outcome})
	}
	h.temporal.add(sessions[6], fetch{endedAt: at, status: enumspb.WORKFLOW_EXECUTION_STATUS_TIMED_OUT})
	h.temporal.add(sessions[7], fetch{endedAt: at, status: enumspb.WORKFLOW_EXECUTION_STATUS_CANCELED})
	result := h.pass()
	var shown []workflows.BatchFailure
	for _, one := range result.Failures {
		require.WithinDuration(t, at, one.At, 0)
		one.At = time.Time{}
		shown = append(shown, one)
	}
	require.Equal(t, []workflows.BatchFailure{
		{WorkflowID: sessions[7].FetchWorkflowID(), Status: "canceled"}, {WorkflowID: sessions[6].FetchWorkflowID(), Status: "timedout"},
		{WorkflowID: sessions[5].FetchWorkflowID(), Outcome: workflows.OutcomeDamaged},
		{WorkflowID: sessions[4].FetchWorkflowID(), Outcome: workflows.OutcomeGaveUp}, {WorkflowID: sessions[3].FetchWorkflowID(), Outcome: workflows.OutcomeFailed},
	}, shown)

	// On some servers != matches fetches without an outcome.
	query := h.temporal.lists[0]
	require.NotContains(t, query, "!=")
	_, named, found := strings.Cut(query, "CallvaultOutcome IN (")
	require.True(t, found, query)
	named, _, _ = strings.Cut(named, ")")
	for _, outcome := range workflows.Outcomes() {
		require.Equal(t, outcome != workflows.OutcomeArchived, strings.Contains(named, "'"+string(outcome)+"'"), outcome)
	}
}

func TestBudgetsWithoutSlotsAreNamed(t *testing.T) {
	h := newBatchHarness(t, append(callsOf("st-a", 1, longAgo), callsOf("st-b", 1, longAgo)...)...)
	h.temporal.budgets = map[string]workflows.BudgetStatus{
		workflows.CallBudgetWorkflowID("st-a"): {State: workflows.BudgetBlocked, Reason: "the scope is missing"},
		workflows.CallBudgetWorkflowID("st-b"): {State: workflows.BudgetOpen},
	}
	require.Equal(t, "no call slots: budget st-a is blocked: the scope is missing", h.pass().Starved)
	h.temporal.change(archives)
	require.Empty(t, h.pass().Starved, "nobody waits")

	h.temporal.budgets = nil
	h.temporal.change(func(one *fetch) { one.phase = workflows.PhaseChecking })
	require.Empty(t, h.pass().Starved, "a budget that cannot be asked is taken to be fine")
}
