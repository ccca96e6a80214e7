package doctor

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestClocksAreComparedByTheDateOfAResponse(t *testing.T) {
	received := time.Date(2026, 3, 5, 12, 0, 10, 300_000_000, time.UTC)
	ahead, known := aheadOf(http.Header{"Date": {"Thu, 05 Mar 2026 12:00:00 GMT"}}, received)
	require.True(t, known)
	require.Equal(t, 9800*time.Millisecond, ahead)
	for _, header := range []http.Header{nil, {"Date": {"yesterday"}}} {
		_, known = aheadOf(header, received)
		require.False(t, known)
	}
}

// The same difference is harmless to a store and makes tokens invalid.
func TestClockIsBrokenFromWhereRequestsAreRefused(t *testing.T) {
	for name, row := range map[string]struct {
		ahead         time.Duration
		known         bool
		store, vendor Verdict
	}{
		"none":                   {0, true, OK, OK},
		"transit and whole time": {-5 * time.Second, true, OK, OK},
		"seconds ahead":          {6 * time.Second, true, Warning, Warning},
		"seconds behind":         {-6 * time.Second, true, Warning, Warning},
		"as tokens are dated":    {30 * time.Second, true, Warning, Warning},
		"dated in the future":    {31 * time.Second, true, Warning, Broken},
		"as tokens live":         {-255 * time.Second, true, Warning, Warning},
		"expired when used":      {-256 * time.Second, true, Warning, Broken},
		"as S3 allows":           {15 * time.Minute, true, Warning, Broken},
		"too new for S3":         {901 * time.Second, true, Broken, Broken},
		"too old for S3":         {-901 * time.Second, true, Broken, Broken},
		"without a date":         {0, false, Skipped, Skipped},
	} {
		t.Run(name, func(t *testing.T) {
			for check, want := range map[Name]struct {
				allowed tolerance
				verdict Verdict
			}{ArchiveClock: {s3Tolerance, row.store}, UpstreamClock: {tokenTolerance, row.vendor}} {
				found := judgeClock(row.ahead, row.known, want.allowed)
				requireFinding(t, check, found, want.verdict)
				if want.verdict == Warning || want.verdict == Broken {
					require.Contains(t, found.Text, row.ahead.Abs().Round(time.Second).String())
					require.Contains(t, found.Text, map[bool]string{true: "ahead of", false: "behind"}[row.ahead > 0])
				}
			}
		})
	}
}
