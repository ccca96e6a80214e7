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

	// OtherChannels are sessions of the day that are no calls, Unusable the rows without a valid session id.
	OtherChannels int `json:"otherChannels,omitempty"`
	Unusable      int `json:"unusable,omitempty"`

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
	t.Unusable += other.Unusable
	t.Calls += other.Calls
	for _, remark := range other.Remarks {
		t.remark("%s", remark)
	}
}

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

// seen are the sessions and the unusable rows that earlier windows of a list have.
type seen struct {
	sessions map[string]struct{}
	unusable map[uint64]struct{}
}

func newSeen() seen { return seen{make(map[string]struct{}), make(map[uint64]struct{})} }

// window makes a window of rows of the list, whatever their order and repetitions, and marks its sessions as seen.
func (s seen) window(day Day, span Span, rows []smartassist.ListedSession) Window {
	window := Window{Span: span}
	var order []string
	bySession := make(map[string][]smartassist.ListedSession)
	for _, row := range rows {
		if !row.IsUsable() {
			if _, again := s.unusable[row.Identity]; !again {
				s.unusable[row.Identity] = struct{}{}
				window.Unusable++
			}
			continue
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

// startOf is when the list says that a session began, or else its id.
func startOf(row smartassist.ListedSession) time.Time {
	if !row.StartedAt.IsZero() || !row.IsUsable() {
		return row.StartedAt
	}
	at, _ := workflows.Session{SessionID: row.SessionID}.CallTime() // it is usable
	return at
}
