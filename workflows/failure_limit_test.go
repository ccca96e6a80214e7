package workflows_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/workflows"
)

func TestFailureLimitHasOneTextAndOneJSON(t *testing.T) {
	for _, row := range []struct {
		text, json string
		want       workflows.FailureLimit
	}{
		{"1", "1", workflows.FailureLimit{Count: 1}},
		{"100", "100", workflows.FailureLimit{Count: 100}},
		{"1000000", "1000000", workflows.FailureLimit{Count: workflows.MaxBatchSessions}},
		{"1%", `"1%"`, workflows.FailureLimit{Percent: 1}},
		{"100%", `"100%"`, workflows.FailureLimit{Percent: 100}},
	} {
		got, err := workflows.ParseFailureLimit(row.text)
		require.NoError(t, err)
		require.Equal(t, row.want, got)
		require.NoError(t, got.Validate())
		require.False(t, got.IsZero())
		require.Equal(t, row.text, got.String())
		body, err := json.Marshal(got)
		require.NoError(t, err)
		require.Equal(t, row.json, string(body))
		var back workflows.FailureLimit
		require.NoError(t, json.Unmarshal(body, &back))
		require.Equal(t, row.want, back)
	}
}

func TestOtherTextsOfAFailureLimitAreAccepted(t *testing.T) {
	for text, want := range map[string]workflows.FailureLimit{
		" 7 ": {Count: 7}, "5 %": {Percent: 5}, "+5%": {Percent: 5}, "007": {Count: 7},
	} {
		got, err := workflows.ParseFailureLimit(text)
		require.NoError(t, err, text)
		require.Equal(t, want, got)
	}
	var limit workflows.FailureLimit
	require.NoError(t, json.Unmarshal([]byte(`"100"`), &limit), "a number as a string, as shells write it")
	require.Equal(t, workflows.FailureLimit{Count: 100}, limit)
}

func TestNoFailureLimitIsZeroAndLeftOut(t *testing.T) {
	for _, body := range []string{"0", "null"} {
		limit := workflows.FailureLimit{Count: 7}
		require.NoError(t, json.Unmarshal([]byte(body), &limit))
		require.True(t, limit.IsZero(), body)
		require.Empty(t, limit.String())
	}
	body, err := json.Marshal(workflows.FailureLimit{})
	require.NoError(t, err)
	require.Equal(t, "0", string(body))
	body, err = json.Marshal(workflows.BatchRequest{BatchID: "b"})
	require.NoError(t, err)
	require.NotContains(t, string(body), "maxFailures")
}

func TestFailureLimitThatIsNoneIsRefused(t *testing.T) {
	for _, text := range []string{"", " ", "0", "-1", "1000001", "0%", "-5%", "101%", "%", "5%%", "5.5%", "1e2", "many", "null", "99999999999999999999", "5 6"} {
		_, err := workflows.ParseFailureLimit(text)
		require.ErrorContains(t, err, "is not a number of failures: want one from 1 to 1000000, or a percentage from 1% to 100%", text)
	}
	for _, body := range []string{`""`, `"0"`, `"null"`, `"0%"`, `"101%"`, "-1", "1000001", "1.5", "true", "{}", "[]", `{"count": 1}`} {
		limit := workflows.FailureLimit{Count: 7}
		require.ErrorContains(t, json.Unmarshal([]byte(body), &limit), "maxFailures: ", body)
		require.Equal(t, workflows.FailureLimit{Count: 7}, limit, "a refused text changes nothing")
	}
	_, err := workflows.ParseFailureLimit(string(make([]byte, 10_000)))
	require.Less(t, len(err.Error()), 400)
	require.Error(t, new(workflows.FailureLimit).UnmarshalJSON([]byte(`"5`)), "no JSON")
}

func TestFailureLimitOfGoCodeIsValidated(t *testing.T) {
	for _, limit := range []workflows.FailureLimit{
		{Count: -1}, {Count: workflows.MaxBatchSessions + 1}, {Percent: -1}, {Percent: 101}, {Count: 1, Percent: 1},
	} {
		require.ErrorContains(t, limit.Validate(), "maxFailures is out of bounds: want a number from 1 to 1000000, or a percentage", "%+v", limit)
	}
	require.NoError(t, workflows.FailureLimit{}.Validate())
}

func TestFailureLimitIsReached(t *testing.T) {
	count, percent := workflows.FailureLimit{Count: 3}, workflows.FailureLimit{Percent: 5}
	for _, row := range []struct {
		name                      string
		limit                     workflows.FailureLimit
		failures, ended, sessions int
		reached                   bool
	}{
		{"no limit", workflows.FailureLimit{}, 1000, 1000, 1000, false},
		{"one less than the number", count, 2, 2, 1000, false},
		{"the number, however few have ended", count, 3, 3, 1000, true},
		{"more than the number", count, 4, 1000, 1000, true},
		{"a percentage of too few", percent, 99, 99, 1000, false},
		{"a percentage of enough", percent, 5, 100, 1000, true},
		{"a bit less than the percentage", percent, 5, 101, 1000, false},
		{"a percentage is not rounded down", percent, 4, 100, 1000, false},
		{"a percentage of a small batch that has not ended", percent, 19, 19, 20, false},
		{"a percentage of a small batch that has ended", percent, 1, 20, 20, true},
		{"a percentage of nothing", percent, 0, 0, 0, false},
		{"no failures", workflows.FailureLimit{Percent: 1}, 0, 1000, 1000, false},
		{"all of them", workflows.FailureLimit{Percent: 100}, 100, 100, 1000, true},
		{"all but one", workflows.FailureLimit{Percent: 100}, 99, 100, 1000, false},
		{"a whole batch", percent, 50_000, workflows.MaxBatchSessions, workflows.MaxBatchSessions, true},
	} {
		t.Run(row.name, func(t *testing.T) {
			require.Equal(t, row.reached, row.limit.IsReached(row.failures, row.ended, row.sessions))
		})
	}
}

func FuzzFailureLimitSurvivesItsText(f *testing.F) {
	f.Add("5%")
	f.Add("100")
	f.Add(`"5%"`)
	f.Fuzz(func(t *testing.T, text string) {
		var decoded workflows.FailureLimit
		if json.Unmarshal([]byte(text), &decoded) == nil {
			require.NoError(t, decoded.Validate())
		}
		limit, err := workflows.ParseFailureLimit(text)
		if err != nil {
			return
		}
		again, err := workflows.ParseFailureLimit(limit.String())
		require.NoError(t, err)
		require.Equal(t, limit, again)
	})
}
