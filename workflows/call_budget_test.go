package workflows_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/workflows"
)

func TestBudgetChangesAreReadFromPlainJSON(t *testing.T) {
	var change workflows.BudgetChange
	require.NoError(t, json.Unmarshal([]byte(`{"reason": "audit"}`), &change))
	require.NoError(t, change.Validate())
	require.Equal(t, "audit", change.Reason)

	var limits workflows.LimitsChange
	require.NoError(t, json.Unmarshal([]byte(`{"windows": ["60/1m", "1800/1h"], "reason": "less"}`), &limits))
	require.NoError(t, limits.Validate())
	require.Equal(t, []workflows.CallWindow{{Calls: 60, Span: time.Minute}, {Calls: 1800, Span: time.Hour}}, limits.Windows)
}

func TestBudgetChangesAreReadStrictly(t *testing.T) {
	for text, want := range map[string]string{
		`{"Reason": "audit"}`:             `unknown key "Reason"`,
		`{"reason": "audit", "why": "x"}`: `unknown key "why"`,
		`{"reason": 7}`:                   "reason: want a JSON string, got a number",
		`"audit"`:                         "want one JSON object, got a JSON string",
		`[]`:                              "want one JSON object, got a JSON array",
		`{"reason": "audit"`:              "unexpected end",
	} {
		var change workflows.BudgetChange
		require.ErrorContains(t, json.Unmarshal([]byte(text), &change), want, text)
		var limits workflows.LimitsChange
		require.ErrorContains(t, json.Unmarshal([]byte(text), &limits), want, text)
	}
	var limits workflows.LimitsChange
	require.ErrorContains(t, json.Unmarshal([]byte(`{"windows": ["60"], "reason": "x"}`), &limits), `"60" is not a call window`)
	require.ErrorContains(t, json.Unmarshal([]byte(`{"windows": "60/1m", "reason": "x"}`), &limits), "windows: want")
}

func TestBudgetChangeNeedsAReasonInOneLine(t *testing.T) {
	for reason, want := range map[string]string{
		"":                       "reason is empty: say why",
		" \t ":                   "reason is empty",
		strings.Repeat("x", 201): "reason has 201 bytes, more than 200",
		"two\nlines":             "control characters",
		"a bell\a":               "control characters",
		"half a rune \xc3":       "control characters",
	} {
		require.ErrorContains(t, workflows.BudgetChange{Reason: reason}.Validate(), want)
		require.ErrorContains(t, workflows.LimitsChange{Reason: reason}.Validate(), want)
	}
	require.NoError(t, workflows.BudgetChange{Reason: strings.Repeat("x", 200)}.Validate())
	require.NoError(t, workflows.LimitsChange{Reason: "zurück"}.Validate(), "without windows the configured ones hold again")
}

func TestEveryFaultOfALimitsChangeIsNamed(t *testing.T) {
	err := workflows.LimitsChange{Windows: []workflows.CallWindow{
		{Calls: 0, Span: time.Minute}, {Calls: 1, Span: time.Minute}, {Calls: 1, Span: 48 * time.Hour}, {Calls: 1, Span: time.Hour}, {Calls: 1, Span: 2 * time.Hour},
	}}.Validate()
	for _, want := range []string{"reason is empty", "a call budget has 1 to 4 call windows, not 5", "0/1m is out of bounds", "two windows have the span 1m0s", "1/48h is out of bounds"} {
		require.ErrorContains(t, err, want)
	}
	four := workflows.LimitsChange{Reason: "x", Windows: []workflows.CallWindow{
		{Calls: 1, Span: workflows.MinWindowSpan}, {Calls: 1, Span: time.Minute}, {Calls: 1, Span: time.Hour}, {Calls: 1, Span: 2 * time.Hour},
	}}
	require.NoError(t, four.Validate())
}

func TestBudgetHasOneWorkflow(t *testing.T) {
	require.Equal(t, "call-budget/st-1", workflows.CallBudgetWorkflowID("st-1"))
}

func TestBudgetStatusHidesWhatDoesNotApply(t *testing.T) {
	body, err := json.Marshal(workflows.BudgetStatus{Budget: "a", State: workflows.BudgetOpen, Windows: []workflows.BudgetWindow{{Limit: workflows.CallWindow{Calls: 60, Span: time.Minute}}}})
	require.NoError(t, err)
	require.JSONEq(t, `{"budget": "a", "state": "open", "asOf": "0001-01-01T00:00:00Z", "windows": [{"limit": "60/1m", "used": 0}], "slots": 0, "refusals": 0}`, string(body))
}
