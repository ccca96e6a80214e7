package smartassist_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/internal/smartassist"
)

// The rows stand as literals, to be read beside the vendor's page and the
// console's documentation.
func TestEveryStatusMeansWhatTheVendorSays(t *testing.T) {
	const page, console, nowhere = "page", "console", "nowhere"
	for _, row := range []struct {
		status, source string
		action         smartassist.Action
		minWait        time.Duration
		says           string
	}{
		{"success", page, smartassist.Archive, 0, "the URL is generated"},
		{"failed", page, smartassist.EndFailed, 0, "permanent failure"},
		{"media_unavailable", page, smartassist.EndUnavailable, 0, "not available on the server"},
		{"call_in_progress", page, smartassist.Poll, 0, "ongoing"},
		{"media_in_progress", page, smartassist.Poll, 0, "not generated yet"},
		{"partial_download_failed", page, smartassist.RetryNextDay, 0, "after 24 hours"},
		{"partial_upload_failed", page, smartassist.RetryNextDay, 0, "after 24 hours"},

		{"partial_failed", console, smartassist.RetryNextDay, 0, "after 24 hours"},
		{"fetching_in_progress", console, smartassist.Poll, 0, "is fetching"},
		{"initial_fetch_failed", console, smartassist.RetryNextDay, 0, "after 24 hours"},
		{"retry_failed", console, smartassist.Poll, 15 * time.Minute, "15 minutes"},
		{"24hr_retry_failed", console, smartassist.EndFailed, 0, "last retry"},

		{"archived_elsewhere", nowhere, smartassist.Poll, 0, "neither"},
		{"Success", nowhere, smartassist.Poll, 0, "neither"},
		{"", nowhere, smartassist.Poll, 0, "neither"},
	} {
		t.Run(row.status, func(t *testing.T) {
			meaning := smartassist.MeaningOf(row.status)
			require.Equal(t, row.action, meaning.Action)
			require.Equal(t, row.minWait, meaning.MinWait)
			require.Equal(t, row.source != nowhere, meaning.Known)
			require.Contains(t, meaning.Text, row.says)
		})
	}
}
