package simulator

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"
)

const (
	mediaPrefix     = "/api/getMediaStream/"
	msgMediaRefused = "Access denied: the URL is not valid or has expired"
)

// mediaPath returns a path like the one in the vendor's sample; the date is the call's, in UTC.
func mediaPath(config *Config, botID string, begin time.Time, id, extension string) string {
	return fmt.Sprintf("%ssmartassistrecording/%s/%s/%s/%s/f-%s.%s",
		mediaPrefix, config.Environment, config.OrgID, botID, begin.UTC().Format("2006/02-01-2006"), id, extension)
}

// signedQuery returns the query of a media URL: the expiry as a Unix second, a nonce, and the signature of path and both.
func (s *Simulator) signedQuery(path string, expires time.Time) string {
	return s.query(path, expires.Unix(), 1_000_000_000+rand.Int64N(9_000_000_000))
}

// query formats the signature as in the vendor's sample: a base64 HMAC in quotes, encoded in base64 again, with the padding
// written as "$$". The length of the signature makes the padding always two characters.
func (s *Simulator) query(path string, expires, nonce int64) string {
	mac := hmac.New(sha256.New, s.urlKey)
	fmt.Fprintf(mac, "%s\n%d\n%d", path, expires, nonce)
	quoted := `"` + base64.StdEncoding.EncodeToString(mac.Sum(nil)) + `"`
	signature := strings.ReplaceAll(base64.StdEncoding.EncodeToString([]byte(quoted)), "=", "$")
	return fmt.Sprintf("e=%d&n=%d&s=%s", expires, nonce, signature)
}

// checkQuery verifies path and query byte for byte as they were sent. The padding may be "$$" or "%24%24", since the
// vendor returns both; a URL with anything else re-encoded, reordered or added is invalid.
func (s *Simulator) checkQuery(path, rawQuery string, now time.Time) Reason {
	expires, nonce, ok := readQuery(rawQuery)
	if !ok {
		return ReasonURL
	}
	want := s.query(path, expires, nonce)
	escaped := strings.ReplaceAll(want, "$", "%24")
	if !hmac.Equal([]byte(rawQuery), []byte(want)) && !hmac.Equal([]byte(rawQuery), []byte(escaped)) {
		return ReasonURL
	}
	if now.Unix() >= expires {
		return ReasonURLExpired
	}
	return ""
}

// readQuery returns the two numbers in "e=…&n=…&s=…".
func readQuery(raw string) (expires, nonce int64, ok bool) {
	e, rest, found := strings.Cut(strings.TrimPrefix(raw, "e="), "&n=")
	n, _, more := strings.Cut(rest, "&s=")
	if !found || !more {
		return 0, 0, false
	}
	expires, errE := strconv.ParseInt(e, 10, 64)
	nonce, errN := strconv.ParseInt(n, 10, 64)
	return expires, nonce, errE == nil && errN == nil
}
