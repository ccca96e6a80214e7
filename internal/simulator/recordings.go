package simulator

import (
	"net/http"
	"strings"
	"time"
)

// recordingsResponse is the body of a normal response (vendor docs).
type recordingsResponse struct {
	Status    *string         `json:"status,omitempty"`
	Recording []recordingItem `json:"recording"`
}

type recordingItem struct {
	FileName string `json:"fileName"`
	FileURL  string `json:"fileUrl"`
}

// serveRecordings responds to an admitted call of the recordings endpoint, or returns why it refuses it.
func (s *Simulator) serveRecordings(w http.ResponseWriter, r *http.Request, botID string, call *Call, now time.Time) *refusal {
	sessionID, userID, refused := s.recordingsArguments(r)
	if refused != nil {
		return refused
	}
	step, body := s.nextResponse(sessionKey{botID, sessionID}, userID, apiBase(r), now)
	fault := Fault{Kind: None}
	if step.Fault != nil {
		fault = *step.Fault
	}
	s.ledger.accept(call, fault.Kind, func(c *Call) { c.RecordingStatus = clip(step.Status) })
	s.serveFault(w, r, fault, func(w http.ResponseWriter) { writeBody(w, http.StatusOK, jsonType, body) })
	return nil
}

func (s *Simulator) recordingsArguments(r *http.Request) (sessionID, userID string, refused *refusal) {
	query := r.URL.Query()
	if len(query["sessionId"]) != 1 || query.Get("sessionId") == "" || len(query["userId"]) > 1 || s.config.RequireUserID && query.Get("userId") == "" {
		return "", "", invalidArguments()
	}
	return query.Get("sessionId"), query.Get("userId"), nil
}

// nextResponse advances the session's script and returns its step and body. An unknown session, one of another user, and one
// that is purged is media_unavailable.
func (s *Simulator) nextResponse(key sessionKey, userID, base string, now time.Time) (Step, string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.sessions[key]
	if st == nil || st.UserID != "" && userID != "" && userID != st.UserID {
		return noMedia()
	}
	st.counts.StatusCalls++
	if s.isPurged(st, now) {
		return noMedia()
	}
	step := st.nextStep(now)
	if step.Body != "" {
		return step, step.Body
	}
	response := recordingsResponse{Status: &step.Status, Recording: []recordingItem{}}
	if step.OmitStatus {
		response.Status = nil
	}
	if step.Status == StatusSuccess && !step.OmitFiles {
		response.Recording = s.signedItems(st.files, step, base, now)
	}
	return step, encode(response)
}

// noMedia is the response about a session without a recording.
func noMedia() (Step, string) {
	step := Step{Status: StatusMediaUnavailable}
	return step, encode(recordingsResponse{Status: &step.Status, Recording: []recordingItem{}})
}

// signedItems returns files with newly signed URLs. The caller holds s.mu.
func (s *Simulator) signedItems(files []*fileState, step Step, base string, now time.Time) []recordingItem {
	lifetime := step.URLLifetime
	defaultDuration(&lifetime, s.config.URLLifetime)
	if s.config.MediaURL != "" {
		base = s.config.MediaURL
	}
	if step.MediaURL != "" {
		base = step.MediaURL
	}
	items := make([]recordingItem, len(files))
	for i, f := range files {
		signed := f.path
		if step.URLsRefused {
			signed += " " // no requested path contains a space, so the signature is of no URL
		}
		items[i] = recordingItem{FileName: f.Name, FileURL: strings.TrimSuffix(base, "/") + f.path + "?" + s.signedQuery(signed, now.Add(lifetime))}
	}
	return items
}

// apiBase returns the scheme and host of the request.
func apiBase(r *http.Request) string {
	if r.TLS != nil {
		return "https://" + r.Host
	}
	return "http://" + r.Host
}
