package fetchrecording_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/internal/failure"
	"github.com/callvault/callvault/workflows"
	"github.com/callvault/callvault/workflows/fetchrecording"
)

// BenchmarkMonthOfASessionThatNeverChanges lets sessions stay in each state that
// may never end for 30 days of skipped time, and prints what one costs:
//
//	go test -run '^$' -bench Month -benchtime 1000x ./workflows/fetchrecording
func BenchmarkMonthOfASessionThatNeverChanges(b *testing.B) {
	for _, row := range []struct {
		name     string
		response response
		failure  failure.Kind // of every download
	}{
		{name: "call_in_progress", response: answered("call_in_progress")},
		{name: "media_in_progress", response: answered("media_in_progress")},
		{name: "unknown_status", response: answered("teleporting")},
		{name: "media_unavailable", response: answered("media_unavailable")},
		{name: "no_such_session", response: refusal(404, "Session not found")},
		{name: "partial_upload_failed", response: answered("partial_upload_failed")},
		{name: "API_unavailable", response: response{code: 503}},
		{name: "over_budget", response: refusal(429, "You've exceeded the per-minute rate limit. Please wait for sometime before retrying.")},
		{name: "blocked", response: refusal(401, "Permission denied. Scope is incorrect!")},
		{name: "URL_refused", response: success("a.wav"), failure: failure.MediaRefused},
		{name: "URL_expired", response: success("a.wav"), failure: failure.MediaExpired},
		{name: "text_body", response: success("a.wav"), failure: failure.MediaInvalid},
		{name: "media_unavailable_503", response: success("a.wav"), failure: failure.MediaUnavailable},
	} {
		b.Run(row.name, func(b *testing.B) {
			calls, most, downloads, mostDownloads, outcomes := 0, 0, 0, 0, 0
			for i := range b.N {
				h := newHarness(b, row.response)
				h.session = callAt(startTime.Add(-time.Duration(i%60)*time.Second), i)
				if row.failure != "" {
					h.download = func(fetchrecording.DownloadRecordingInput) (*workflows.Recording, error) {
						return nil, failWith(row.failure, "the text")
					}
				}
				h.after(30*24*time.Hour+time.Minute, h.env.CancelWorkflow)
				h.execute(workflows.FetchRequest{Session: h.session})
				calls += len(h.checkedAt)
				most = max(most, len(h.checkedAt))
				downloads += len(h.downloads)
				mostDownloads = max(mostDownloads, len(h.downloads))
				outcomes += len(h.manifests)
			}
			require.LessOrEqual(b, most, 60, "calls of one session")
			require.LessOrEqual(b, mostDownloads, 12, "downloads of one session")
			b.ReportMetric(float64(calls)/float64(b.N), "calls/session")
			b.ReportMetric(float64(most), "most-calls")
			b.ReportMetric(float64(downloads)/float64(b.N), "downloads/session")
			b.ReportMetric(float64(outcomes)/float64(b.N), "manifests/session")
			b.ReportMetric(0, "ns/op") // skipped time says nothing
		})
	}
}
