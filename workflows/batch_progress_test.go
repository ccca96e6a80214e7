package workflows_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/workflows"
)

func TestCountsOfABatchAddUp(t *testing.T) {
	counts := workflows.BatchCounts{
		Sessions: 100, Found: 10, Launched: 60,
		Running:   map[workflows.FetchPhase]int{workflows.PhaseChecking: 7, workflows.PhaseBlocked: 3},
		Outcomes:  map[workflows.Outcome]int{workflows.OutcomeArchived: 40, workflows.OutcomeFailed: 4, workflows.OutcomeGaveUp: 1},
		NoOutcome: 5,
	}
	require.Equal(t, 50, counts.Ended())
	require.Equal(t, 10, counts.Failures(), "whatever is not archived, with an outcome or without")
	require.Equal(t, 10, counts.AllRunning())
	require.Equal(t, 40, counts.Left())
	counts.Sessions = 20
	require.Zero(t, counts.Left(), "never negative, while counts are late")
	require.Zero(t, workflows.BatchCounts{}.Failures())
}

func TestBatchChangesAreReadStrictly(t *testing.T) {
	var change workflows.BatchChange
	require.NoError(t, json.Unmarshal([]byte(`{"reason": "audit"}`), &change))
	require.NoError(t, change.Validate())
	require.Equal(t, "audit", change.Reason)
	require.NoError(t, workflows.BatchChange{}.Validate(), "a batch needs no reason")
	require.ErrorContains(t, workflows.BatchChange{Reason: strings.Repeat("x", 201)}.Validate(), "reason has 201 bytes")
	require.ErrorContains(t, json.Unmarshal([]byte(`{"Reason": "audit"}`), &change), `unknown key "Reason"`)
	require.ErrorContains(t, json.Unmarshal([]byte(`"audit"`), &change), "want one JSON object")
}
