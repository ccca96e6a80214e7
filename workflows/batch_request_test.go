package workflows_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/workflows"
)

// batchSessions returns so many valid sessions.
func batchSessions(n int) []workflows.BatchSession {
	sessions := make([]workflows.BatchSession, 0, n)
	for i := range n {
		sessions = append(sessions, workflows.BatchSession{Session: workflows.Session{BotID: botID, SessionID: fmt.Sprintf("65e7133a3242653c%08x", i)}})
	}
	return sessions
}

var aSource = &workflows.ObjectRef{Bucket: "recordings", Key: "batches/in.csv"}

func decodeBatch(t *testing.T, body string) workflows.BatchRequest {
	t.Helper()
	var request workflows.BatchRequest
	require.NoError(t, json.Unmarshal([]byte(body), &request))
	return request
}

func TestContractJSONOfABatchIsDecoded(t *testing.T) {
	inline := decodeBatch(t, `{"batchId": "b", "sessions": [{"botId": "st-1", "sessionId": "65e7133a3242653c58d7aaaa", "userId": "u@example.com"}], "policy": {}, "priority": 4}`)
	require.NoError(t, inline.Validate())
	require.Equal(t, workflows.BatchRequest{BatchID: "b", Priority: 4, Sessions: []workflows.BatchSession{
		{Session: workflows.Session{BotID: "st-1", SessionID: "65e7133a3242653c58d7aaaa"}, UserID: "u@example.com"},
	}}, inline)

	listed := decodeBatch(t, `{"source": {"bucket": "recordings", "key": "batches/in.csv"}, "refetch": true, "maxFailures": "5%",
		"policy": {"pollMin": "1m", "pollMax": "30m", "partialRetryAfter": "24h", "partialMaxRetries": 7, "unavailableSettlesAfter": "48h", "giveUpAfter": "720h"}}`)
	require.NoError(t, listed.Validate())
	require.Equal(t, workflows.BatchRequest{Source: aSource, Policy: workflows.DefaultFetchPolicy(), MaxFailures: workflows.FailureLimit{Percent: 5}, Refetch: true}, listed)

	both := decodeBatch(t, `{"batchId": "optional", "sessions": [{"botId": "st-1", "sessionId": "65e7133a3242653c58d7aaaa"}],
		"source": {"bucket": "recordings", "key": "batches/in.csv"}, "policy": {}, "priority": 4}`)
	require.ErrorContains(t, both.Validate(), "sessions and source are both given: remove one of them")
}

func TestBatchRequestSurvivesItsJSON(t *testing.T) {
	for _, want := range []workflows.BatchRequest{
		{BatchID: "b", Sessions: []workflows.BatchSession{{Session: session, UserID: "u"}, {Session: session}}, Priority: 5, MaxFailures: workflows.FailureLimit{Count: 7}},
		{Source: aSource, Policy: workflows.FetchPolicy{PollMin: time.Second, PartialMaxRetries: new(0)}, Refetch: true, MaxFailures: workflows.FailureLimit{Percent: 7}},
		{},
	} {
		body, err := json.Marshal(want)
		require.NoError(t, err)
		require.Equal(t, want, decodeBatch(t, string(body)))
	}
	body, err := json.Marshal(workflows.BatchRequest{})
	require.NoError(t, err)
	require.Equal(t, "{}", string(body), "what is not set is left out")
}

func TestBatchRequestIsReadStrictly(t *testing.T) {
	for body, want := range map[string]string{
		`{"BatchId": "b"}`:                      `unknown key "BatchId"`,
		`{"plain": {}}`:                         `unknown key "plain"`,
		`{"Source": null}`:                      `unknown key "Source"`,
		`{"sources": [], "why": 1}`:             `unknown key "sources", "why"`,
		`{"batchId": 7}`:                        "batchId: want a JSON string, got a number",
		`{"sessions": {}}`:                      "sessions: want a JSON array, got a object",
		`{"sessions": "all"}`:                   "sessions: want a JSON array, got a string",
		`{"sessions": ["65e7"]}`:                "want one JSON object, got a JSON string",
		`{"sessions": [{"botid": "st-1"}]}`:     `unknown key "botid"`,
		`{"sessions": [{"batchId": "b"}]}`:      `unknown key "batchId"`,
		`{"sessions": [{"Session": {}}]}`:       `unknown key "Session"`,
		`{"sessions": [{"botId": 7}]}`:          "botId: want a JSON string, got a number",
		`{"sessions": [{"userId": ["u"]}]}`:     "userId: want a JSON string, got a array",
		`{"source": "in.csv"}`:                  "source: want one JSON object, got a JSON string",
		`{"source": {"bucket": "b", "Key": 1}}`: `source: unknown key "Key"`,
		`{"source": {"key": 1}}`:                "source: key: want a JSON string, got a number",
		`{"policy": {"pollmin": "1m"}}`:         `unknown key "pollmin"`,
		`{"policy": {"pollMin": 60}}`:           "policy.pollMin: want a duration",
		`{"priority": "4"}`:                     "priority: want a JSON number, got a string",
		`{"priority": 4.5}`:                     "priority: want a JSON number, got a number 4.5",
		`{"maxFailures": true}`:                 `maxFailures: "true" is not a number of failures`,
		`{"refetch": "yes"}`:                    "refetch: want a JSON bool, got a string",
		`[]`:                                    "want one JSON object, got a JSON array",
		`{"batchId": "b"`:                       "unexpected end",
	} {
		request := workflows.BatchRequest{BatchID: "before"}
		require.ErrorContains(t, json.Unmarshal([]byte(body), &request), want, body)
		require.Equal(t, workflows.BatchRequest{BatchID: "before"}, request, body)
	}
}

func TestNullStandsForTheDefault(t *testing.T) {
	require.Equal(t, workflows.BatchRequest{}, decodeBatch(t, `{"batchId": null, "sessions": null, "source": null, "policy": null, "priority": null, "maxFailures": null, "refetch": null}`))
	require.ErrorContains(t, decodeBatch(t, `{"sessions": [null]}`).Validate(), "sessions[0]: botId is empty")
}

func TestBatchHasEitherSessionsOrASource(t *testing.T) {
	for name, row := range map[string]struct {
		request workflows.BatchRequest
		want    string // empty: it is valid
	}{
		"one session":            {workflows.BatchRequest{Sessions: batchSessions(1)}, ""},
		"as many as are allowed": {workflows.BatchRequest{Sessions: batchSessions(1000)}, ""},
		"one more":               {workflows.BatchRequest{Sessions: batchSessions(1001)}, "sessions are 1001, more than 1000: put the list into the archive, and give it as source"},
		"a source":               {workflows.BatchRequest{Source: aSource}, ""},
		"neither":                {workflows.BatchRequest{}, "sessions are missing: give up to 1,000 of them as sessions, or a list in the archive as source"},
		"no sessions":            {workflows.BatchRequest{Sessions: []workflows.BatchSession{}}, "sessions are missing"},
		"both":                   {workflows.BatchRequest{Sessions: batchSessions(1), Source: aSource}, "sessions and source are both given: remove one of them"},
		"no bucket":              {workflows.BatchRequest{Source: &workflows.ObjectRef{Key: "in.csv"}}, "source lacks its bucket or its key: give both"},
		"no key":                 {workflows.BatchRequest{Source: &workflows.ObjectRef{Bucket: "b"}}, "source lacks its bucket or its key: give both"},
		"the longest key":        {workflows.BatchRequest{Source: &workflows.ObjectRef{Bucket: strings.Repeat("b", 63), Key: strings.Repeat("k", 1024)}}, ""},
		"a key of no object":     {workflows.BatchRequest{Source: &workflows.ObjectRef{Bucket: "b", Key: strings.Repeat("k", 1025)}}, "source cannot name an object"},
		"a name of no bucket":    {workflows.BatchRequest{Source: &workflows.ObjectRef{Bucket: strings.Repeat("b", 64), Key: "k"}}, "source cannot name an object: a bucket's name has at most 63 bytes, and a key at most 1024"},
	} {
		t.Run(name, func(t *testing.T) {
			err := row.request.Validate()
			if row.want == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, "invalid input: "+row.want)
		})
	}
}

func TestEveryFaultOfABatchIsNamed(t *testing.T) {
	request := workflows.BatchRequest{
		BatchID: "a/b", Priority: 6, Policy: workflows.FetchPolicy{PollMin: -time.Second}, MaxFailures: workflows.FailureLimit{Percent: 101},
		Sessions: []workflows.BatchSession{{Session: session}, {}, {Session: session, UserID: "two\nlines"}},
	}
	err := request.Validate()
	for _, want := range []string{
		`batchId "a/b" is malformed`, "sessions[1]: botId is empty", "; sessionId is empty", "sessions[2]: userId holds control characters",
		"priority 6 is out of bounds", "policy.pollMin is -1s", "maxFailures is out of bounds",
	} {
		require.ErrorContains(t, err, want)
	}
	require.NotContains(t, err.Error(), "sessions[0]")
	require.NotContains(t, err.Error(), "\n")
}

func TestOnlyTheFirstTenInvalidSessionsAreNamed(t *testing.T) {
	ten := workflows.BatchRequest{Sessions: append(batchSessions(1), make([]workflows.BatchSession, 10)...)}
	err := ten.Validate()
	require.ErrorContains(t, err, "sessions[1]: ")
	require.ErrorContains(t, err, "sessions[10]: ")
	require.NotContains(t, err.Error(), "further sessions")

	all := workflows.BatchRequest{Sessions: append(batchSessions(1), make([]workflows.BatchSession, 999)...)}
	err = all.Validate()
	require.ErrorContains(t, err, "sessions[10]: ")
	require.ErrorContains(t, err, "; further sessions are invalid too")
	require.NotContains(t, err.Error(), "sessions[11]: ")
	require.Less(t, len(err.Error()), 4000)
}

func TestSessionsOfABatchMustCarryTheTimeOfACall(t *testing.T) {
	request := workflows.BatchRequest{Sessions: []workflows.BatchSession{{Session: session}}} // of 2024-03-05T12:42:34Z
	callTime, err := session.CallTime()
	require.NoError(t, err)
	require.NoError(t, request.ValidateAt(callTime.Add(-10*time.Minute)))
	require.ErrorContains(t, request.ValidateAt(callTime.Add(-11*time.Minute)), "sessions[0]: sessionId")
	require.NoError(t, request.ValidateAt(time.Time{}), "a zero time leaves it unchecked")
}

func TestBatchPassesItsRequestOnToEachFetch(t *testing.T) {
	request := workflows.BatchRequest{BatchID: "b", Refetch: true, Priority: 3, Policy: workflows.FetchPolicy{PollMin: time.Second}}
	require.Equal(t, workflows.FetchRequest{Session: session, UserID: "u", BatchID: "b", Refetch: true, Priority: 3, Policy: workflows.FetchPolicy{PollMin: time.Second}},
		request.FetchRequest(workflows.BatchSession{Session: session, UserID: "u"}))
}

func TestPriorityOfABatchIsThatOfItsFetches(t *testing.T) {
	for given, want := range map[int]int{0: 4, 1: 1, 4: 4, 5: 5} {
		request := workflows.BatchRequest{BatchID: "b", Priority: given}
		require.Equal(t, want, request.EffectivePriority())
		require.Equal(t, want, request.FetchRequest(workflows.BatchSession{Session: session}).EffectivePriority())
	}
}

func TestBatchIsNamedByItsWorkflow(t *testing.T) {
	long := strings.Repeat("x", 128)
	require.Equal(t, "batch/2026-11", workflows.BatchWorkflowID("2026-11"))
	for workflowID, want := range map[string]string{
		"batch/2026-11": "2026-11", "2026-11": "2026-11", "batch/" + long: long, "batch": "batch", "batch/batch": "batch",
		"0b9f2c1e-6a1c-4c58-9a47-0d1c5a1f0001": "0b9f2c1e-6a1c-4c58-9a47-0d1c5a1f0001",
	} {
		got, err := workflows.BatchIDOf(workflowID)
		require.NoError(t, err)
		require.Equal(t, want, got)
		require.NoError(t, workflows.ValidateBatchID(got))
	}
	for _, workflowID := range []string{"", "batch/", "batch/a/b", "a/b", "batch/batch/b", "batch/" + long + "x", "nightly run", "batch/-", "batch/.."} {
		_, err := workflows.BatchIDOf(workflowID)
		require.ErrorContains(t, err, "cannot name the batch: give a batchId, or a workflow id such as batch/2026-11", workflowID)
	}
	_, err := workflows.BatchIDOf(strings.Repeat("/", 100_000))
	require.Less(t, len(err.Error()), 400)
}

func TestBatchIDIsRequiredWhereNothingElseNamesTheBatch(t *testing.T) {
	require.ErrorContains(t, workflows.ValidateBatchID(""), "batchId is empty: give up to 128 letters")
	require.ErrorContains(t, workflows.ValidateBatchID("a b"), `batchId "a b" is malformed`)
	require.NoError(t, workflows.ValidateBatchID("2026-11_a.b"))
	require.NoError(t, workflows.BatchRequest{Sessions: batchSessions(1)}.Validate(), "the workflow's id names it")
}

func FuzzBatchRequestIsAcceptedOrRefused(f *testing.F) {
	f.Add(`{"batchId":"b","sessions":[{"botId":"st-1","sessionId":"65e7133a3242653c58d7aaaa","userId":"u"}],"maxFailures":"5%"}`)
	f.Add(`{"source":{"bucket":"b","key":"k"},"policy":{"pollMin":"1m"},"priority":4,"maxFailures":7,"refetch":true}`)
	f.Add(`{"policy":null,"source":null,"sessions":[null],"plain":null}`)
	f.Add(`null`)
	f.Fuzz(func(t *testing.T, input string) {
		var request workflows.BatchRequest
		if json.Unmarshal([]byte(input), &request) != nil {
			return
		}
		if err := request.Validate(); err != nil {
			require.False(t, strings.Contains(err.Error(), "\n"))
			return
		}
		require.NotEqual(t, request.Source == nil, len(request.Sessions) == 0, "either sessions or a source")
		body, err := json.Marshal(request)
		require.NoError(t, err)
		again := decodeBatch(t, string(body))
		require.NoError(t, again.Validate(), "what was accepted once is accepted again")
		for _, session := range request.Sessions {
			require.NoError(t, request.FetchRequest(session).Validate(), "every fetch of a valid batch is valid")
		}
	})
}
