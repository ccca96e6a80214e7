package retryafter_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/internal/retryafter"
)

func TestRetryAfterIsParsedAndBounded(t *testing.T) {
	now := time.Date(2026, 3, 5, 12, 0, 0, 0, time.UTC)
	for value, want := range map[string]time.Duration{
		"":                              0,
		"90":                            90 * time.Second,
		"0":                             0,
		"-5":                            0,
		"3601":                          time.Hour,
		"99999999999999999999":          time.Hour,
		"soon":                          0,
		"1.5":                           0,
		"Thu, 05 Mar 2026 12:01:30 GMT": 90 * time.Second,
		"Thu, 05 Mar 2026 11:00:00 GMT": 0,
		"Fri, 06 Mar 2026 12:00:00 GMT": time.Hour,
	} {
		header := http.Header{}
		if value != "" {
			header.Set("Retry-After", value)
		}
		require.Equal(t, want, retryafter.Parse(header, now, time.Hour), value)
	}
}
