package smartassist

import (
	"bytes"
	"encoding/json"
	"hash/fnv"
	"slices"
	"strings"
	"time"

	"github.com/callvault/callvault/workflows"
)

// PageRows is how many rows a page of either session list has at most (vendor docs).
const PageRows = 100

// MaxRawBytes bounds the row that is kept of a session as the vendor wrote it.
const MaxRawBytes = 16 << 10

// MaxShapeBytes bounds the shape of an id that is not valid: a valid one has 24.
const MaxShapeBytes = 24

// maxDirectionBytes bounds what is kept of a direction: "outbound" has 8.
const maxDirectionBytes = 20

// ListedSession is a row of one of the vendor's two session lists. It holds personal data: the user's id, and in Raw names,
// addresses and telephone numbers.
type ListedSession struct {
	// SessionID is empty if the row has no valid one: then it is of no use, and nothing else is set but Identity, and
	// OtherBot or Shape.
	SessionID string

	// OtherBot: the row names another bot of the account, whose calls it tells of.
	OtherBot bool

	// Shape shows what stands for a session id that is not valid, without a character of it: 0 for a digit, a and A for a
	// letter, ? for any other, at most [MaxShapeBytes] and then three dots; empty if there is no text.
	Shape string

	// Identity is equal for two rows of a list that tell of the same thing, although one may tell more of it.
	Identity uint64

	// UserID is empty if the row has none, or one that no request can name.
	UserID string

	// Closed reports whether the session is over: in interactionDetails if it has an end or a final status that is known, in getSessions if
	// its status is "closed".
	Closed bool

	// StartedAt is when the list says that the session began, in UTC; zero if it does not say.
	StartedAt time.Time

	// EndedAt is when the list says that the session ended, in UTC, not before the time in its id and at most 10 minutes
	// ahead of this machine's clock. Zero if the session is not closed, or the list does not say.
	EndedAt time.Time

	// Voice reports whether it was a call.
	Voice bool

	// IsVoicemail is what interactionDetails says; getSessions says nothing of it.
	IsVoicemail bool

	// Direction is in lower case: "inbound" or "outbound". interactionDetails has it of some sessions, getSessions of none.
	Direction string

	// Raw is the row as the vendor wrote it, compacted; nil if it has more than [MaxRawBytes].
	Raw json.RawMessage
}

// IsUsable reports whether the row names a session.
func (s ListedSession) IsUsable() bool { return s.SessionID != "" }

// listedSession makes a row of what both lists have. key tells rows of the same session apart; it may be empty.
func listedSession(raw, sessionID, key, userID json.RawMessage) ListedSession {
	session := workflows.Session{SessionID: textOf(sessionID)}
	if _, err := session.CallTime(); err != nil {
		return ListedSession{Identity: identity(raw), Shape: shapeOf(session.SessionID)}
	}
	row := ListedSession{SessionID: session.SessionID, Identity: identity([]byte(session.SessionID), []byte(textOf(key))), UserID: usableUserID(textOf(userID))}
	if len(raw) <= MaxRawBytes {
		row.Raw = compact(raw)
	}
	return row
}

// shapeOf shows which kind of text something is: it may be personal data, so nothing of it is shown.
func shapeOf(text string) string {
	var shape strings.Builder
	for _, char := range text {
		if shape.Len() == MaxShapeBytes {
			return shape.String() + "..."
		}
		switch {
		case '0' <= char && char <= '9':
			shape.WriteByte('0')
		case 'a' <= char && char <= 'z':
			shape.WriteByte('a')
		case 'A' <= char && char <= 'Z':
			shape.WriteByte('A')
		default:
			shape.WriteByte('?')
		}
	}
	return shape.String()
}

func identity(parts ...[]byte) uint64 {
	hash := fnv.New64a()
	for _, part := range parts {
		_, _ = hash.Write(part) // never fails
		_, _ = hash.Write([]byte{0})
	}
	return hash.Sum64()
}

// usableUserID returns the id if a request may name it; otherwise none, with which a recording is found as well.
func usableUserID(id string) string {
	const anyBot = "st-a"
	session := workflows.Session{BotID: anyBot, SessionID: strings.Repeat("0", 24)}
	if session.ValidateFor(id, time.Time{}) != nil {
		return ""
	}
	return id
}

// closeAt marks the row as closed, with its end if that is a time that it can be.
func (s *ListedSession) closeAt(end, now time.Time) {
	s.Closed = true
	begin, err := workflows.Session{SessionID: s.SessionID}.CallTime()
	if err == nil && !end.IsZero() && !end.Before(begin) && !end.After(now.Add(maxEndAhead)) {
		s.EndedAt = end
	}
}

// The forms of the lists' times. interactionDetails writes them without a zone, in the offset that was asked for, which is 0 (vendor
// docs: both with a T and with a space).
var listTimes = []string{time.RFC3339, "2006-01-02T15:04:05", "2006-01-02 15:04:05"}

// listTime reads a time of a list, in UTC if it has no zone; zero if it is none.
func listTime(raw json.RawMessage) time.Time {
	text := textOf(raw)
	for _, form := range listTimes {
		if at, err := time.Parse(form, text); err == nil {
			return at.UTC()
		}
	}
	return time.Time{}
}

// isYes reads "YES", "true" and true.
func isYes(raw json.RawMessage) bool {
	return slices.Contains([]string{"yes", "true"}, strings.ToLower(strings.Trim(string(raw), `" `)))
}

func compact(raw json.RawMessage) json.RawMessage {
	var compacted bytes.Buffer
	if json.Compact(&compacted, raw) != nil {
		return nil
	}
	return compacted.Bytes()
}
