// Package retryafter reads the HTTP header Retry-After (RFC 9110, 10.2.3).
package retryafter

import (
	"errors"
	"net/http"
	"strconv"
	"time"
)

// Parse answers how long the header asks to stay away, in seconds or until a
// date, from now on and for limit at most. It answers 0 if there is none, if it
// cannot be read, or if it asks for nothing.
func Parse(header http.Header, now time.Time, limit time.Duration) time.Duration {
	value := header.Get("Retry-After")
	seconds, err := strconv.ParseInt(value, 10, 64)
	if err == nil || errors.Is(err, strconv.ErrRange) {
		// Bounded before it is multiplied, which would overflow.
		return time.Duration(min(max(seconds, 0), int64(limit/time.Second))) * time.Second
	}
	if at, err := http.ParseTime(value); err == nil {
		return min(max(at.Sub(now), 0), limit)
	}
	return 0
}
