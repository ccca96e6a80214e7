// Package retryafter parses the HTTP header Retry-After (RFC 9110, section
// 10.2.3). Its two forms take a dozen lines; an upper bound and safety from
// overflow matter more here than what a dependency would save.
package retryafter

import (
	"errors"
	"net/http"
	"strconv"
	"time"
)

// Parse returns how long the header asks to wait from now, in seconds or until a
// date, and at most limit. It returns 0 if there is no header, if it cannot be
// parsed, or if it asks for no wait.
func Parse(header http.Header, now time.Time, limit time.Duration) time.Duration {
	value := header.Get("Retry-After")
	seconds, err := strconv.ParseInt(value, 10, 64)
	if err == nil || errors.Is(err, strconv.ErrRange) {
		// Bound it before multiplying, which would overflow.
		return time.Duration(min(max(seconds, 0), int64(limit/time.Second))) * time.Second
	}
	if at, err := http.ParseTime(value); err == nil {
		return min(max(at.Sub(now), 0), limit)
	}
	return 0
}
