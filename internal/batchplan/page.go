package batchplan

import (
	"bytes"
	"fmt"

	"github.com/callvault/callvault/workflows"
)

// MaxLineBytes bounds a line: a session id and the longest user id.
const MaxLineBytes = 24 + 1 + 512 + 1

// Row is a session of the plan, and where the next one is.
type Row struct {
	workflows.BatchSession
	At, Next int64
}

// ReadRows returns the sessions of a bot in a part of the plan, at most so many. text begins
// at the place at; a line that it cuts off is left out.
func ReadRows(botID string, text []byte, at int64, most int) ([]Row, error) {
	var rows []Row
	for len(rows) < most {
		line, rest, whole := bytes.Cut(text, []byte("\n"))
		switch {
		case len(line) >= MaxLineBytes:
			return nil, fmt.Errorf("the plan of the batch is not valid at byte %d: the line is too long", at)
		case !whole:
			return rows, nil
		}
		sessionID, userID, _ := bytes.Cut(line, []byte(" "))
		session := workflows.Session{BotID: botID, SessionID: string(sessionID)}
		if _, err := session.CallTime(); err != nil {
			return nil, fmt.Errorf("the plan of the batch is not valid at byte %d: %w", at, err)
		}
		next := at + int64(len(line)) + 1
		rows = append(rows, Row{BatchSession: workflows.BatchSession{Session: session, UserID: string(userID)}, At: at, Next: next})
		at, text = next, rest
	}
	return rows, nil
}
