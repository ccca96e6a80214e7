package workflows_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/workflows"
)

func TestDayRequestIsOneFlatObject(t *testing.T) {
	const text = `{"botId":"st-1","date":"2026-11-20","settleAfter":"1h0m0s","policy":{"pollMin":"1m0s"},"priority":3}`
	var request workflows.DayRequest
	require.NoError(t, json.Unmarshal([]byte(text), &request))
	require.Equal(t, workflows.DayRequest{
		Day:       workflows.Day{BotID: "st-1", Date: "2026-11-20"},
		DayPolicy: workflows.DayPolicy{SettleAfter: time.Hour, Fetch: workflows.FetchPolicy{PollMin: time.Minute}, Priority: 3},
	}, request)
	encoded, err := json.Marshal(request)
	require.NoError(t, err)
	require.JSONEq(t, text, string(encoded))
	require.Equal(t, "day/st-1/2026-11-20", request.WorkflowID())
}

func TestDaysRequestIsOneFlatObject(t *testing.T) {
	const text = `{"botId":"st-1","from":"2026-11-01","to":"2026-11-20","atOnce":5,"again":true,"settleAfter":"1h0m0s"}`
	var request workflows.DaysRequest
	require.NoError(t, json.Unmarshal([]byte(text), &request))
	require.Equal(t, workflows.DaysRequest{BotID: "st-1", From: "2026-11-01", To: "2026-11-20", AtOnce: 5, Again: true, DayPolicy: workflows.DayPolicy{SettleAfter: time.Hour}}, request)
	encoded, err := json.Marshal(request)
	require.NoError(t, err)
	require.JSONEq(t, text, string(encoded))
}

func TestDayRequestErrorsNameTheKeyAndTheRemedy(t *testing.T) {
	for text, want := range map[string]string{
		`{"botid":"st-1"}`:                           "botid",
		`{"botId":"st-1","date":1}`:                  "date: want a JSON string",
		`{"botId":"st-1","settleAfter":"soon"}`:      `settleAfter: "soon" is not a duration, or not a positive one`,
		`{"botId":"st-1","settleAfter":"-1h"}`:       "settleAfter",
		`{"botId":"st-1","policy":{"pollmin":"1m"}}`: "pollmin",
	} {
		var request workflows.DayRequest
		require.ErrorContains(t, json.Unmarshal([]byte(text), &request), want, text)
	}
}

func TestDayIsValidatedAtATime(t *testing.T) {
	now := time.Date(2026, 11, 21, 3, 0, 0, 0, time.UTC)
	valid := workflows.DayRequest{Day: workflows.Day{BotID: "st-1", Date: "2026-11-20"}}
	require.NoError(t, valid.ValidateAt(now))
	for want, change := range map[string]func(*workflows.DayRequest){
		"date \"20.11.\" is malformed": func(r *workflows.DayRequest) { r.Date = "20.11." },
		"in the future":                func(r *workflows.DayRequest) { r.Date = "2026-11-22" },
		"before 2015":                  func(r *workflows.DayRequest) { r.Date = "1999-01-01" },
		"botId is empty":               func(r *workflows.DayRequest) { r.BotID = "" },
		"priority 6":                   func(r *workflows.DayRequest) { r.Priority = 6 },
	} {
		request := valid
		change(&request)
		require.ErrorContains(t, request.ValidateAt(now), want)
	}
	days := workflows.DaysRequest{BotID: "st-1", From: "2016-01-01", To: "2026-11-20"}
	require.ErrorContains(t, days.ValidateAt(now), "more than 2562")
	days = workflows.DaysRequest{BotID: "st-1", From: "2026-11-20", To: "2026-11-19"}
	require.ErrorContains(t, days.ValidateAt(now), "to 2026-11-19 is before from 2026-11-20: swap them")
	days = workflows.DaysRequest{BotID: "st-1", From: "2026-01-01", AtOnce: 21}
	require.ErrorContains(t, days.ValidateAt(now), "atOnce is 21")
}
