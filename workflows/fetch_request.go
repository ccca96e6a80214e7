package workflows

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"
	"unicode/utf8"
)

// maxUserIDBytes bounds the user id, which the vendor leaves open ("a user
// email ID or an enterprise-assigned unique ID").
const maxUserIDBytes = 512

var batchIDPattern = regexp.MustCompile(`^[0-9A-Za-z][0-9A-Za-z._-]{0,127}$`)

// FetchRequest asks for the recording of one session.
//
// In its JSON form, which the temporal CLI sends, unknown keys and values of
// the wrong type are errors that name the key. Do not embed it in a struct that
// is decoded from JSON: its UnmarshalJSON would be that struct's.
type FetchRequest struct {
	// Session is the call whose recording is fetched. Required.
	Session

	// UserID is the user of the session, sent to the vendor if it is given.
	// It may be an e-mail address, so it is part of no id, search attribute,
	// summary or manifest. At most 512 bytes. Defaults to none.
	UserID string `json:"userId,omitempty"`

	// BatchID groups fetches in the Temporal Web UI: letters, digits, dots,
	// underscores and hyphens, at most 128. Defaults to none.
	BatchID string `json:"batchId,omitempty"`

	// Refetch fetches a session again whose manifest says anything but archived.
	// A session that is archived is never fetched again. Defaults to false.
	Refetch bool `json:"refetch,omitempty"`

	// Priority is from 1, served first, to 5: of the fetches that wait for calls to
	// the vendor. Defaults to 2, and for a fetch with a BatchID to 4.
	Priority int `json:"priority,omitempty"`

	// Policy says how long to wait and how often to retry. Defaults to
	// [DefaultFetchPolicy], field by field.
	Policy FetchPolicy `json:"policy,omitzero"`
}

// UnmarshalJSON decodes the request strictly.
func (r *FetchRequest) UnmarshalJSON(data []byte) error {
	type plain FetchRequest
	var decoded plain
	if err := decodeStrictly(data, &decoded); err != nil {
		return err
	}
	*r = FetchRequest(decoded)
	return nil
}

// Validate reports everything that is wrong with the request in one error,
// each problem with its remedy. It makes no request: whether the bot is served
// is checked by the first activity. Workflow code calls [FetchRequest.ValidateAt].
func (r FetchRequest) Validate() error { return r.ValidateAt(time.Now()) }

// ValidateAt is [FetchRequest.Validate] at a given time: that of the session's
// id may be at most 10 minutes later, and not before 2015. A zero now leaves the
// time unchecked.
func (r FetchRequest) ValidateAt(now time.Time) error {
	err := errors.Join(
		r.ValidateFor(r.UserID, now),
		validateBatchID(r.BatchID),
		validatePriority(r.Priority),
		r.Policy.Validate(),
	)
	if err != nil {
		return fmt.Errorf("invalid input: %s", strings.ReplaceAll(err.Error(), "\n", "; "))
	}
	return nil
}

func validateUserID(userID string) error {
	switch {
	case len(userID) > maxUserIDBytes:
		return fmt.Errorf("userId has %d bytes, more than %d: leave it out if the session has none", len(userID), maxUserIDBytes)
	case !utf8.ValidString(userID) || strings.ContainsFunc(userID, isControl):
		return errors.New("userId holds control characters: give it as the conversation logs show it, or leave it out")
	}
	return nil
}

func validateBatchID(batchID string) error {
	if batchID != "" && !batchIDPattern.MatchString(batchID) {
		return fmt.Errorf("batchId %.80q is malformed: want up to 128 letters, digits, dots, underscores and hyphens", batchID)
	}
	return nil
}

func validatePriority(priority int) error {
	if priority < 0 || priority > LastPriority {
		return fmt.Errorf("priority %d is out of bounds: want 1, which is served first, to %d, or leave it out", priority, LastPriority)
	}
	return nil
}

// The priorities of requests that say none.
const (
	SinglePriority = 2
	BatchPriority  = 4

	// LastPriority is the one that is served last.
	LastPriority = 5
)

// EffectivePriority returns the request's priority, or the one that it has by default.
func (r FetchRequest) EffectivePriority() int {
	switch {
	case r.Priority != 0:
		return r.Priority
	case r.BatchID != "":
		return BatchPriority
	default:
		return SinglePriority
	}
}

func isControl(r rune) bool { return r < ' ' || r == 0x7f }
