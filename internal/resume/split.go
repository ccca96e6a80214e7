// Package resume tells the state of an earlier run from a caller's request in the input of a
// workflow that continues as new.
package resume

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// Key is the key of the state, which the workflow itself sets.
const Key = "resume"

// IsIn reports whether an input may have a state.
func IsIn(input []byte) bool { return bytes.Contains(input, []byte(`"`+Key+`"`)) }

// Split returns the state in an input, or nil if it has none, and the input without it. If
// the state cannot be decoded, it returns an error and a state all the same: a caller must
// not set it at all.
func Split[State any](input []byte) (state *State, rest []byte, err error) {
	var object map[string]json.RawMessage
	_ = json.Unmarshal(input, &object) // What is no object has no keys.
	if object[Key] == nil {
		return nil, input, nil
	}
	state = new(State)
	if err := json.Unmarshal(object[Key], state); err != nil {
		return state, nil, fmt.Errorf("%s: %.200s", Key, err.Error())
	}
	delete(object, Key)
	rest, err = json.Marshal(object)
	return state, rest, err
}

// Join returns an input, which is a JSON object, with a state in it.
func Join(input []byte, state any) ([]byte, error) {
	var object map[string]json.RawMessage
	if err := json.Unmarshal(input, &object); err != nil {
		return nil, err
	}
	encoded, err := json.Marshal(state)
	if err != nil {
		return nil, err
	}
	object[Key] = encoded
	return json.Marshal(object)
}
