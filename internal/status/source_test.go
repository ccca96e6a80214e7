package status

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/workflows"
)

func TestEveryRowHasItsSourceAndACompleteMeaning(t *testing.T) {
	count := map[source]int{}
	for name, row := range table {
		count[row.source]++
		require.NotEmpty(t, row.meaning.Text, name)
		switch row.meaning.Action {
		case Download:
			require.Equal(t, Success, name)
		case Poll, RetryNextDay:
			require.NotEmpty(t, row.meaning.Phase, name)
			settles := name == "media_unavailable" || name == NoSuchSession
			require.Equal(t, settles, row.meaning.Settles(), name)
			require.Equal(t, settles, row.meaning.Outcome == workflows.OutcomeUnavailable, name)
		case End:
			require.Empty(t, row.meaning.Phase, name)
			require.NotEmpty(t, row.meaning.Outcome, name)
		default:
			require.Fail(t, "unknown action", name)
		}
	}
	require.Equal(t, map[source]int{page: 7, console: 4, oldConsole: 5, inferred: 1}, count)
}

// The keys are recorded in histories.
func TestMeaningKeepsItsKeys(t *testing.T) {
	written, err := json.Marshal(Of("media_unavailable"))
	require.NoError(t, err)
	require.JSONEq(t, `{"action":"poll","phase":"media_in_progress","outcome":"unavailable","meaning":"`+Of("media_unavailable").Text+`"}`, string(written))
	written, err = json.Marshal(Of("retry_failed"))
	require.NoError(t, err)
	require.JSONEq(t, `{"action":"poll","phase":"media_in_progress","minWait":900000000000,"meaning":"`+Of("retry_failed").Text+`"}`, string(written))
}
