package simulator

import (
	"net/http"
	"strings"
	"time"
)

// recordingsAnswer is the body of a good answer (the vendor's page).
type recordingsAnswer struct {
	Status    *string         `json:"status,omitempty"`
	Recording []recordingItem `json:"recording"`
}

type recordingItem struct {
	FileName string `json:"fileName"`
	FileURL  string `json:"fileUrl"`
}

// serveRecordings answers a call of the recordings endpoint; the order of the checks is the package's documentation.
func (s *Simulator) serveRecordings(w http.ResponseWriter, r *http.Request, call *Call) {
	if outage := s.currentOutage(); outage != nil {
		s.ledger.outage(call, outage.Kind)
		s.meet(w, r, *outage, func(http.ResponseWriter) {})
		return
	}
	now := s.now()
	botID, _ := recordingsRoute(r)
	sessionID, userID, refused := s.admit(r, botID, now)
	if refused != nil {
		s.ledger.refuse(call, refused.reason)
		refused.write(w)
		return
	}
	step, body := s.tell(sessionKey{botID, sessionID}, userID, apiBase(r), now)
	fault := Fault{Kind: None}
	if step.Fault != nil {
		fault = *step.Fault
	}
	s.ledger.accept(call, fault.Kind, func(c *Call) { c.RecordingStatus = clip(step.Status) })
	s.meet(w, r, fault, func(w http.ResponseWriter) { writeBody(w, http.StatusOK, jsonType, body) })
}

func (s *Simulator) currentOutage() *Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.outage
}

// admit takes a call through token, budget and arguments.
func (s *Simulator) admit(r *http.Request, botID string, now time.Time) (sessionID, userID string, refused *refusal) {
	if refused := s.authenticate(r.Header, botID, now); refused != nil {
		return "", "", refused
	}
	if refused := s.spend(botID, now); refused != nil {
		return "", "", refused
	}
	query := r.URL.Query()
	if len(query["sessionId"]) != 1 || query.Get("sessionId") == "" || len(query["userId"]) > 1 || s.config.RequireUserID && query.Get("userId") == "" {
		return "", "", &refusal{reason: ReasonArguments, httpStatus: http.StatusPreconditionFailed, code: http.StatusPreconditionFailed, msg: msgArguments}
	}
	return query.Get("sessionId"), query.Get("userId"), nil
}

// spend takes a call from the bot's budget.
func (s *Simulator) spend(botID string, now time.Time) *refusal {
	s.mu.Lock()
	defer s.mu.Unlock()
	reason, wait := s.bots[botID].take(now)
	if reason == "" {
		return nil
	}
	refused := &refusal{reason: reason, httpStatus: http.StatusTooManyRequests, code: http.StatusTooManyRequests, msg: msgLimitMinute}
	if reason == ReasonHour {
		refused.msg = msgLimitHour
	}
	if s.config.RetryAfter {
		refused.retryAfter = wait
	}
	return refused
}

// tell moves the session's script on and writes what its step says. A session that is not there, or not this user's, is
// media_unavailable.
func (s *Simulator) tell(key sessionKey, userID, base string, now time.Time) (Step, string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.sessions[key]
	if st == nil || st.UserID != "" && userID != "" && userID != st.UserID {
		step := Step{Status: StatusMediaUnavailable}
		return step, encode(recordingsAnswer{Status: &step.Status, Recording: []recordingItem{}})
	}
	st.counts.StatusCalls++
	step := st.nextStep(now)
	if step.Body != "" {
		return step, step.Body
	}
	answer := recordingsAnswer{Status: &step.Status, Recording: []recordingItem{}}
	if step.OmitStatus {
		answer.Status = nil
	}
	if step.Status == StatusSuccess && !step.OmitFiles {
		answer.Recording = s.items(st, step, base, now)
	}
	return step, encode(answer)
}

// items signs a new URL for each file of the session. The caller holds s.mu.
func (s *Simulator) items(st *sessionState, step Step, base string, now time.Time) []recordingItem {
	life := step.URLLifetime
	orDuration(&life, s.config.URLLifetime)
	if s.config.MediaURL != "" {
		base = s.config.MediaURL
	}
	if step.MediaURL != "" {
		base = step.MediaURL
	}
	items := make([]recordingItem, len(st.files))
	for i, f := range st.files {
		items[i] = recordingItem{FileName: f.Name, FileURL: strings.TrimSuffix(base, "/") + f.path + "?" + s.signedQuery(f.path, now.Add(life))}
	}
	return items
}

// apiBase is the scheme and host at which the request came.
func apiBase(r *http.Request) string {
	if r.TLS != nil {
		return "https://" + r.Host
	}
	return "http://" + r.Host
}
