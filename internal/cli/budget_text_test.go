package cli

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/workflows"
)

func budgetStatus() workflows.BudgetStatus {
	at := time.Date(2026, 3, 5, 13, 0, 0, 0, time.UTC)
	return workflows.BudgetStatus{
		Budget: "st-1", State: workflows.BudgetOpen, AsOf: at,
		Windows: []workflows.BudgetWindow{
			{Limit: workflows.CallWindow{Calls: 60, Span: time.Minute}, Used: 12},
			{Limit: workflows.CallWindow{Calls: 1800, Span: time.Hour}, Used: 340},
		},
		Slots: 4711, LastSlotAt: at.Add(time.Second),
	}
}

func TestBudgetTextShowsAllThatIsKnown(t *testing.T) {
	status := budgetStatus()
	at := status.AsOf
	status.State, status.Reason, status.Since = workflows.BudgetPaused, "the vendor\x1b[2J asked", at.Add(-time.Minute)
	status.Windows[0].Learned, status.Windows[0].ProbeAt = 36, at.Add(time.Hour)
	status.Windows[1].Learned = 1700
	status.Windows = append(status.Windows, workflows.BudgetWindow{Limit: workflows.CallWindow{Span: 24 * time.Hour}, Used: 4711, Learned: 5000})
	status.LimitsReason = "a trial"
	status.Waiting = map[int]int{4: 1200, 2: 5, 5: 0}
	status.Refusals = 3
	status.Changes = []workflows.BudgetEvent{{At: at, Text: "paused: the vendor\nasked"}, {At: at.Add(-time.Hour), Text: "limits set to 60/1m: a trial"}}
	require.Equal(t, `st-1: paused since 2026-03-05T12:59:00Z: the vendor [2J asked
  window  used  limit  learned
  1m      12    60     36, one more is tried at 2026-03-05T14:00:00Z
  1h      340   1800   1700
  24h     4711  none   5000
  these limits were set while running: a trial
  waiting: 5 of priority 2, 1200 of priority 4 (may be some minutes old)
  slots handed out: 4711, the last for 2026-03-05T13:00:01Z; calls refused by rate: 3
  as of 2026-03-05T13:00:00Z, the last slot or change: calls that have left a window since then still count as used
  last changes, newest first:
    2026-03-05T13:00:00Z  paused: the vendor asked
    2026-03-05T12:00:00Z  limits set to 60/1m: a trial
`, budgetText(status))
}

func TestFirstLineSaysWhetherCallsAreMadeAndWhatHappensNext(t *testing.T) {
	since, until := time.Date(2026, 3, 5, 13, 0, 0, 0, time.UTC), time.Date(2026, 3, 5, 15, 1, 0, 0, time.FixedZone("CET", 3600))
	for want, status := range map[string]workflows.BudgetStatus{
		"open": {State: workflows.BudgetOpen},
		"paused since 2026-03-05T13:00:00Z: broken":                                                      {State: workflows.BudgetPaused, Since: since, Reason: "broken"},
		"stopped until 2026-03-05T14:01:00Z: the vendor refused a call by rate":                          {State: workflows.BudgetStopped, Until: until, Reason: "the vendor refused a call by rate"},
		"blocked since 2026-03-05T13:00:00Z: wrong secret; one call tries again at 2026-03-05T14:01:00Z": {State: workflows.BudgetBlocked, Since: since, Until: until, Reason: "wrong secret"},
	} {
		require.Equal(t, want, stateText(status))
	}
}
