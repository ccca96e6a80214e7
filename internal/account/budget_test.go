package account_test

import (
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/internal/account"
	"github.com/callvault/callvault/internal/archive"
)

func TestCallSlotsStayWithinBothWindows(t *testing.T) {
	for _, row := range []struct {
		perMinute, perHour int
		want               float64
	}{
		{60, 1800, 0.49},      // the usual row of the vendor's matrix: the hour decides
		{600, 18000, 4.9},     // the row of some run-time APIs
		{60, 3600, 50.0 / 60}, // the minute decides: nine tenths less a burst of four
		{60, 1_000_000, 50.0 / 60},
		{1_000_000, 1800, 0.49},
		{8, 1800, 4.0 / 60},
		{1, 1800, 0.5 / 60},
		{1, 1, 0.98 / 3600},
	} {
		got := account.Budget{CallsPerMinute: row.perMinute, CallsPerHour: row.perHour}.CallsPerSecond()
		require.InDelta(t, row.want, got, 1e-9)
		require.Less(t, got*3600, float64(row.perHour), "an hour's slots are fewer than its calls")
		require.Less(t, got*60, float64(row.perMinute), "a minute's too")
		if row.perMinute >= 8 {
			require.LessOrEqual(t, got*60+4, float64(row.perMinute), "even after a burst of one from each of four partitions")
		}
		require.Positive(t, got)
	}
}

func TestAccountWithoutABudgetIsRefused(t *testing.T) {
	settings := account.Settings{
		API:     &url.URL{Scheme: "https", Host: "smartassist.example.com"},
		BotIDs:  []string{"st-1", "st-2", "st-3", "st-4", "st-5", "st-6", "st-7"},
		Archive: archive.Config{Endpoint: &url.URL{Scheme: "https", Host: "s3.example.com"}, Bucket: "recordings"},
	}
	_, err := account.Open(settings)
	require.ErrorContains(t, err, "a call budget above 0")

	settings.Budget = account.Budget{CallsPerMinute: 1, CallsPerHour: 1}
	opened, err := account.Open(settings)
	require.NoError(t, err)
	require.NoError(t, opened.Serves("st-7"))
	require.ErrorContains(t, opened.Serves("st-8"), "st-4, st-5 and 2 more)")
}
