package workflows

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
	"time"
)

var (
	botIDPattern     = regexp.MustCompile(`^st-[0-9A-Za-z-]{1,64}$`)
	sessionIDPattern = regexp.MustCompile(`^[0-9a-f]{24}$`)
)

// Session identifies one call: the bot that took it and the bot's session.
type Session struct {
	// BotID is the bot's stream id: "st-" and up to 64 letters, digits and hyphens.
	BotID string `json:"botId"`

	// SessionID is the session's id: 24 lower-case hexadecimal digits.
	SessionID string `json:"sessionId"`
}

// validate reports everything that is wrong with the two ids in one error.
func (s Session) validate() error {
	return errors.Join(ValidateBotID(s.BotID), s.validateSessionID())
}

// ValidateBotID reports whether botID has the form of a stream id of
// SmartAssist: "st-" and up to 64 letters, digits and hyphens.
func ValidateBotID(botID string) error {
	switch {
	case botID == "":
		return errors.New(`botId is empty: give the bot's stream id ("st-…"), which the bot's General Settings page shows`)
	case !botIDPattern.MatchString(botID):
		return fmt.Errorf(`botId %.80q is malformed: want the stream id, "st-" and letters, digits and hyphens, as the bot's General Settings page shows it`, botID)
	}
	return nil
}

func (s Session) validateSessionID() error {
	switch {
	case s.SessionID == "":
		return errors.New("sessionId is empty: give the session's 24 hexadecimal digits, as the conversation logs show them")
	case !sessionIDPattern.MatchString(s.SessionID):
		return fmt.Errorf("sessionId %.80q is malformed: want 24 lower-case hexadecimal digits, as the conversation logs show them", s.SessionID)
	}
	return nil
}

// CallTime returns the time at which the call began, in UTC. The first eight
// digits of a session id are a Unix second; this holds for every sample that
// the vendor and public clients show. It fails if the id is malformed.
func (s Session) CallTime() (time.Time, error) {
	if err := s.validateSessionID(); err != nil {
		return time.Time{}, err
	}
	raw, err := hex.DecodeString(s.SessionID[:8])
	if err != nil {
		return time.Time{}, fmt.Errorf("sessionId %q: %w", s.SessionID, err)
	}
	return time.Unix(int64(binary.BigEndian.Uint32(raw)), 0).UTC(), nil
}

// FetchWorkflowID returns the id of the one workflow that may be fetching the
// session's recording at a time.
func (s Session) FetchWorkflowID() string {
	return "fetch-recording/" + s.BotID + "/" + s.SessionID
}
