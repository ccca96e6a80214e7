package workflows_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/workflows"
)

func TestCallWindowHasOneText(t *testing.T) {
	for text, want := range map[string]workflows.CallWindow{
		"60/1m":     {Calls: 60, Span: time.Minute},
		"1800/1h":   {Calls: 1800, Span: time.Hour},
		"36000/24h": {Calls: workflows.MaxWindowCalls, Span: workflows.MaxWindowSpan},
		"1/10s":     {Calls: 1, Span: workflows.MinWindowSpan},
		"60/1m30s":  {Calls: 60, Span: 90 * time.Second},
		"90/1h30m":  {Calls: 90, Span: 90 * time.Minute},
		"9/1h0m5s":  {Calls: 9, Span: time.Hour + 5*time.Second},
		"9/10m":     {Calls: 9, Span: 10 * time.Minute},
		"9/20h":     {Calls: 9, Span: 20 * time.Hour},
		"5/10.5s":   {Calls: 5, Span: 10500 * time.Millisecond},
	} {
		got, err := workflows.ParseCallWindow(text)
		require.NoError(t, err)
		require.Equal(t, want, got)
		require.Equal(t, text, got.String())
		body, err := json.Marshal(got)
		require.NoError(t, err)
		require.JSONEq(t, `"`+text+`"`, string(body))
		var back workflows.CallWindow
		require.NoError(t, json.Unmarshal(body, &back))
		require.Equal(t, want, back)
	}
}

func TestOtherTextsOfAWindowAreAccepted(t *testing.T) {
	got, err := workflows.ParseCallWindow("60/60s")
	require.NoError(t, err)
	require.Equal(t, "60/1m", got.String())
}

func TestWindowThatIsNoneIsRefused(t *testing.T) {
	for text, want := range map[string]string{
		"":                        `"" is not a call window: want calls and the time`,
		"60":                      `such as "60/1m" or "1800/1h"`,
		"x/1m":                    `"x/1m" is not a call window`,
		"60/":                     `"" is not a time such as "1m" or "1h"`,
		"60/minute":               `"minute" is not a time`,
		"60/60":                   `"60" is not a time`,
		"0/1m":                    "0/1m is out of bounds: want 1 to 36000 calls in 10s to 24h0m0s",
		"-1/1m":                   "-1/1m is out of bounds",
		"36001/24h":               "36001/24h is out of bounds",
		"60/9.999s":               "60/9.999s is out of bounds",
		"60/24h0m1s":              "60/24h0m1s is out of bounds",
		"60/-1m":                  "60/-1m is out of bounds",
		"+ 60/1m":                 "is not a call window",
		"60/1m/1h":                `"1m/1h" is not a time`,
		"99999999999999999999/1m": "is not a call window",
	} {
		_, err := workflows.ParseCallWindow(text)
		require.ErrorContains(t, err, want, text)
		var w workflows.CallWindow
		if w.UnmarshalText([]byte(text)) == nil { // A window that nobody configured has 0 calls.
			require.Error(t, w.Validate(), text)
		}
	}
}

func TestWindowThatNobodyConfiguredIsRead(t *testing.T) {
	var shown workflows.BudgetWindow
	require.NoError(t, json.Unmarshal([]byte(`{"limit": "0/2h", "used": 7}`), &shown))
	require.Equal(t, workflows.CallWindow{Span: 2 * time.Hour}, shown.Limit)
}

func TestErrorOfAWindowIsShort(t *testing.T) {
	long := make([]byte, 10_000)
	for i := range long {
		long[i] = 'x'
	}
	for _, text := range []string{string(long), "60/" + string(long)} {
		_, err := workflows.ParseCallWindow(text)
		require.Error(t, err)
		require.Less(t, len(err.Error()), 400)
	}
}

func FuzzWindowSurvivesItsText(f *testing.F) {
	f.Add("60/1m")
	f.Add("1/1h0m0.5s")
	f.Fuzz(func(t *testing.T, text string) {
		w, err := workflows.ParseCallWindow(text)
		if err != nil {
			return
		}
		again, err := workflows.ParseCallWindow(w.String())
		require.NoError(t, err)
		require.Equal(t, w, again)
	})
}
