package workflows

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// FetchRequest asks for the recording of one session.
//
// Its JSON form is what the temporal CLI sends. A key that is not known is an
// error, and so is a value of the wrong type; [FetchRequest.Validate] reports
// both, together with whatever else is wrong.
type FetchRequest struct {
	// BotID is the bot's stream id, "st-…". Required.
	BotID string `json:"botId"`

	// SessionID is the session's id, 24 lower-case hexadecimal digits. Required.
	SessionID string `json:"sessionId"`

	// UserID is the user of the session, sent to the upstream when it is given.
	// It may be an e-mail address, so it enters no id, attribute, summary or
	// manifest. At most 512 bytes. Defaults to none.
	UserID string `json:"userId,omitempty"`

	// BatchID groups fetches in the Temporal Web UI: letters, digits, dots,
	// underscores and hyphens, at most 128. Defaults to none.
	BatchID string `json:"batchId,omitempty"`

	// Policy says how long to wait and how often to try. Defaults to
	// [DefaultPolicy], field by field.
	Policy Policy `json:"policy,omitzero"`

	// Resume carries a long fetch from one run of the workflow into the next.
	// The workflow sets it when it continues as new; a caller leaves it out.
	// Defaults to none.
	Resume *Resume `json:"resume,omitempty"`

	// fault is what was wrong with the JSON this request was decoded from.
	fault error
}

// Resume is what a fetch remembers when its history grew long and it goes on
// in a new run.
type Resume struct {
	StartedAt        time.Time   `json:"startedAt"`
	GiveUpAt         time.Time   `json:"giveUpAt"`
	StatusChecks     int         `json:"statusChecks"`
	LastStatus       string      `json:"lastStatus,omitempty"`
	Polls            int         `json:"polls,omitempty"`
	Setbacks         int         `json:"setbacks,omitempty"`
	Parks            int         `json:"parks,omitempty"`
	DownloadFailures int         `json:"downloadFailures,omitempty"`
	PartialRetries   int         `json:"partialRetries,omitempty"`
	PartialDueAt     time.Time   `json:"partialDueAt,omitzero"`
	Done             []Recording `json:"done,omitempty"`
}

// UnmarshalJSON decodes the request strictly but keeps what is wrong for
// [FetchRequest.Validate] instead of returning it: an error returned to the
// SDK's payload decoder would end the workflow with an untyped, retryable
// failure, whereas Validate's becomes an [ErrorTypeInvalidInput].
func (r *FetchRequest) UnmarshalJSON(data []byte) error {
	type plain FetchRequest
	var decoded plain
	err := decodeStrictly(data, &decoded)
	*r = FetchRequest(decoded)
	r.fault = err
	return nil
}

// Validate reports everything that is wrong with the request in one error,
// each fault with what to change. It asks nobody: whether the bot is served
// is found out by the first activity.
func (r *FetchRequest) Validate() error {
	if r.fault != nil {
		// The rest was not decoded; judging it would blame the wrong field.
		return fmt.Errorf("invalid input: %w", r.fault)
	}
	faults := []error{
		ValidateBotID(r.BotID),
		ValidateSessionID(r.SessionID),
		validateUserID(r.UserID),
		validateBatchID(r.BatchID),
		r.Policy.Validate(),
	}
	if err := errors.Join(faults...); err != nil {
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

func isControl(r rune) bool { return r < ' ' || r == 0x7f }

// decodeStrictly decodes one JSON object into v and names the key that is
// unknown or has a value of the wrong type.
func decodeStrictly(data []byte, v any) error {
	if err := checkKeys(data, reflect.TypeOf(v).Elem()); err != nil {
		return err
	}
	err := json.Unmarshal(data, v)
	var wrongType *json.UnmarshalTypeError
	switch {
	case err == nil:
	case errors.As(err, &wrongType) && wrongType.Field == "":
		return fmt.Errorf("want one JSON object, got a JSON %s", wrongType.Value)
	case errors.As(err, &wrongType):
		return fmt.Errorf("%s: want a JSON %s, got a %s", wrongType.Field, jsonKind(wrongType), wrongType.Value)
	}
	return err
}

// checkKeys names the keys of the JSON object data that the struct does not
// have. encoding/json itself would take "BOTID" for "botId".
func checkKeys(data []byte, structure reflect.Type) error {
	var object map[string]json.RawMessage
	if json.Unmarshal(data, &object) == nil { // Otherwise decoding it says better what it is.
		for field := range structure.Fields() {
			name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
			delete(object, name)
		}
	}
	return unknownKeys(object, "")
}

// unknownKeys complains of all keys that are left in object.
func unknownKeys(object map[string]json.RawMessage, hint string) error {
	if len(object) == 0 {
		return nil
	}
	var names []string
	for _, name := range slices.Sorted(maps.Keys(object)) {
		names = append(names, fmt.Sprintf("%.80q", name))
	}
	names = names[:min(len(names), 5)]
	return fmt.Errorf("unknown key %s: remove it or correct its spelling%s", strings.Join(names, ", "), hint)
}

func jsonKind(err *json.UnmarshalTypeError) string {
	switch err.Type.Kind().String() {
	case "int", "ptr":
		return "number"
	case "struct", "map":
		return "object"
	default:
		return err.Type.Kind().String()
	}
}
