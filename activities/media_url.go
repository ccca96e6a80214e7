package activities

import (
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	// urlLife is how long a media URL is kept that does not say when it
	// expires; its life is not documented, and 18 hours is the longest seen.
	urlLife = 18 * time.Hour

	// urlGrace leaves the decision on an expiry to the media server: its clock
	// counts, not ours.
	urlGrace = 10 * time.Minute
)

// unsignedPart returns what of a media URL is the same at every check:
// everything but the host, the expiry, the nonce and the signature. It identifies
// the file in manifests, so it must stay the same for the URLs that are in use.
func unsignedPart(mediaURL string) string {
	parsed, err := url.Parse(mediaURL)
	if err != nil {
		return ""
	}
	var parameters []string
	for parameter := range strings.SplitSeq(parsed.RawQuery, "&") {
		name, _, _ := strings.Cut(parameter, "=")
		if !isOfSignature(name) {
			parameters = append(parameters, parameter)
		}
	}
	slices.Sort(parameters)
	return parsed.EscapedPath() + "?" + strings.Join(parameters, "&")
}

// isOfSignature reports whether a URL parameter may differ at every check: the
// vendor's own e, n and s, and those of common signers, to one of which the vendor
// may change.
func isOfSignature(name string) bool {
	switch name {
	case "e", "n", "s":
		return true
	}
	name = strings.ToLower(name)
	switch name {
	case "signature", "expires", "awsaccesskeyid", "googleaccessid", "key-pair-id", "policy",
		"sig", "se", "sp", "sr", "st", "sv":
		return true
	}
	return strings.HasPrefix(name, "x-amz-") || strings.HasPrefix(name, "x-goog-")
}

// expiryOf returns until when a media URL is worth trying: its parameter e is a
// Unix second (seen in one sample).
func expiryOf(mediaURL string, now time.Time) time.Time {
	stated, ok := statedExpiry(mediaURL)
	if !ok || !stated.After(now) || stated.After(now.Add(urlLife)) {
		// The parameter means something else, or a clock is wrong.
		return now.Add(urlLife)
	}
	return stated.Add(urlGrace)
}

// hasExpired reports whether a media URL states that it has expired, within the
// longest life of a URL: a time long past means something else. A URL that was
// refused before its expiry may work later.
func hasExpired(mediaURL string, now time.Time) bool {
	stated, ok := statedExpiry(mediaURL)
	return ok && !stated.After(now) && now.Sub(stated) <= urlLife
}

func statedExpiry(mediaURL string) (time.Time, bool) {
	parsed, err := url.Parse(mediaURL)
	if err != nil {
		return time.Time{}, false
	}
	seconds, err := strconv.ParseInt(parsed.Query().Get("e"), 10, 64)
	return time.Unix(seconds, 0), err == nil
}
