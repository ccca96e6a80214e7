package workflows

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Session identifies one call: the bot that took it and the bot's session.
type Session struct {
	// BotID is the bot's stream id: "st-" and up to 64 letters, digits and hyphens.
	BotID string `json:"botId"`

	// SessionID is the session's id: 24 lower-case hexadecimal digits.
	SessionID string `json:"sessionId"`
}

// The times that a session's id can carry. SmartAssist is younger than the
// first; the clock that made the id may be ahead of ours by the second.
var (
	earliestCall = time.Date(2015, 1, 1, 0, 0, 0, 0, time.UTC)
	clockSkew    = 10 * time.Minute
)

// ValidateFor reports everything that is wrong with the session and the id of its
// user, if it has one, in one error with a line for each problem. These are the
// rules of [FetchRequest.ValidateAt], of which now is explained there.
func (s Session) ValidateFor(userID string, now time.Time) error {
	return errors.Join(s.validate(now), validateUserID(userID))
}

// validate reports everything that is wrong with the two ids in one error.
func (s Session) validate(now time.Time) error {
	malformed := s.validateSessionID()
	if malformed == nil && !now.IsZero() {
		malformed = s.validateCallTime(s.callTime(), now)
	}
	return errors.Join(ValidateBotID(s.BotID), malformed)
}

// validateCallTime refuses an id whose time cannot be that of a call: a fetch of
// it could only end with a manifest that says the recording is unavailable.
func (s Session) validateCallTime(callTime, now time.Time) error {
	switch {
	case callTime.Before(earliestCall):
		return fmt.Errorf("sessionId %q carries the time %s, before %d, so it is not a session's id: copy the id from the conversation logs",
			s.SessionID, callTime.Format(time.RFC3339), earliestCall.Year())
	case callTime.After(now.Add(clockSkew)):
		return fmt.Errorf("sessionId %q carries the time %s, which is in the future (now is %s): copy the id from the conversation logs, and check the clock",
			s.SessionID, callTime.Format(time.RFC3339), now.UTC().Format(time.RFC3339))
	}
	return nil
}

// ValidateBotID reports whether botID has the form of a stream id of
// SmartAssist: "st-" and up to 64 letters, digits and hyphens.
func ValidateBotID(botID string) error {
	switch {
	case botID == "":
		return errors.New(`botId is empty: give the bot's stream id ("st-…"), which the bot's General Settings page shows`)
	case !isBotID(botID):
		return fmt.Errorf(`botId %.80q is malformed: want the stream id, "st-" and letters, digits and hyphens, as the bot's General Settings page shows it`, botID)
	}
	return nil
}

func (s Session) validateSessionID() error {
	switch {
	case s.SessionID == "":
		return errors.New("sessionId is empty: give the session's 24 hexadecimal digits, as the conversation logs show them")
	case !isSessionID(s.SessionID):
		return fmt.Errorf("sessionId %.80q is malformed: want 24 lower-case hexadecimal digits, as the conversation logs show them", s.SessionID)
	}
	return nil
}

// The forms of the ids are checked by hand: the rows of a backfill's list are checked
// a million at a time, and a regular expression takes most of that time.

func isBotID(id string) bool {
	name, hasPrefix := strings.CutPrefix(id, "st-")
	return hasPrefix && name != "" && len(name) <= 64 && !strings.ContainsFunc(name, isForeignToBotID)
}

func isForeignToBotID(r rune) bool {
	return (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z') && r != '-'
}

func isSessionID(id string) bool {
	return len(id) == 24 && !strings.ContainsFunc(id, isForeignToSessionID)
}

func isForeignToSessionID(r rune) bool { return (r < '0' || r > '9') && (r < 'a' || r > 'f') }

// CallTime returns the time at which the call began, in UTC. The first eight
// digits of a session id are a Unix second; this holds for every sample that
// the vendor and public clients show. It fails if the id is malformed.
func (s Session) CallTime() (time.Time, error) {
	if err := s.validateSessionID(); err != nil {
		return time.Time{}, err
	}
	return s.callTime(), nil
}

// callTime is CallTime of an id that is not malformed.
func (s Session) callTime() time.Time {
	seconds, _ := strconv.ParseUint(s.SessionID[:8], 16, 32)
	return time.Unix(int64(seconds), 0).UTC()
}

// FetchWorkflowID returns the id of the one workflow that may be fetching the
// session's recording at a time.
func (s Session) FetchWorkflowID() string {
	return "fetch-recording/" + s.BotID + "/" + s.SessionID
}
