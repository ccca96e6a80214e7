package daysessions

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/callvault/callvault/internal/archive"
	"github.com/callvault/callvault/internal/dayrecord"
	"github.com/callvault/callvault/workflows"
)

// mayBeOpen is how old a call can be and still be going on. An older one that a list shows
// as open is fetched all the same: its status says what it is.
const mayBeOpen = 24 * time.Hour

// Known is what is known of one session. It has personal data.
type Known struct {
	SessionID string `json:"sessionId"`
	UserID    string `json:"userId,omitempty"`

	// ListedBy are the lists that had it, in ascending order.
	ListedBy []string `json:"listedBy,omitempty"`

	// Closed: a list says that the call is over.
	Closed bool `json:"closed,omitempty"`

	// UserHash and PurgeAt are those of the row that an earlier revision has.
	UserHash string    `json:"userHash,omitempty"`
	PurgeAt  time.Time `json:"purgeAt,omitzero"`
}

// Sessions are those of a day by their ids.
type Sessions map[string]*Known

// Add adds what a list says of a session, and reports whether the session is new.
func (s Sessions) Add(list, sessionID, userID string, closed bool) (isNew bool) {
	known := s[sessionID]
	if known == nil {
		known, isNew = &Known{SessionID: sessionID}, true
		s[sessionID] = known
	}
	if !slices.Contains(known.ListedBy, list) {
		known.ListedBy = append(known.ListedBy, list)
		slices.Sort(known.ListedBy)
	}
	if known.UserID == "" {
		known.UserID = userID
	}
	known.Closed = known.Closed || closed
	return isNew
}

// AddArchived adds a session that is in the archive.
func (s Sessions) AddArchived(sessionID string) {
	if s[sessionID] == nil {
		s[sessionID] = &Known{SessionID: sessionID, Closed: true}
	}
}

// AddRow adds a session of an earlier revision.
func (s Sessions) AddRow(row dayrecord.Row) {
	s[row.SessionID] = &Known{SessionID: row.SessionID, ListedBy: row.ListedBy, Closed: true, UserHash: row.UserHash, PurgeAt: row.PurgeAt}
}

// Sorted returns the sessions in ascending order of their ids.
func (s Sessions) Sorted() []*Known {
	return slices.SortedFunc(maps.Values(s), func(a, b *Known) int { return strings.Compare(a.SessionID, b.SessionID) })
}

// IsOpen reports whether the session's call may still be going on, so that it is too early
// to ask for its recording.
func (k *Known) IsOpen(now time.Time) bool {
	callTime, err := workflows.Session{SessionID: k.SessionID}.CallTime()
	return err == nil && !k.Closed && now.Sub(callTime) < mayBeOpen
}

// Write writes the sessions, one JSON object a line.
func (s Sessions) Write(w io.Writer) error {
	buffered := bufio.NewWriter(w)
	encoder := json.NewEncoder(buffered)
	for _, known := range s.Sorted() {
		if err := encoder.Encode(known); err != nil {
			return err
		}
	}
	return buffered.Flush()
}

// maxLineBytes bounds a line: a user's id has at most some hundred bytes.
const maxLineBytes = 64 << 10

// Read reads what [Sessions.Write] has written. It fails on anything else.
func Read(r io.Reader) (Sessions, error) {
	sessions := make(Sessions)
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxLineBytes)
	for lines.Scan() {
		known := new(Known)
		if err := json.Unmarshal(lines.Bytes(), known); err != nil {
			return nil, errors.New("it has a line that is not a session")
		}
		if _, err := (workflows.Session{SessionID: known.SessionID}).CallTime(); err != nil {
			return nil, errors.New("it has a line without a valid session id")
		}
		if sessions[known.SessionID] = known; len(sessions) > archive.MaxDaySessions {
			return nil, fmt.Errorf("it has more than %d sessions", archive.MaxDaySessions)
		}
	}
	return sessions, lines.Err()
}
