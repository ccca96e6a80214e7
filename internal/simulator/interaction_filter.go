package simulator

import (
	"bytes"
	"encoding/json"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"
)

const (
	// maxInteractionLimit and maxInteractionPage bound limit and offset, which counts pages; limit is also the default one
	// (vendor docs).
	maxInteractionLimit = 100
	maxInteractionPage  = 10
	// maxInteractionRange is the longest time from startDate to endDate (vendor docs).
	maxInteractionRange = 7 * 24 * time.Hour
	// maxZoneOffset is more than that of any time zone, in minutes.
	maxZoneOffset = 14 * 60
)

// interactionFilter selects a page of the interactions that began from from to to, both included.
type interactionFilter struct {
	from, to    time.Time
	offset      time.Duration // added to a time in the zone of the request, it gives UTC
	page, limit int
	channels    []string // none for all
	direction   string   // empty for all
}

// readInteractionFilter reads the query and the body of a call; ok is false if they are not as documented.
func readInteractionFilter(r *http.Request) (filter interactionFilter, ok bool) {
	query := r.URL.Query()
	if filter.page, ok = numberIn(query, "offset", 0, 0, maxInteractionPage); !ok {
		return filter, false
	}
	if filter.limit, ok = numberIn(query, "limit", maxInteractionLimit, 1, maxInteractionLimit); !ok {
		return filter, false
	}
	contentType, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || contentType != "application/json" {
		return filter, false
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxFilterBytes+1))
	return filter, err == nil && len(body) <= maxFilterBytes && filter.parse(body)
}

// numberIn returns a parameter of the query, or the standard one if it is missing.
func numberIn(query url.Values, name string, standard, least, most int) (n int, ok bool) {
	if !query.Has(name) {
		return standard, true
	}
	n, err := strconv.Atoi(query.Get(name))
	return n, err == nil && len(query[name]) == 1 && n >= least && n <= most
}

// parse reads the body. Keys are compared with their case, unlike encoding/json does.
func (f *interactionFilter) parse(body []byte) bool {
	var fields map[string]json.RawMessage
	if json.Unmarshal(body, &fields) != nil || fields == nil {
		return false
	}
	var from, to string
	var minutes int
	var ignored []string
	targets := map[string]any{
		"startDate": &from, "endDate": &to, "timeZoneOffset": &minutes, "channels": &f.channels, "direction": &f.direction,
		"queues": &ignored, "selectedFields": &ignored,
	}
	for key, value := range fields {
		target, known := targets[key]
		if !known || bytes.Equal(value, []byte("null")) || json.Unmarshal(value, target) != nil {
			return false
		}
	}
	_, hasZone := fields["timeZoneOffset"]
	if !hasZone || minutes < -maxZoneOffset || minutes > maxZoneOffset {
		return false
	}
	if !slices.Contains([]string{"", Inbound, Outbound, "Both"}, f.direction) {
		return false
	}
	if f.direction == "Both" {
		f.direction = ""
	}
	for _, channel := range f.channels {
		if channel != ChannelVoice && channel != ChannelChat {
			return false
		}
	}
	f.offset = time.Duration(minutes) * time.Minute
	return f.setRange(from, to)
}

func (f *interactionFilter) setRange(from, to string) (ok bool) {
	if f.from, ok = interactionDate(from); !ok {
		return false
	}
	if f.to, ok = interactionDate(to); !ok {
		return false
	}
	f.from, f.to = f.from.Add(f.offset), f.to.Add(f.offset)
	return !f.to.Before(f.from) && f.to.Sub(f.from) <= maxInteractionRange
}

// interactionDate reads a time without a zone, or a day (vendor docs).
func interactionDate(text string) (at time.Time, ok bool) {
	for _, layout := range []string{time.DateTime, time.DateOnly} {
		if at, err := time.Parse(layout, text); err == nil {
			return at, true
		}
	}
	return time.Time{}, false
}

// selects reports whether the session is of the channels and of the direction. A session without a direction is of neither.
func (f *interactionFilter) selects(st *sessionState) bool {
	return (len(f.channels) == 0 || slices.Contains(f.channels, st.Channel)) && (f.direction == "" || f.direction == st.Direction)
}
