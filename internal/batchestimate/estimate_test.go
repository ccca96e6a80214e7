package batchestimate_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/internal/batchestimate"
	"github.com/callvault/callvault/workflows"
)

var now = time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)

const day = 24 * time.Hour

func windows(texts ...string) []workflows.CallWindow {
	var parsed []workflows.CallWindow
	for _, text := range texts {
		window, err := workflows.ParseCallWindow(text)
		if err != nil {
			panic(err)
		}
		parsed = append(parsed, window)
	}
	return parsed
}

// called returns the id of a session whose call took place at a time.
func called(at time.Time) string { return fmt.Sprintf("%08x3242653c58d7aaaa", at.Unix()) }

func many(n int, at time.Time) []string {
	ids := make([]string, n)
	for i := range ids {
		ids[i] = called(at)
	}
	return ids
}

func TestTightestWindowDecidesThePace(t *testing.T) {
	for _, row := range []struct {
		windows []string
		window  string
		perHour float64
	}{
		{[]string{"60/1m", "1800/1h"}, "1800/1h", 1800},
		{[]string{"60/1m"}, "60/1m", 3600},
		{[]string{"10/1m", "1800/1h"}, "10/1m", 600},
		{[]string{"60/1m", "1800/1h", "12000/24h"}, "12000/24h", 500},
	} {
		pace := batchestimate.PaceOf(windows(row.windows...))
		require.Equal(t, row.window, pace.Window.String())
		require.InDelta(t, row.perHour, pace.PerHour(), 1e-6)
	}
}

func TestLearnedLimitHoldsInPlaceOfAHigherOne(t *testing.T) {
	hour, minute := workflows.CallWindow{Calls: 1800, Span: time.Hour}, workflows.CallWindow{Calls: 60, Span: time.Minute}
	limits, learned := batchestimate.LimitsOf(workflows.BudgetStatus{Windows: []workflows.BudgetWindow{{Limit: minute}, {Limit: hour, Learned: 900}}})
	require.True(t, learned)
	require.Equal(t, windows("60/1m", "900/1h"), limits)

	limits, learned = batchestimate.LimitsOf(workflows.BudgetStatus{Windows: []workflows.BudgetWindow{{Limit: minute}, {Limit: workflows.CallWindow{Span: time.Hour}, Learned: 500}}})
	require.True(t, learned, "a window that nobody configured")
	require.Equal(t, windows("60/1m", "500/1h"), limits)

	limits, learned = batchestimate.LimitsOf(workflows.BudgetStatus{Windows: []workflows.BudgetWindow{{Limit: minute}, {Limit: workflows.CallWindow{Span: time.Hour}}}})
	require.False(t, learned)
	require.Equal(t, windows("60/1m"), limits, "a window without a limit")
}

func TestSlowestBudgetSaysWhenTheBatchIsDone(t *testing.T) {
	pace := batchestimate.PaceOf(windows("60/1m", "1800/1h"))
	budgets := []batchestimate.Budget{
		{Name: "st-1", Pace: pace, Queues: []batchestimate.Queue{{BotID: "st-1", SessionIDs: many(900, now)}}},
		{Name: "st-2", Pace: pace, Queues: []batchestimate.Queue{{BotID: "st-2", SessionIDs: many(5400, now)}}},
	}
	require.Equal(t, now.Add(3*time.Hour), batchestimate.DoneAt(budgets, now))

	shared := []batchestimate.Budget{{Name: "acme", Pace: pace, Queues: []batchestimate.Queue{budgets[0].Queues[0], budgets[1].Queues[0]}}}
	require.Equal(t, 6300, shared[0].Calls())
	require.Equal(t, now.Add(3*time.Hour+30*time.Minute), batchestimate.DoneAt(shared, now))

	require.Equal(t, now, batchestimate.DoneAt(nil, now), "nothing is needed")
}

func TestSessionsThatArePurgedWhileTheyWaitAreLost(t *testing.T) {
	const retention = 90 * day
	purgedIn := func(d time.Duration) string { return called(now.Add(d - retention)) }
	budget := batchestimate.Budget{Name: "st-1", Pace: batchestimate.PaceOf(windows("1/1h")), Queues: []batchestimate.Queue{{BotID: "st-1", SessionIDs: []string{
		purgedIn(time.Minute),      // its turn is now
		purgedIn(30 * time.Minute), // in an hour: lost
		purgedIn(3 * time.Hour),    // in two hours
		purgedIn(2 * time.Hour),    // in three hours: lost
		purgedIn(-time.Minute),     // purged already
		purgedIn(0),
	}}}}
	losses := batchestimate.LossesOf([]batchestimate.Budget{budget}, retention, now)
	require.Equal(t, []workflows.Session{{BotID: "st-1", SessionID: purgedIn(30 * time.Minute)}, {BotID: "st-1", SessionID: purgedIn(2 * time.Hour)}}, losses.BeforeTurn)
	require.Equal(t, 2, losses.Past)
}

func TestBotsThatShareABudgetTakeTurns(t *testing.T) {
	const retention = 90 * day
	purgedIn := func(d time.Duration) string { return called(now.Add(d - retention)) }
	// The turns: a0 at 0h, b0 at 1h, a1 at 2h, b1 at 3h, b2 at 4h.
	budget := batchestimate.Budget{Pace: batchestimate.PaceOf(windows("1/1h")), Queues: []batchestimate.Queue{
		{BotID: "st-a", SessionIDs: []string{purgedIn(time.Minute), purgedIn(121 * time.Minute)}},
		{BotID: "st-b", SessionIDs: []string{purgedIn(59 * time.Minute), purgedIn(181 * time.Minute), purgedIn(239 * time.Minute)}},
	}}
	losses := batchestimate.LossesOf([]batchestimate.Budget{budget}, retention, now)
	require.Equal(t, []workflows.Session{{BotID: "st-b", SessionID: purgedIn(59 * time.Minute)}, {BotID: "st-b", SessionID: purgedIn(239 * time.Minute)}}, losses.BeforeTurn)
	require.Zero(t, losses.Past)
}

func TestSpreadCountsMonthsAndAges(t *testing.T) {
	spread := batchestimate.NewSpread(now)
	for _, at := range []time.Time{
		now, now.Add(-day + time.Second), now.Add(-day), now.Add(-7 * day), now.Add(-30 * day), now.Add(-90 * day), now.Add(-400 * day),
	} {
		spread.Add(at)
	}
	require.Equal(t, []batchestimate.Part{{Name: "2025-10", Sessions: 1}, {Name: "2026-08", Sessions: 1}, {Name: "2026-10", Sessions: 1}, {Name: "2026-11", Sessions: 4}}, spread.Months())
	require.Equal(t, []batchestimate.Part{
		{Name: "under a day", Sessions: 2}, {Name: "under a week", Sessions: 1}, {Name: "under a month", Sessions: 1}, {Name: "under 3 months", Sessions: 1}, {Name: "older", Sessions: 2},
	}, spread.Ages())
}
