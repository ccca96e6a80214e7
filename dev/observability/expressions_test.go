package observability_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/dev/observability"
)

func TestNeedsOfAnExpressionAreItsMetricsWithWhatSelectsGroupsAndNamesThem(t *testing.T) {
	needs, err := observability.Needs([]observability.Expression{
		{Where: "a:b", Text: `sum by (code) (rate(checks_total{account=~".*"}[5m])) unless on (code) refused`, Legend: "{{code}}, {{ status }}"},
		{Where: "alert", Text: "max(a:b) > 0"},
	})
	require.NoError(t, err)
	require.Equal(t, []observability.Need{
		{Where: "a:b", Metric: "checks_total", Labels: []string{"account", "code", "status"}},
		{Where: "a:b", Metric: "refused", Labels: []string{"code", "status"}},
	}, needs)
}

func TestExpressionsOfRulesAndDashboardAreReadable(t *testing.T) {
	expressions, err := observability.Expressions()
	require.NoError(t, err)
	needs, err := observability.Needs(expressions)
	require.NoError(t, err)
	require.Greater(t, len(needs), len(expressions)/2)
}
