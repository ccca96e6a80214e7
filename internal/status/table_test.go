package status_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/internal/status"
	"github.com/callvault/callvault/workflows"
)

// The rows are literals, so that they can be compared with the vendor's page and
// the console's documentation.
func TestStatusMeaningsMatchVendorDocumentation(t *testing.T) {
	const (
		inCall  = workflows.PhaseCallInProgress
		inMedia = workflows.PhaseMediaInProgress
		partial = workflows.PhasePartialWait
		unknown = workflows.PhaseChecking
	)
	for _, row := range []struct {
		status  string
		action  status.Action
		phase   workflows.FetchPhase
		outcome workflows.Outcome
		minWait time.Duration
		says    string
	}{
		// The vendor's page.
		{"success", status.Download, "", "", 0, "the URL is generated"},
		{"failed", status.End, "", workflows.OutcomeFailed, 0, "permanent failure"},
		{"media_unavailable", status.Poll, inMedia, workflows.OutcomeUnavailable, 0, "not available on the server"},
		{"call_in_progress", status.Poll, inCall, "", 0, "ongoing"},
		{"media_in_progress", status.Poll, inMedia, "", 0, "not generated yet"},
		{"partial_download_failed", status.RetryNextDay, partial, "", 0, "after 24 hours"},
		{"partial_upload_failed", status.RetryNextDay, partial, "", 0, "after 24 hours"},

		// The vendor's console.
		{"media_generation_failed", status.End, "", workflows.OutcomeFailed, 0, "technical reason"},
		{"media_conversion_failed", status.RetryNextDay, partial, "", 0, "within 24 hours"},
		{"media_unavailable_short_duration", status.End, "", workflows.OutcomeUnavailable, 0, "too short"},
		{"recording_disabled", status.End, "", workflows.OutcomeUnavailable, 0, "recording was off"},

		// Older consoles.
		{"partial_failed", status.RetryNextDay, partial, "", 0, "after 24 hours"},
		{"fetching_in_progress", status.Poll, inMedia, "", 0, "is fetching"},
		{"initial_fetch_failed", status.RetryNextDay, partial, "", 0, "after 24 hours"},
		{"retry_failed", status.Poll, inMedia, "", 15 * time.Minute, "15 minutes"},
		{"24hr_retry_failed", status.End, "", workflows.OutcomeFailed, 0, "last retry"},

		// Our own name.
		{"no_such_session", status.Poll, inMedia, workflows.OutcomeUnavailable, 0, "does not know this session"},

		// Documented nowhere.
		{"archived_elsewhere", status.Poll, unknown, "", 0, "neither"},
		{"Success", status.Poll, unknown, "", 0, "neither"},
		{"", status.Poll, unknown, "", 0, "neither"},
	} {
		t.Run(row.status, func(t *testing.T) {
			meaning := status.Of(row.status)
			require.Equal(t, row.action, meaning.Action)
			require.Equal(t, row.phase, meaning.Phase)
			require.Equal(t, row.outcome, meaning.Outcome)
			require.Equal(t, row.minWait, meaning.MinWait)
			require.Contains(t, meaning.Text, row.says)
		})
	}
}
