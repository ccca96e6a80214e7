package simulator

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"slices"
	"sort"
	"strings"
	"sync"
	"time"
)

// Simulator simulates the vendor's server. It is an http.Handler that works on any host and port, serves both the API and
// the media, and is safe for concurrent use.
type Simulator struct {
	ledger *ledger
	sounds *soundCache
	urlKey []byte
	closed chan struct{}
	once   sync.Once

	mu       sync.Mutex // guards the fields below and the states of sessions and files
	config   Config
	bots     map[string]budgets
	replays  *replayMemory
	granted  map[CallKind]bool // whether the app has the scope for the calls of a kind
	outage   *Fault
	sessions map[sessionKey]*sessionState
	byTime   map[string]*sessionIndex // by bot
	lists    map[CallKind]*listState
	files    map[string]*fileState // by path of the media URL

	attachments map[CallKind]attachmentState
}

// New returns a simulator without sessions, or an error that names the invalid field of the configuration. Close it after
// use.
func New(config Config) (*Simulator, error) {
	config, err := config.withDefaults()
	if err != nil {
		return nil, err
	}
	s := &Simulator{
		ledger: newLedger(config.LedgerSize), sounds: newSoundCache(), urlKey: make([]byte, 32), closed: make(chan struct{}),
		config: config, bots: map[string]budgets{}, replays: newReplayMemory(maxJTIs),
		granted:  map[CallKind]bool{KindAPI: !config.ScopeWithdrawn, KindSessions: !config.SessionsScopeWithdrawn, KindInteractions: !config.AnalyticsScopeWithdrawn},
		sessions: map[sessionKey]*sessionState{}, byTime: map[string]*sessionIndex{}, lists: map[CallKind]*listState{}, files: map[string]*fileState{},
		attachments: map[CallKind]attachmentState{},
	}
	if _, err := rand.Read(s.urlKey); err != nil {
		return nil, fmt.Errorf("simulator: cannot read random bytes for the media URL key: %w", err)
	}
	s.openBudgets()
	for _, kind := range attachmentKinds {
		s.granted[kind] = true
		if err := s.SetBudgetOf(kind, DefaultCallsPerMinute, DefaultCallsPerHour); err != nil {
			return nil, err
		}
	}
	for kind, faults := range map[CallKind]ListFaults{KindSessions: config.SessionListFaults, KindInteractions: config.InteractionFaults} {
		if err := s.SetListFaults(kind, faults); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// Config returns the current configuration, with all defaults set.
func (s *Simulator) Config() Config {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.config
}

// Close ends every stalled, slow and delayed response and refuses later requests with 503. It may be called more than once
// and always returns nil; the error is there for io.Closer.
func (s *Simulator) Close() error {
	s.once.Do(func() { close(s.closed) })
	return nil
}

// ServeHTTP responds as the vendor would.
func (s *Simulator) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	to := routeOf(r)
	call := s.ledger.add(s.newCall(r, to))
	out := &recorder{ResponseWriter: w}
	defer func() { s.ledger.finish(call, out.status, out.bytes) }()

	switch {
	case s.isClosed():
		s.ledger.refuse(call, ReasonClosed)
		writeBody(out, http.StatusServiceUnavailable, htmlType, Fault{Kind: Respond, Status: http.StatusServiceUnavailable}.defaultBody())
	case to.kind == KindAPI || to.kind == KindSessions || to.kind == KindInteractions || slices.Contains(attachmentKinds, to.kind):
		s.serveAPI(out, r, to, call)
	case to.kind == KindMedia && isGetOrHead(r.Method):
		s.serveMedia(out, r, call)
	default:
		s.ledger.refuse(call, ReasonRoute)
		writeNotFound(out, r)
	}
}

func (s *Simulator) newCall(r *http.Request, to route) Call {
	call := Call{
		At: s.now(), Kind: to.kind, Method: clip(r.Method), Path: clip(r.URL.EscapedPath()), BotID: clip(to.botID), Range: clip(r.Header.Get("Range")), IfRange: clip(r.Header.Get("If-Range")),
	}
	if auth := r.Header.Get("auth"); auth != "" {
		sum := sha256.Sum256([]byte(auth))
		call.Token = hex.EncodeToString(sum[:8])
	}
	switch to.kind {
	case KindAPI:
		query := r.URL.Query()
		call.SessionID, call.UserID = clip(query.Get("sessionId")), clip(query.Get("userId"))
	case KindMedia:
		call.Credential = r.Header.Get("auth") != "" || r.Header.Get("Authorization") != ""
	}
	return call
}

// clip limits what a client can make the ledger store.
func clip(s string) string {
	const maxLen = 512
	if len(s) > maxLen {
		s = s[:maxLen]
	}
	return strings.Clone(s) // a substring would keep the whole request in memory
}

func (s *Simulator) now() time.Time { return s.config.Now() } // Now is never changed after New

func (s *Simulator) isClosed() bool {
	select {
	case <-s.closed:
		return true
	default:
		return false
	}
}

// AddSession adds a session and starts its script, or replaces the one with the same id, including script, faults and
// counts. It fails for an invalid session, for a bot that is not in Config.BotIDs, and when Config.MaxSessions is reached.
func (s *Simulator) AddSession(session Session) error {
	st, err := newSessionState(session, &s.config, s.now()) // reads only fields that never change
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, known := s.bots[session.BotID]; !known {
		return fmt.Errorf("simulator: session %s belongs to bot %q, which is not in Config.BotIDs: add it there", session.SessionID, session.BotID)
	}
	key := sessionKey{session.BotID, session.SessionID}
	if _, replaced := s.sessions[key]; !replaced && len(s.sessions) >= s.config.MaxSessions {
		return fmt.Errorf("simulator: cannot add session %s, %d sessions exist already: raise Config.MaxSessions or remove some", session.SessionID, len(s.sessions))
	}
	s.remove(key)
	s.sessions[key] = st
	if s.byTime[session.BotID] == nil {
		s.byTime[session.BotID] = &sessionIndex{}
	}
	s.byTime[session.BotID].add(st)
	for _, f := range slices.Concat(st.files, st.voicemail) {
		s.files[f.path] = f
	}
	return nil
}

// RemoveSession deletes a session and its files, from the session list too; URLs returned before then give 404. Purge deletes
// the recording alone. It ignores an unknown session.
func (s *Simulator) RemoveSession(botID, sessionID string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.remove(sessionKey{botID, sessionID})
}

func (s *Simulator) remove(key sessionKey) {
	st := s.sessions[key]
	if st == nil {
		return
	}
	for _, f := range slices.Concat(st.files, st.voicemail) {
		delete(s.files, f.path)
	}
	s.byTime[key.botID].remove(st)
	delete(s.sessions, key)
}

// Sessions lists the sessions as they were added, with defaults set, sorted by bot and id. The audio of File.Raw is shared,
// not copied: do not modify it.
func (s *Simulator) Sessions() []Session {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]Session, 0, len(s.sessions))
	for _, st := range s.sessions {
		session := st.Session
		session.Script = append([]Step(nil), st.Script...)
		session.Files = append([]File(nil), st.Files...)
		session.VoicemailFiles, session.Messages = slices.Clone(st.VoicemailFiles), slices.Clone(st.Messages)
		out = append(out, session)
	}
	sort.Slice(out, func(i, j int) bool {
		if out[i].BotID != out[j].BotID {
			return out[i].BotID < out[j].BotID
		}
		return out[i].SessionID < out[j].SessionID
	})
	return out
}

// SessionCounts returns the totals of a session, zero for an unknown one.
func (s *Simulator) SessionCounts(botID, sessionID string) SessionCounts {
	s.mu.Lock()
	defer s.mu.Unlock()
	if st := s.sessions[sessionKey{botID, sessionID}]; st != nil {
		return st.counts
	}
	return SessionCounts{}
}

// SetClientID changes the client id that tokens must carry from now on; an empty one selects the default.
func (s *Simulator) SetClientID(id string) {
	defaultString(&id, DefaultClientID)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.config.ClientID = id
}

// SetClientSecret changes the secret that tokens must be signed with from now on; an empty one selects the default.
func (s *Simulator) SetClientSecret(secret string) {
	defaultString(&secret, DefaultClientSecret)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.config.ClientSecret = secret
}

// SetScope grants or withdraws the scope "SmartAssist Recordings".
func (s *Simulator) SetScope(granted bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.granted[KindAPI] = granted
}

// SetSessionsScope grants or withdraws the scope "Bot Sessions", which the session list needs.
func (s *Simulator) SetSessionsScope(granted bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.granted[KindSessions] = granted
}

// SetAnalyticsScope grants or withdraws the scope "SmartAssist Analytics", which the interactions need.
func (s *Simulator) SetAnalyticsScope(granted bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.granted[KindInteractions] = granted
}

// SetEnforceJTI switches the app's setting "Enforce JTI". A jti used while it was on stays used.
func (s *Simulator) SetEnforceJTI(on bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.config.EnforceJTI = on
}

// SetOutage makes every API call fail with the fault before any check, so that no budget is spent and no jti is used; nil
// ends it. Media is not affected. It accepts the kinds that need no normal response: Respond, HTML, JSON, Empty, Huge,
// Redirect, and Reset and Stall, which act before the first byte. It returns an error for any other kind.
func (s *Simulator) SetOutage(fault *Fault) error {
	if fault != nil {
		checked, err := fault.forOutage()
		if err != nil {
			return err
		}
		fault = &checked
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.outage = fault
	return nil
}

// recorder records the status and size of a response.
type recorder struct {
	http.ResponseWriter
	status int
	bytes  int64
}

func (r *recorder) WriteHeader(status int) {
	if r.status == 0 {
		r.status = status
	}
	r.ResponseWriter.WriteHeader(status)
}

func (r *recorder) Write(p []byte) (int, error) {
	if r.status == 0 {
		r.status = http.StatusOK
	}
	n, err := r.ResponseWriter.Write(p)
	r.bytes += int64(n)
	return n, err
}

// Unwrap lets http.ResponseController reach the connection.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }
