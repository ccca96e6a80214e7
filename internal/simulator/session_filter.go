package simulator

import (
	"bytes"
	"encoding/json"
	"io"
	"mime"
	"net/http"
	"slices"
	"time"
)

const (
	// maxSessionIDs is how many ids a call may ask for, repeated ones included (vendor docs).
	maxSessionIDs = 50
	// maxSessionRange is the longest time from dateFrom to dateTo, and the default one (vendor docs).
	maxSessionRange = 7 * 24 * time.Hour
	// defaultSessionLimit and maxSessionLimit bound a page.
	defaultSessionLimit = 25
	maxSessionLimit     = 100
	// maxFilterBytes bounds the body.
	maxFilterBytes = 100 << 10
)

// containmentTypes are the values of the query's containmentType (vendor docs).
var containmentTypes = []string{"dropOff", "selfService", "agent"}

// sessionFilter selects sessions: those with the ids, or a page of those that began from from to to, both included.
type sessionFilter struct {
	ids             []string
	from, to        time.Time
	skip, limit     int
	containmentType string // empty for all
}

// readSessionFilter reads the query and the body of a call; ok is false if they are not as documented. Without a body it
// selects the first page of the last 7 days.
func readSessionFilter(r *http.Request, now time.Time) (filter sessionFilter, ok bool) {
	filter = sessionFilter{limit: defaultSessionLimit}
	query := r.URL.Query()
	filter.containmentType = query.Get("containmentType")
	if len(query["containmentType"]) > 1 || filter.containmentType != "" && !slices.Contains(containmentTypes, filter.containmentType) {
		return filter, false
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxFilterBytes+1))
	if err != nil || len(body) > maxFilterBytes {
		return filter, false
	}
	if len(body) == 0 {
		return filter, filter.setRange("", "", now)
	}
	contentType, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	return filter, err == nil && contentType == "application/json" && filter.parse(body, now)
}

// parse reads the body. Keys are compared with their case, unlike encoding/json does.
func (f *sessionFilter) parse(body []byte, now time.Time) bool {
	var fields map[string]json.RawMessage
	if json.Unmarshal(body, &fields) != nil || fields == nil {
		return false
	}
	var from, to string
	targets := map[string]any{"skip": &f.skip, "limit": &f.limit, "dateFrom": &from, "dateTo": &to, "sessionId": &f.ids}
	for key, value := range fields {
		target, known := targets[key]
		if !known || bytes.Equal(value, []byte("null")) || json.Unmarshal(value, target) != nil {
			return false
		}
	}
	_, byID := fields["sessionId"]
	if byID && (len(f.ids) < 1 || len(f.ids) > maxSessionIDs || slices.Contains(f.ids, "")) {
		return false
	}
	return f.skip >= 0 && f.limit >= 1 && f.limit <= maxSessionLimit && f.setRange(from, to, now)
}

// setRange sets from and to. A date that is missing is 7 days from the other one; if both are, to is now (vendor docs).
func (f *sessionFilter) setRange(from, to string, now time.Time) (ok bool) {
	f.from, f.to = now.Add(-maxSessionRange), now
	if from != "" {
		if f.from, ok = sessionDate(from); !ok {
			return false
		}
		f.to = f.from.Add(maxSessionRange)
	}
	if to != "" {
		if f.to, ok = sessionDate(to); !ok {
			return false
		}
		if from == "" {
			f.from = f.to.Add(-maxSessionRange)
		}
	}
	return !f.to.Before(f.from) && f.to.Sub(f.from) <= maxSessionRange
}

// sessionDate reads a day, which begins at midnight in UTC, or a time (vendor docs).
func sessionDate(text string) (at time.Time, ok bool) {
	for _, layout := range []string{time.DateOnly, time.RFC3339} {
		if at, err := time.Parse(layout, text); err == nil {
			return at, true
		}
	}
	return time.Time{}, false
}
