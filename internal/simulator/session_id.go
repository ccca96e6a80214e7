package simulator

import (
	"encoding/hex"
	"fmt"
	"strconv"
	"time"
)

// NewSessionID returns the id of a call that began at begin: 24 lower-case hex digits whose first 8 are that Unix second,
// like the platform's ids. The serial distinguishes the calls of one second. Seconds before 1970 and after 2106 wrap.
func NewSessionID(begin time.Time, serial uint64) string {
	return fmt.Sprintf("%08x%016x", uint32(begin.Unix()), serial)
}

// callBegin returns the time in a session id, or an error that says what is wrong with the id.
func callBegin(id string) (time.Time, error) {
	if _, err := hex.DecodeString(id); err != nil || len(id) != 24 || hasUpper(id) {
		return time.Time{}, fmt.Errorf("simulator: session id %q is not 24 lower-case hex digits: make one with NewSessionID", id)
	}
	second, err := strconv.ParseUint(id[:8], 16, 32)
	if err != nil {
		return time.Time{}, fmt.Errorf("simulator: session id %q does not begin with a time: %w", id, err)
	}
	return time.Unix(int64(second), 0).UTC(), nil
}

func hasUpper(s string) bool {
	for _, c := range s {
		if c >= 'A' && c <= 'F' {
			return true
		}
	}
	return false
}
