package smartassist

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/callvault/callvault/internal/failure"
	"github.com/callvault/callvault/workflows"
)

const (
	// MaxSessionIDs is how many sessions one call may ask for (vendor docs).
	MaxSessionIDs = 50

	// maxEndAhead is how far ahead of this machine's clock the vendor's may be.
	maxEndAhead = 10 * time.Minute
)

// SessionState is what the session list says of one session.
type SessionState struct {
	SessionID string

	// Closed reports whether the session is closed. A status that is not known, or
	// missing, is not.
	Closed bool

	// EndedAt is when the call ended, in UTC, not before the time in its id and at
	// most 10 minutes ahead of this machine's clock. Zero if the session is not
	// closed, or if the vendor gives no such time.
	EndedAt time.Time
}

// Sessions requests the states of up to 50 sessions of a bot in one call, as
// documented on the vendor's page "Sessions History"; its budget and its scope, Bot
// Sessions, are other ones than those of recordings. The states come in the order of
// sessionIDs, each once. One that the API does not know, or says nothing about, is
// missing. Every error is an *[Error]; no sessions, or more than 50, are rejected
// without a call.
func (c *Client) Sessions(ctx context.Context, token, botID string, sessionIDs []string) ([]SessionState, error) {
	if len(sessionIDs) < 1 || len(sessionIDs) > MaxSessionIDs {
		return nil, &Error{Kind: failure.Rejected, Text: fmt.Sprintf("a call was to ask for %d sessions: ask for 1 to %d", len(sessionIDs), MaxSessionIDs)}
	}
	// The vendor ignores everything but the ids. The limit is there in case that it does not.
	body, _ := json.Marshal(map[string]any{"sessionId": sessionIDs, "limit": MaxSessionIDs}) // texts and a number always encode
	made := call{endpoint: sessionList, token: token, botID: botID, sessionIDs: sessionIDs, body: body}
	var states []SessionState
	// That the API has nothing for these sessions is an answer without any.
	_, err := c.send(ctx, made, func(body []byte) (err error) {
		states, err = parseSessions(body, sessionIDs, time.Now())
		return err
	})
	return states, err
}

// parseSessions is strict about what makes a list of sessions, and tolerant of what
// is said of each. It takes nothing but the sessions that were asked for.
func parseSessions(body []byte, asked []string, now time.Time) ([]SessionState, error) {
	var raw struct {
		Sessions *[]sessionRow `json:"sessions"`
	}
	if err := decodeObject(body, &raw); err != nil {
		return nil, err
	}
	if raw.Sessions == nil {
		return nil, errors.New("it has no list of sessions")
	}
	listed := map[string]SessionState{}
	for _, row := range *raw.Sessions {
		state := row.state(now)
		if other, twice := listed[row.SessionID]; twice {
			state = state.and(other)
		}
		listed[row.SessionID] = state
	}
	var states []SessionState
	for _, id := range asked {
		if state, found := listed[id]; found {
			states = append(states, state)
			delete(listed, id)
		}
	}
	return states, nil
}

type sessionRow struct {
	SessionID     string          `json:"sessionId"`
	SessionStatus json.RawMessage `json:"sessionStatus"`
	EndTime       json.RawMessage `json:"end_time"`
}

func (r sessionRow) state(now time.Time) SessionState {
	state := SessionState{SessionID: r.SessionID, Closed: strings.EqualFold(textOf(r.SessionStatus), "closed")}
	if state.Closed { // otherwise it may be the time of the last message
		state.EndedAt = endOf(r.SessionID, textOf(r.EndTime), now)
	}
	return state
}

// endOf returns when the session ended; zero if text is not a time that it can be.
func endOf(sessionID, text string, now time.Time) time.Time {
	end, err := time.Parse(time.RFC3339, text)
	begin, malformed := workflows.Session{SessionID: sessionID}.CallTime()
	if err != nil || malformed != nil || end.Before(begin) || end.After(now.Add(maxEndAhead)) {
		return time.Time{}
	}
	return end.UTC()
}

// and merges what two rows say of one session: it is closed only if both say so, and
// ended at the later of their times.
func (s SessionState) and(other SessionState) SessionState {
	if !s.Closed || !other.Closed {
		return SessionState{SessionID: s.SessionID}
	}
	if other.EndedAt.After(s.EndedAt) {
		return other
	}
	return s
}
