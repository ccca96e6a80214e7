package daylist

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/callvault/callvault/internal/dayrecord"
	"github.com/callvault/callvault/internal/smartassist"
	"github.com/callvault/callvault/workflows"
)

// List names one of the vendor's two lists of sessions.
type List string

// The lists.
const (
	// Interactions is interactionDetails.
	Interactions List = dayrecord.InteractionDetails
	// Sessions is getSessions.
	Sessions List = dayrecord.GetSessions
)

// Bounds of what a listing says.
const (
	maxRemarks     = 20
	maxRemarkBytes = 200
)

// Span is the part of a list that a window covers.
type Span struct {
	List List
	// From and To are whole seconds: sessions began in From or later, and before To.
	From, To time.Time
	// Direction is [smartassist.Inbound] or [smartassist.Outbound] for a window that was split so; empty for any other.
	Direction string
}

// spanTime is how a time is written in a window's name.
const spanTime = "20060102T150405Z"

// name is the name of the object that holds the window.
func (s Span) name() string {
	name := s.From.Format(spanTime) + "-" + s.To.Format(spanTime)
	if s.Direction != "" {
		name += "-" + strings.ToLower(s.Direction)
	}
	return name + windowSuffix
}

const windowSuffix = ".ndjson"

// parseSpan reads the name of an object.
func parseSpan(list List, name string) (Span, error) {
	base, hasSuffix := strings.CutSuffix(name, windowSuffix)
	parts := strings.Split(base, "-")
	if !hasSuffix || len(parts) < 2 || len(parts) > 3 {
		return Span{}, fmt.Errorf("%.80q is not the name of a window", name)
	}
	from, err := time.Parse(spanTime, parts[0])
	if err != nil {
		return Span{}, fmt.Errorf("%.80q is not the name of a window", name)
	}
	to, err := time.Parse(spanTime, parts[1])
	if err != nil || to.Before(from) {
		return Span{}, fmt.Errorf("%.80q is not the name of a window", name)
	}
	span := Span{List: list, From: from, To: to}
	if len(parts) == 3 {
		at := slices.IndexFunc(directions, func(d string) bool { return strings.ToLower(d) == parts[2] })
		if at < 0 {
			return Span{}, fmt.Errorf("%.80q is not the name of a window", name)
		}
		span.Direction = directions[at]
	}
	return span, nil
}

var directions = []string{smartassist.Inbound, smartassist.Outbound}

// Tally counts what was listed.
type Tally struct {
	// Sessions are the calls of the day, each once, and Open those of them that are not closed.
	Sessions int `json:"sessions"`
	Open     int `json:"open,omitempty"`

	// OtherChannels are sessions of the day that are no calls, OtherBots the rows of other bots of the account, and Unusable
	// those without a valid session id, of which UnusableShape shows one; see [smartassist.ListedSession].
	OtherChannels int    `json:"otherChannels,omitempty"`
	OtherBots     int    `json:"otherBots,omitempty"`
	Unusable      int    `json:"unusable,omitempty"`
	UnusableShape string `json:"unusableShape,omitempty"`

	// FarOff are the sessions, of whatever day, that began by the list over 10 minutes from the times of their ids.
	FarOff int `json:"farOff,omitempty"`

	// Calls are the calls of the API that were spent, those of windows that were too full included.
	Calls int `json:"calls"`

	// Remarks say what could not be listed, with numbers and without ids: at most 20 of at most 200 bytes.
	Remarks []string `json:"remarks,omitempty"`
}

// Add adds what another part of the list counted.
func (t *Tally) Add(other Tally) {
	t.Sessions += other.Sessions
	t.Open += other.Open
	t.OtherChannels += other.OtherChannels
	t.OtherBots += other.OtherBots
	t.Unusable += other.Unusable
	if t.UnusableShape == "" {
		t.UnusableShape = other.UnusableShape
	}
	t.FarOff += other.FarOff
	t.Calls += other.Calls
	for _, remark := range other.Remarks {
		t.remark("%s", remark)
	}
}

// Incomplete says all that was not listed, or may not have been: what was counted first, then the remarks. At most 20 texts of
// at most 200 bytes.
func (t *Tally) Incomplete() []string {
	var all Tally
	if t.Unusable > 0 {
		shape := "no text"
		if t.UnusableShape != "" {
			shape = "like " + t.UnusableShape[:min(len(t.UnusableShape), maxShapeBytes)]
		}
		all.remark("%d rows have no valid session id, one of them %s: they may be calls, which cannot be fetched", t.Unusable, shape)
	}
	if t.FarOff > 0 {
		all.remark("%d sessions began by the list over 10 minutes from the times of their ids: at the ends of the day calls like these are not listed", t.FarOff)
	}
	for _, remark := range t.Remarks {
		all.remark("%s", remark)
	}
	return all.Remarks
}

// maxShapeBytes bounds the shape of an id, with the dots at its end.
const maxShapeBytes = smartassist.MaxShapeBytes + 3

// remark adds a remark; the last one that there is room for says that there are more.
func (t *Tally) remark(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	text = strings.ToValidUTF8(text[:min(len(text), maxRemarkBytes)], "")
	switch {
	case slices.Contains(t.Remarks, text):
	case len(t.Remarks) < maxRemarks-1:
		t.Remarks = append(t.Remarks, text)
	case len(t.Remarks) < maxRemarks:
		t.Remarks = append(t.Remarks, "there are more remarks like these")
	}
}

// Window is a part of a list that was read to its end.
type Window struct {
	Span
	Tally

	// Rows are the calls of the day that no earlier window has, each once.
	Rows []Row
}

// Row is what one list says of a session.
type Row struct {
	List List
	smartassist.ListedSession
}

// merge joins the rows of one session: it is closed only if all say so, and ended at the latest of their times.
func merge(rows []smartassist.ListedSession) smartassist.ListedSession {
	merged := rows[0]
	for _, row := range rows[1:] {
		merged.Closed = merged.Closed && row.Closed
		merged.Voice = merged.Voice || row.Voice
		merged.IsVoicemail = merged.IsVoicemail || row.IsVoicemail
		if row.EndedAt.After(merged.EndedAt) {
			merged.EndedAt = row.EndedAt
		}
		if merged.UserID == "" {
			merged.UserID = row.UserID
		}
		if merged.Direction == "" {
			merged.Direction = row.Direction
		}
	}
	if !merged.Closed {
		merged.EndedAt = time.Time{}
	}
	return merged
}

// seen are the sessions of the day that earlier windows of a list have, and the identities of other rows that they counted.
type seen struct {
	sessions map[string]struct{}
	counted  map[uint64]struct{}
}

func newSeen() seen { return seen{make(map[string]struct{}), make(map[uint64]struct{})} }

// isFirst reports whether the row was not counted before, and marks it.
func (s seen) isFirst(row smartassist.ListedSession) bool {
	_, again := s.counted[row.Identity]
	s.counted[row.Identity] = struct{}{}
	return !again
}

// window makes a window of rows of the list, whatever their order and repetitions, and marks its sessions as seen.
func (s seen) window(day Day, span Span, rows []smartassist.ListedSession) Window {
	window := Window{Span: span}
	var order []string
	bySession := make(map[string][]smartassist.ListedSession)
	for _, row := range rows {
		if !row.IsUsable() {
			if s.isFirst(row) {
				window.countUnusable(row)
			}
			continue
		}
		if isFarOff(row) && s.isFirst(row) {
			window.FarOff++
		}
		if _, again := s.sessions[row.SessionID]; again || !day.has(row.SessionID) {
			continue
		}
		if bySession[row.SessionID] == nil {
			order = append(order, row.SessionID)
		}
		bySession[row.SessionID] = append(bySession[row.SessionID], row)
	}
	for _, id := range order {
		s.sessions[id] = struct{}{}
		session := merge(bySession[id])
		if !session.Voice {
			window.OtherChannels++
			continue
		}
		window.Sessions++
		if !session.Closed {
			window.Open++
		}
		window.Rows = append(window.Rows, Row{span.List, session})
	}
	return window
}

// countUnusable counts a row that names no session.
func (t *Tally) countUnusable(row smartassist.ListedSession) {
	if row.OtherBot {
		t.OtherBots++
		return
	}
	t.Unusable++
	if t.UnusableShape == "" {
		t.UnusableShape = row.Shape
	}
}

// isFarOff reports whether a session began by the list so far from the time of its id that a day that has it by its id may not
// be asked for it.
func isFarOff(row smartassist.ListedSession) bool {
	at, err := workflows.Session{SessionID: row.SessionID}.CallTime()
	return err == nil && !row.StartedAt.IsZero() && row.StartedAt.Sub(at).Abs() > margin
}

// startOf is when the list says that a session began, or else its id.
func startOf(row smartassist.ListedSession) time.Time {
	if !row.StartedAt.IsZero() || !row.IsUsable() {
		return row.StartedAt
	}
	at, _ := workflows.Session{SessionID: row.SessionID}.CallTime() // it is usable
	return at
}
