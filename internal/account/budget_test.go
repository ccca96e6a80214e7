package account_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/internal/account"
	"github.com/callvault/callvault/workflows"
)

func TestScopeDecidesWhoseBudgetACallCountsAgainst(t *testing.T) {
	for scope, want := range map[account.Scope]string{account.PerBot: "st-2", "": "st-2", account.PerAccount: "acme"} {
		settings := settingsOf("acme", "st-1", "st-2")
		settings.Budget.Scope = scope
		require.Equal(t, want, settings.BudgetName("st-2"), scope)
	}
}

func TestBudgetWithoutUsableWindowsIsRefused(t *testing.T) {
	window := workflows.CallWindow{Calls: 60, Span: time.Minute}
	for name, row := range map[string]struct {
		windows []workflows.CallWindow
		says    string
	}{
		"none":          {nil, "not 0"},
		"too many":      {[]workflows.CallWindow{window, window, window, window, window}, "not 5"},
		"out of bounds": {[]workflows.CallWindow{window, {Calls: 0, Span: time.Hour}}, "the call window 0/1h is out of bounds"},
		"no time":       {[]workflows.CallWindow{{Calls: 1}}, "out of bounds"},
	} {
		t.Run(name, func(t *testing.T) {
			settings := settingsOf("acme", "st-1")
			settings.Budget.Windows = row.windows
			_, err := account.Open(settings)
			require.ErrorContains(t, err, row.says)
		})
	}
}

func TestEachListOfTheVendorHasABudgetOfItsOwn(t *testing.T) {
	opened, err := account.Open(settingsOf("acme", "st-1", "st-2"))
	require.NoError(t, err)
	require.Equal(t, "st-2", opened.BudgetName("st-2"))
	require.Equal(t, "st-2.sessions", opened.SessionList().BudgetName("st-2"))
	require.Equal(t, "acme.interactions", opened.InteractionList().BudgetName("st-2"), "all bots share it")
	usual := []workflows.CallWindow{{Calls: 60, Span: time.Minute}, {Calls: 1800, Span: time.Hour}}
	require.Equal(t, usual, opened.InteractionList().Budget.Windows)
	require.Equal(t, "acme", opened.Name)
}
