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
	batchIDPattern   = regexp.MustCompile(`^[0-9A-Za-z][0-9A-Za-z._-]{0,127}$`)
)

// maxUserIDBytes bounds the user id, which the vendor leaves open ("a user
// email ID or an enterprise-assigned unique ID").
const maxUserIDBytes = 512

// ValidateBotID tells whether botID looks like a stream id of SmartAssist:
// "st-" and up to 64 letters, digits and hyphens.
func ValidateBotID(botID string) error {
	switch {
	case botID == "":
		return errors.New(`botId is empty: give the bot's stream id ("st-…"), which the bot's General Settings page shows`)
	case !botIDPattern.MatchString(botID):
		return fmt.Errorf(`botId %.80q is malformed: want the stream id, "st-" and letters, digits and hyphens, as the bot's General Settings page shows it`, botID)
	}
	return nil
}

// ValidateSessionID tells whether sessionID is one of SmartAssist's: 24
// lower-case hexadecimal digits.
func ValidateSessionID(sessionID string) error {
	switch {
	case sessionID == "":
		return errors.New("sessionId is empty: give the session's 24 hexadecimal digits, as the conversation logs show them")
	case !sessionIDPattern.MatchString(sessionID):
		return fmt.Errorf("sessionId %.80q is malformed: want 24 lower-case hexadecimal digits, as the conversation logs show them", sessionID)
	}
	return nil
}

// CallTime is the time at which the session began, which its id carries in
// its first eight digits as a Unix second (true of every sample that the
// vendor and public clients show). The time is in UTC.
func CallTime(sessionID string) (time.Time, error) {
	if err := ValidateSessionID(sessionID); err != nil {
		return time.Time{}, err
	}
	raw, err := hex.DecodeString(sessionID[:8])
	if err != nil {
		return time.Time{}, fmt.Errorf("sessionId %q: %w", sessionID, err)
	}
	return time.Unix(int64(binary.BigEndian.Uint32(raw)), 0).UTC(), nil
}
