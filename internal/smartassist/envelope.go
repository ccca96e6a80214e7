package smartassist

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
)

// envelope is the form of an error body.
type envelope int

const (
	// noEnvelope: not proven to come from the API; a proxy, a gateway or a web
	// framework may have written it.
	noEnvelope envelope = iota
	// errorText: {"error": "…"}, seen at some of the vendor's endpoints. Web
	// frameworks write it too, about routes that they do not have.
	errorText
	// errorList: {"errors": [{"msg": "…", "code": 4002}]}, the form that public
	// clients of the API show.
	errorList
)

// errorTextKeys are the keys that an object of the form errorText may have.
// Spring adds "timestamp" and "path", for example.
var errorTextKeys = []string{"error", "code", "message", "status", "statusCode"}

// credentialCodes are the codes of credential errors that public clients show.
var credentialCodes = []string{"401", "4002"}

// errorBody is an error body in one of the API's own forms.
type errorBody struct {
	form envelope
	// texts are its messages, at least one unless form is noEnvelope.
	texts []string
	// refusesCredentials reports whether a code of it says so.
	refusesCredentials bool
}

// parseErrorBody is strict: what decides whose fault an error is must be the
// API's own. {"message": "…"} alone, as gateways such as Kong and AWS write, a
// JSON string and HTML have no envelope.
func parseErrorBody(body []byte) errorBody {
	var fields map[string]json.RawMessage
	if json.Unmarshal(body, &fields) != nil {
		return errorBody{}
	}
	if list := parseErrorList(fields["errors"]); len(list.texts) > 0 {
		return list
	}
	text := textOf(fields["error"])
	if text == "" {
		return errorBody{}
	}
	for key := range fields {
		if !slices.Contains(errorTextKeys, key) {
			return errorBody{}
		}
	}
	parsed := errorBody{form: errorText, texts: []string{text}, refusesCredentials: isCredentialCode(fields["code"])}
	if message := textOf(fields["message"]); message != "" {
		parsed.texts = append(parsed.texts, message)
	}
	return parsed
}

// parseErrorList takes the elements that have a message.
func parseErrorList(raw json.RawMessage) errorBody {
	var elements []json.RawMessage
	if json.Unmarshal(raw, &elements) != nil {
		return errorBody{}
	}
	parsed := errorBody{form: errorList}
	for _, element := range elements {
		var fields map[string]json.RawMessage
		if json.Unmarshal(element, &fields) != nil {
			continue
		}
		if text := textOf(fields["msg"]); text != "" {
			parsed.texts = append(parsed.texts, text)
			parsed.refusesCredentials = parsed.refusesCredentials || isCredentialCode(fields["code"])
		}
	}
	return parsed
}

// textOf returns a JSON string without the space around it; "" for anything else.
func textOf(raw json.RawMessage) string {
	var text string
	if json.Unmarshal(raw, &text) != nil {
		return ""
	}
	return strings.TrimSpace(text)
}

// isCredentialCode accepts a number and a string.
func isCredentialCode(raw json.RawMessage) bool {
	return slices.Contains(credentialCodes, strings.Trim(string(raw), `"`))
}

// isErrorObject reports whether body is an object with an error or a message.
// It is less strict than [parseErrorBody]: enough to tell a request that the API
// rejects from a proxy's page.
func isErrorObject(body []byte) bool {
	var fields map[string]json.RawMessage
	if json.Unmarshal(body, &fields) != nil {
		return false
	}
	return fields["errors"] != nil || fields["error"] != nil || fields["message"] != nil
}

// hasStatus reports whether body is an object with a status of the recording.
// A number is the HTTP status that web frameworks repeat.
func hasStatus(body []byte) bool {
	var fields map[string]json.RawMessage
	return json.Unmarshal(body, &fields) == nil && textOf(fields["status"]) != ""
}

// isLikeJSON reports whether body may be a JSON object or array, or the beginning of
// one.
func isLikeJSON(body []byte) bool {
	text := bytes.TrimSpace(body)
	return len(text) > 0 && (text[0] == '{' || text[0] == '[')
}

// messageOf returns the message of body for the operator: the API's own texts, else
// {"message": "…"} or a JSON string; "" if it has none.
func messageOf(body []byte, own errorBody) string {
	if own.form != noEnvelope {
		return strings.Join(own.texts, "; ")
	}
	if text := textOf(body); text != "" {
		return text
	}
	var fields map[string]json.RawMessage
	if json.Unmarshal(body, &fields) == nil {
		for _, key := range []string{"error", "message"} {
			if text := textOf(fields[key]); text != "" {
				return text
			}
		}
	}
	return ""
}
