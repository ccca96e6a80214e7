package smartassist

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/callvault/callvault/internal/status"
	"github.com/callvault/callvault/workflows"
)

// Voicemail is what the API says of a call's voicemail.
type Voicemail struct {
	// Files are the files of the voicemail, at most 100; none if the call has no voicemail.
	Files []File

	// Unusable says why the response cannot be understood, if it has something that may be
	// a voicemail; it contains nothing of that. Empty otherwise.
	Unusable string
}

// Voicemail requests the voicemail of one session, as documented on the vendor's page "Fetch
// Voicemail Recording"; its scope is SmartAssist Voicemail, its budget is taken for another
// one than that of recordings. Every error is an *[Error]: that there is no voicemail is none.
func (c *Client) Voicemail(ctx context.Context, token string, session workflows.Session) (*Voicemail, error) {
	made := call{endpoint: voicemail, token: token, botID: session.BotID, sessionIDs: []string{session.SessionID},
		query: url.Values{"sessionId": {session.SessionID}, "transcription": {"false"}}}
	var found *Voicemail
	nothing, err := c.send(ctx, made, func(body []byte) (err error) {
		found, err = parseVoicemail(body, made.secrets()...)
		return err
	})
	switch {
	case err != nil:
		return nil, err
	case nothing != nil:
		return new(Voicemail), nil
	}
	return found, nil
}

// errNotReady is a response that says that the voicemail comes later.
var errNotReady = errors.New("the voicemail is not ready yet")

// parseVoicemail accepts the key of the vendor's sample, which has a space, and that of the
// vendor's table. The list is documented; a URL, a list of URLs and a single file are taken
// for what they look like.
func parseVoicemail(body []byte, secrets ...string) (*Voicemail, error) {
	var raw struct {
		Status  string          `json:"status"`
		Sample  json.RawMessage `json:"voicemail recording"`
		Table   json.RawMessage `json:"voicemail_recording"`
		Errors  json.RawMessage `json:"errors"`
		Message json.RawMessage `json:"error"`
	}
	if err := decodeObject(body, &raw); err != nil {
		return nil, err
	}
	given := raw.Sample
	if isEmptyJSON(given) {
		given = raw.Table
	}
	if isEmptyJSON(given) {
		switch known := strings.TrimSpace(raw.Status); {
		case raw.Errors != nil || raw.Message != nil || known == "" && raw.Sample == nil && raw.Table == nil:
			return nil, errors.New("it has no status and no voicemail")
		case !status.Of(known).Settles() && slices.Contains(waitingPhases, status.Of(known).Phase):
			return nil, errNotReady
		}
		return &Voicemail{}, nil
	}
	return voicemailOf(given, secrets...), nil
}

// isEmptyJSON reports whether a value holds nothing.
func isEmptyJSON(raw json.RawMessage) bool {
	switch strings.TrimSpace(string(raw)) {
	case "", "null", `""`, "[]", "{}":
		return true
	}
	return false
}

// voicemailOf reads a file, or a list of them.
func voicemailOf(raw json.RawMessage, secrets ...string) *Voicemail {
	var list []json.RawMessage
	if json.Unmarshal(raw, &list) != nil {
		list = []json.RawMessage{raw}
	}
	if len(list) > maxFiles {
		return unusable("its voicemail has %d files, more than %d", len(list), maxFiles)
	}
	files := make([]File, 0, len(list))
	for i, one := range list {
		var file struct {
			FileName string `json:"fileName"`
			FileURL  string `json:"fileUrl"`
		}
		if json.Unmarshal(one, &file.FileURL) != nil && json.Unmarshal(one, &file) != nil {
			return unusable("file %d of its voicemail is neither a URL nor an object with fileUrl", i+1)
		}
		address, err := url.Parse(file.FileURL)
		if err != nil || address.Host == "" || len(file.FileURL) > maxURLBytes {
			return unusable("file %d of its voicemail has no valid URL of at most %d bytes", i+1, maxURLBytes)
		}
		files = append(files, File{Name: cleanName(file.FileName, secrets...), URL: file.FileURL})
	}
	return &Voicemail{Files: files}
}

// unusable returns a voicemail that is not understood.
func unusable(format string, numbers ...any) *Voicemail {
	return &Voicemail{Unusable: fmt.Sprintf(format, numbers...)}
}

// waitingPhases are those of a fetch that waits for a recording.
var waitingPhases = []workflows.FetchPhase{workflows.PhaseCallInProgress, workflows.PhaseMediaInProgress, workflows.PhasePartialWait}
