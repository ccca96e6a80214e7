package status_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/internal/status"
)

var noon = time.Date(2026, 3, 5, 13, 0, 0, 0, time.FixedZone("CET", 3600))

func TestEvidenceCountsEachStatusWithItsTimes(t *testing.T) {
	var evidence []status.Evidence
	for i, row := range []struct {
		status string
		isNew  bool
	}{
		{"call_in_progress", true},
		{"call_in_progress", false},
		{"media_in_progress", true},
		{"call_in_progress", false},
		{"", true},
		{"", false},
	} {
		var isNew bool
		evidence, isNew = status.Add(evidence, row.status, noon.Add(time.Duration(i)*time.Minute))
		require.Equal(t, row.isNew, isNew, "addition %d", i)
	}
	at := func(minute int) time.Time { return time.Date(2026, 3, 5, 12, minute, 0, 0, time.UTC) }
	require.Equal(t, []status.Evidence{
		{Status: "call_in_progress", First: at(0), Last: at(3), Count: 3},
		{Status: "media_in_progress", First: at(2), Last: at(2), Count: 1},
		{Status: "", First: at(4), Last: at(5), Count: 2},
	}, evidence)
}

func TestEvidenceIsBounded(t *testing.T) {
	var evidence []status.Evidence
	for i := range 32 {
		var isNew bool
		evidence, isNew = status.Add(evidence, fmt.Sprint(i), noon)
		require.True(t, isNew)
		require.Len(t, evidence, i+1)
	}
	for i := 32; i < 40; i++ {
		var isNew bool
		evidence, isNew = status.Add(evidence, fmt.Sprint(i), noon.Add(time.Hour))
		require.Equal(t, i == 32, isNew, "only the first further status is new")
		require.Len(t, evidence, 33)
		require.Equal(t, "(other statuses)", evidence[32].Status)
		require.Equal(t, i-31, evidence[32].Count)
	}
	require.Equal(t, "31", evidence[31].Status)

	evidence, isNew := status.Add(evidence, "31", noon)
	require.False(t, isNew, "what is listed is still counted by its name")
	require.Equal(t, 2, evidence[31].Count)
	require.Len(t, evidence, 33)
}

// Workflow code keeps earlier states, so an addition must not change them.
func TestAddLeavesItsArgumentUnchanged(t *testing.T) {
	before, _ := status.Add(nil, "failed", noon)
	_, _ = status.Add(before, "failed", noon.Add(time.Hour))
	_, _ = status.Add(before, "success", noon)
	require.Equal(t, []status.Evidence{{Status: "failed", First: noon.UTC(), Last: noon.UTC(), Count: 1}}, before)
}
