package cli_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/internal/archive/s3test"
	"github.com/callvault/callvault/internal/batchestimate"
	"github.com/callvault/callvault/internal/program"
	"github.com/callvault/callvault/workflows"
)

// dryRunResult is what a dry run prints as JSON.
type dryRunResult struct {
	BatchID, Account                    string
	Rows, Duplicates, Invalid, Sessions int
	Months, Ages                        []batchestimate.Part
	HaveManifest, CallsAtLeast          int
	Budgets                             []struct {
		Budget         string
		Calls          int
		Window, Limits string
		PerHour        float64
	}
	DoneAt                time.Time
	Retention             string
	PurgedBeforeTheirTurn []workflows.Session
	PastRetention         int
}

func dryRun(t *testing.T, path string, flags ...string) (dryRunResult, outcome) {
	t.Helper()
	got := run(t.Context(), append([]string{"batch", "start", "--dry-run", "--id", "b1", "--file", path, "--output", "json"}, flags...)...)
	var result dryRunResult
	require.NoError(t, json.Unmarshal([]byte(got.stdout), &result), got.stderr)
	return result, got
}

const day = 24 * time.Hour

func TestDryRunSaysWhatTheBatchCostsAndStartsNothing(t *testing.T) {
	e := newBatchEnvironment(t)
	t.Setenv("SMARTASSIST_RETENTION", "90d")
	now := time.Now()
	recent := ids(now.Add(-2*day), 3600)              // two hours of the budget
	old := ids(now.Add(-200*day), 30)                 // past retention
	soon := ids(now.Add(-90*day+15*time.Minute), 600) // a third of an hour's calls: the last are purged meanwhile
	lines := append(csv(append(append(recent, old...), soon...)...), bot+","+recent[0], bot+",nonsense", "st-2,"+recent[0])
	for _, id := range recent[:1000] {
		e.put(workflows.Session{BotID: bot, SessionID: id}, workflows.OutcomeFailed)
	}
	e.s3.ForgetRequests()
	keys := e.s3.Keys(bucket)

	result, got := dryRun(t, e.file("sessions.csv", lines...), "--skip-invalid")
	require.Equal(t, program.ExitDone, got.code, got.stderr)
	require.Equal(t, []int{4233, 1, 1, 4231}, []int{result.Rows, result.Duplicates, result.Invalid, result.Sessions})
	require.Equal(t, "acme", result.Account)
	require.Equal(t, 1000, result.HaveManifest)
	require.Equal(t, 3231, result.CallsAtLeast)
	require.Equal(t, []batchestimate.Part{{Name: "under a day"}, {Name: "under a week", Sessions: 3601}, {Name: "under a month"}, {Name: "under 3 months", Sessions: 600}, {Name: "older", Sessions: 30}}, result.Ages)
	var months int
	for _, month := range result.Months {
		months += month.Sessions
	}
	require.Equal(t, result.Sessions, months)
	require.Len(t, result.Budgets, 2)
	require.Equal(t, bot, result.Budgets[1].Budget)
	require.Equal(t, "1800/1h", result.Budgets[1].Window)
	require.Equal(t, 3230, result.Budgets[1].Calls)
	require.Equal(t, "configured", result.Budgets[1].Limits)
	require.WithinDuration(t, now.Add(3230*2*time.Second), result.DoneAt, time.Minute, "one call in two seconds")
	require.Equal(t, 30, result.PastRetention)
	// The nth has its turn after 2n seconds, and is purged after 900 s and n more: from the
	// 901st on. There are but 600.
	require.Empty(t, result.PurgedBeforeTheirTurn)
	require.Contains(t, got.stderr, "The time is estimated with the configured limits")

	require.Equal(t, keys, e.s3.Keys(bucket))
	require.NotContains(t, e.s3.Operations(), s3test.PutObject)
}

func TestDryRunNamesWhatWillBePurgedBeforeItsTurn(t *testing.T) {
	e := newBatchEnvironment(t)
	t.Setenv("SMARTASSIST_RETENTION", "90d")
	t.Setenv("SMARTASSIST_CALLS_PER_HOUR", "60") // one in a minute
	purged := time.Now().Add(-90*day + 10*time.Minute)
	path := e.file("sessions.csv", csv(ids(purged, 40)...)...)
	result, _ := dryRun(t, path)
	require.Len(t, result.PurgedBeforeTheirTurn, 29, "those whose turn is after ten minutes")
	require.Equal(t, workflows.Session{BotID: bot, SessionID: ids(purged, 40)[11]}, result.PurgedBeforeTheirTurn[0])

	text := run(t.Context(), "batch", "start", "--dry-run", "--id", "b1", "--file", path).stdout
	require.Contains(t, text, "dry run of batch b1 for account acme: nothing is started or stored\n")
	require.Contains(t, text, "  will be past it before their turn: 29\n    "+bot+" "+ids(purged, 40)[11]+"\n")
	require.Contains(t, text, "    and 9 more: see --output json\n")
	require.Contains(t, text, "past the vendor's retention of 2160h0m0s already, so probably lost_to_retention: 0\n")
	require.Contains(t, text, "budget "+bot+": 40 calls at 60 an hour, by the configured limit 60/1h")
}

func TestDryRunUsesTheLimitsOfTheBudgetThatRuns(t *testing.T) {
	e := newBatchEnvironment(t)
	path := e.file("sessions.csv", csv(ids(callTime, 900)...)...)
	hour := workflows.CallWindow{Calls: 1800, Span: time.Hour}
	for limits, window := range map[string]workflows.BudgetWindow{"learned": {Limit: hour, Learned: 900}, "running": {Limit: workflows.CallWindow{Calls: 900, Span: time.Hour}}} {
		listen(t, &batchServer{budgets: map[string]workflows.BudgetStatus{bot: {Budget: bot, Windows: []workflows.BudgetWindow{window}}}})
		result, got := dryRun(t, path)
		require.Equal(t, program.ExitDone, got.code)
		require.Empty(t, got.stderr)
		require.Equal(t, limits, result.Budgets[0].Limits)
		require.Equal(t, "900/1h", result.Budgets[0].Window)
		require.WithinDuration(t, time.Now().Add(time.Hour), result.DoneAt, time.Minute)
		require.Empty(t, result.Retention)
	}
	listen(t, new(batchServer))
	result, got := dryRun(t, path)
	require.Empty(t, got.stderr, "a budget that does not run yet has the configured limits")
	require.Equal(t, "configured", result.Budgets[0].Limits)
}

func TestDryRunOfASharedBudgetCountsAllBots(t *testing.T) {
	e := newBatchEnvironment(t)
	t.Setenv("SMARTASSIST_BUDGET_SCOPE", "account")
	lines := csv(ids(callTime, 900)...)
	for _, id := range ids(callTime, 900) {
		lines = append(lines, "st-2,"+id)
	}
	result, _ := dryRun(t, e.file("sessions.csv", lines...))
	require.Len(t, result.Budgets, 1)
	require.Equal(t, "acme", result.Budgets[0].Budget)
	require.Equal(t, 1800, result.Budgets[0].Calls)
	require.WithinDuration(t, time.Now().Add(time.Hour), result.DoneAt, time.Minute)
}

func TestDryRunSaysHowToSetTheRetention(t *testing.T) {
	e := newBatchEnvironment(t)
	got := run(t.Context(), "batch", "start", "--dry-run", "--file", e.file("sessions.csv", csv(ids(callTime, 2)...)...))
	require.Equal(t, program.ExitDone, got.code, got.stderr)
	require.Contains(t, got.stdout, "what the vendor deletes before its turn is not known: set retention in CALLVAULT_CONFIG, or SMARTASSIST_RETENTION")
}

func TestDryRunWithBadRowsShowsThemAndTheFigures(t *testing.T) {
	e := newBatchEnvironment(t)
	result, got := dryRun(t, e.file("sessions.csv", csv(callID(callTime, 1), "nonsense")...))
	require.Equal(t, program.ExitUsage, got.code)
	require.Contains(t, got.stderr, "line 3: ")
	require.Contains(t, got.stderr, "1 of 2 rows are wrong")
	require.Equal(t, []int{2, 1, 1}, []int{result.Rows, result.Invalid, result.Sessions})
}

func TestDryRunOfWhatIsArchivedNeedsNothing(t *testing.T) {
	e := newBatchEnvironment(t)
	for _, id := range ids(callTime, 20) {
		e.put(workflows.Session{BotID: bot, SessionID: id}, workflows.OutcomeArchived, "a.wav")
	}
	path := e.file("sessions.csv", csv(ids(callTime, 20)...)...)
	got := run(t.Context(), "batch", "start", "--dry-run", "--file", path)
	require.Equal(t, program.ExitDone, got.code, got.stderr)
	require.Contains(t, got.stdout, "every session has a manifest: nothing is left to do\n")
	result, _ := dryRun(t, path)
	require.Equal(t, []int{20, 0}, []int{result.HaveManifest, result.CallsAtLeast})
}
