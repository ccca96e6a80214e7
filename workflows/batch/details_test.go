package batch

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/workflows"
)

func TestDetailsAreTheDashboardOfTheBatch(t *testing.T) {
	b := &batch{view: view{namespace: "default", reason: "no call slots: budget st-1 is paused: the vendor asked for it"}}
	b.input.BatchID = "2026-11"
	b.state = running(100_000, 4_000, 100, 0.5)
	b.state.Plan.Duplicates = 12
	b.state.Phase, b.state.Launched.Found = workflows.BatchLaunching, 1_000
	b.state.Last = &LaunchResult{
		At: now,
		Ended: Ended{Outcomes: map[workflows.Outcome]int{
			workflows.OutcomeArchived: 3_800, workflows.OutcomeUnavailable: 90, workflows.OutcomeFailed: 4,
		}, NoOutcome: 1, Calls: 4_021},
		Running: map[workflows.FetchPhase]int{workflows.PhaseChecking: 90, workflows.PhasePartialWait: 15},
		Failures: []workflows.BatchFailure{
			{WorkflowID: "fetch-recording/st-1/65e7133a3242653c58d7aaaa", Outcome: workflows.OutcomeFailed, At: now.Add(-time.Minute)},
			{WorkflowID: "fetch-recording/st-1/65e7133a3242653c58d7aaab", Status: "terminated", At: now.Add(-time.Hour)},
		},
	}
	require.Equal(t, `### Starting fetches

no call slots: budget st-1 is paused: the vendor asked for it

4,895 of 100,000 sessions have ended (4.9 %), 1,800 in an hour, done at about 2026-03-07 16:50 UTC (in 52h50m10s).

| sessions | number |
| --- | ---: |
| archived | 3,800 |
| unavailable | 90 |
| failed | 4 |
| ended without an outcome | 1 |
| had a manifest before | 1,000 |
| running: checking | 90 |
| running: partial_wait | 15 |
| not started | 95,000 |

Calls of the vendor's API: 4,021. Rows that repeat a session: 12. As of 2026-03-05T12:00:00Z.

[Its fetches](/namespaces/default/workflows?query=CallvaultBatch+%3D+%272026-11%27+AND+WorkflowType+%3D+%27FetchRecordingWorkflow%27): `+"`CallvaultBatch = '2026-11' AND WorkflowType = 'FetchRecordingWorkflow'`"+`

The last that were not archived:

- 2026-03-05T11:59:00Z [fetch-recording/st-1/65e7133a3242653c58d7aaaa](/namespaces/default/workflows/fetch-recording%2Fst-1%2F65e7133a3242653c58d7aaaa): failed
- 2026-03-05T11:00:00Z [fetch-recording/st-1/65e7133a3242653c58d7aaab](/namespaces/default/workflows/fetch-recording%2Fst-1%2F65e7133a3242653c58d7aaab): terminated
`, b.details(now))
}

func TestDetailsOfABatchWithoutAListSayWhy(t *testing.T) {
	b := &batch{view: view{reason: "2 rows of the list are wrong: line 3: botId is empty"}}
	require.Equal(t, "### Ended before it began\n\n2 rows of the list are wrong: line 3: botId is empty\n\n", b.details(now))
}
