package workflows

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// FailureLimit is how many sessions of a batch may end otherwise than archived before no
// more are started. The zero value is no limit. In JSON and in text it is a number such
// as 100, or a percentage such as "5%".
type FailureLimit struct {
	// Count is a number of sessions, at least 1; 0 if the limit is a percentage.
	Count int

	// Percent is the part of the sessions that have ended, from 1 to 100.
	Percent int
}

// JudgedAfter is how many sessions have to end before a percentage says anything, or all
// of them if the batch has fewer.
const JudgedAfter = 100

// ParseFailureLimit reads the text form.
func ParseFailureLimit(text string) (FailureLimit, error) {
	number, isPercentage := strings.CutSuffix(strings.TrimSpace(text), "%")
	n, err := strconv.Atoi(strings.TrimSpace(number))
	limit := FailureLimit{Count: n}
	if isPercentage {
		limit = FailureLimit{Percent: n}
	}
	if err != nil || limit.IsZero() || limit.Validate() != nil {
		return FailureLimit{}, fmt.Errorf(`%.40q is not a number of failures: want one from 1 to %d, or a percentage from 1%% to 100%%`, text, MaxBatchSessions)
	}
	return limit, nil
}

// IsZero reports whether there is no limit.
func (l FailureLimit) IsZero() bool { return l == FailureLimit{} }

// Validate reports a limit that is out of bounds.
func (l FailureLimit) Validate() error {
	if l.Count < 0 || l.Count > MaxBatchSessions || l.Percent < 0 || l.Percent > 100 || l.Count > 0 && l.Percent > 0 {
		return fmt.Errorf("maxFailures is out of bounds: want a number from 1 to %d, or a percentage from 1%% to 100%%", MaxBatchSessions)
	}
	return nil
}

// IsReached reports whether so many failures among so many sessions that have ended reach
// the limit, in a batch of so many sessions.
func (l FailureLimit) IsReached(failures, ended, sessions int) bool {
	switch {
	case l.Count > 0:
		return failures >= l.Count
	case l.Percent > 0:
		return failures > 0 && ended >= min(JudgedAfter, sessions) && failures*100 >= l.Percent*ended
	default:
		return false
	}
}

// String returns the text form; it is empty if there is no limit.
func (l FailureLimit) String() string {
	switch {
	case l.Percent > 0:
		return strconv.Itoa(l.Percent) + "%"
	case l.Count > 0:
		return strconv.Itoa(l.Count)
	default:
		return ""
	}
}

// MarshalJSON writes a number, or a percentage as a string.
func (l FailureLimit) MarshalJSON() ([]byte, error) {
	if l.Percent > 0 {
		return json.Marshal(l.String())
	}
	return json.Marshal(l.Count)
}

// UnmarshalJSON reads a number, or a string in the text form.
func (l *FailureLimit) UnmarshalJSON(data []byte) error {
	text := string(data)
	if text == "0" || text == "null" {
		*l = FailureLimit{}
		return nil
	}
	if len(data) > 0 && data[0] == '"' {
		if err := json.Unmarshal(data, &text); err != nil {
			return err
		}
	}
	limit, err := ParseFailureLimit(text)
	if err != nil {
		return fmt.Errorf("maxFailures: %w", err)
	}
	*l = limit
	return nil
}
