package sessionlist

import (
	"encoding/hex"
	"fmt"

	"github.com/callvault/callvault/workflows"
)

// seen remembers sessions in 16 bytes each, and the bots that they name.
type seen struct {
	bots     map[string]bot
	sessions map[sessionKey]struct{}
}

type bot struct {
	index uint32
	id    string
}

// sessionKey has no strings, so that the garbage collector does not look into the map.
type sessionKey struct {
	sessionID [12]byte
	bot       uint32
}

func newSeen() seen {
	return seen{bots: map[string]bot{}, sessions: map[sessionKey]struct{}{}}
}

// botID returns id as a string, the same one for all rows of a bot.
func (s *seen) botID(id []byte) string {
	if known, ok := s.bots[string(id)]; ok {
		return known.id
	}
	return string(id)
}

// add reports whether the valid session was not there before, and remembers it.
func (s *seen) add(session workflows.Session) (isNew bool, err error) {
	known, ok := s.bots[session.BotID]
	if !ok {
		if len(s.bots) == MaxBots {
			return false, fmt.Errorf("the list names more than %d bots: split the file", MaxBots)
		}
		known = bot{index: uint32(len(s.bots)), id: session.BotID} //nolint:gosec // at most MaxBots
		s.bots[session.BotID] = known
	}
	key := sessionKey{bot: known.index}
	if _, err := hex.Decode(key.sessionID[:], []byte(session.SessionID)); err != nil {
		return false, fmt.Errorf("sessionId %q: %w", session.SessionID, err)
	}
	before := len(s.sessions)
	s.sessions[key] = struct{}{}
	return len(s.sessions) > before, nil
}
