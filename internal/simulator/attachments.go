package simulator

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"
)

// attachmentKinds are the endpoints of what belongs to a call beside its recording. Each has a scope and, for each bot, a
// budget of its own.
var attachmentKinds = []CallKind{KindVoicemail, KindMessages}

const (
	maxMessages     = 100_000
	maxMessageLimit = 10_000 // vendor docs
	// defaultMessageLimit is not documented for version 2.
	defaultMessageLimit = 100
)

// Message is one message of a session.
type Message struct {
	// Text is what was said.
	Text string
	// Outgoing says that the bot or the agent said it. Defaults to false: the caller did.
	Outgoing bool
}

// attachmentState is what the simulator knows of an endpoint of attachmentKinds.
type attachmentState struct {
	outage *Fault
}

// SetScopeOf grants or withdraws the scope of KindVoicemail ("SmartAssist Voicemail") or KindMessages ("Chat History"). Both are
// granted at first.
func (s *Simulator) SetScopeOf(kind CallKind, granted bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.granted[kind] = granted
}

// SetBudgetOf sets the budget that each bot has of KindVoicemail or KindMessages. Defaults to 60 calls a minute and 1,800 an
// hour.
func (s *Simulator) SetBudgetOf(kind CallKind, callsPerMinute, callsPerHour int) error {
	if err := checkBudget(string(kind)+": ", callsPerMinute, callsPerHour); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, bot := range s.bots {
		bot[kind].setLimits(callsPerMinute, callsPerHour, s.config.RefusedCallsCount)
	}
	return nil
}

// SetOutageOf makes the calls of KindVoicemail or KindMessages fail with the fault after they were admitted; nil ends it. It
// accepts what SetOutage accepts.
func (s *Simulator) SetOutageOf(kind CallKind, fault *Fault) error {
	if fault != nil {
		checked, err := fault.forOutage()
		if err != nil {
			return err
		}
		fault = &checked
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.attachments[kind] = attachmentState{outage: fault}
	return nil
}

// serveAttachment responds to an admitted call of an endpoint of attachmentKinds, or returns why it refuses it.
func (s *Simulator) serveAttachment(w http.ResponseWriter, r *http.Request, to route, call *Call, now time.Time) *refusal {
	respond := s.respondVoicemail
	if to.kind == KindMessages {
		respond = s.respondMessages
	}
	sessionID, body, ok := respond(r, to.botID, now)
	if !ok {
		return invalidArguments()
	}
	fault := Fault{Kind: None}
	if outage := s.outageOf(to.kind); outage != nil {
		fault = *outage
	}
	s.ledger.accept(call, fault.Kind, func(c *Call) { c.SessionID = clip(sessionID) })
	s.serveFault(w, r, fault, func(w http.ResponseWriter) { writeBody(w, http.StatusOK, jsonType, body) })
	return nil
}

func (s *Simulator) outageOf(kind CallKind) *Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.attachments[kind].outage
}

// voicemailResponse is the body of a normal response (vendor docs: the sample, whose key has a space).
type voicemailResponse struct {
	Status         string          `json:"status"`
	Recording      []recordingItem `json:"voicemail recording"`
	Transcriptions []string        `json:"transcriptions,omitempty"`
}

// respondVoicemail tells of an unknown session what it tells of one without a voicemail.
func (s *Simulator) respondVoicemail(r *http.Request, botID string, now time.Time) (sessionID, body string, ok bool) {
	query := r.URL.Query()
	sessionID = query.Get("sessionId")
	if len(query["sessionId"]) != 1 || sessionID == "" || !slices.Contains([]string{"true", "false"}, query.Get("transcription")) {
		return sessionID, "", false
	}
	response := voicemailResponse{Status: StatusSuccess, Recording: []recordingItem{}}
	s.mu.Lock()
	defer s.mu.Unlock()
	if st := s.sessions[sessionKey{botID, sessionID}]; st != nil && !s.isPurged(st, now) {
		response.Recording = s.signedItems(st.voicemail, Step{}, apiBase(r), now)
	}
	return sessionID, encode(response), true
}

// messagesResponse is the body of a normal response (vendor docs).
type messagesResponse struct {
	Total         int           `json:"total"`
	MoreAvailable bool          `json:"moreAvailable"`
	Messages      []messageItem `json:"messages"`
}

type messageItem struct {
	ID         string             `json:"_id"`
	Type       string             `json:"type"`
	BotID      string             `json:"botId"`
	SessionID  string             `json:"sessionId"`
	CreatedOn  string             `json:"createdOn"`
	Channel    string             `json:"chnl"`
	Components []messageComponent `json:"components"`
}

type messageComponent struct {
	Type string `json:"cT"`
	Data struct {
		Text string `json:"text"`
	} `json:"data"`
}

// messageFilter are the documented keys of a request's body that are simulated.
type messageFilter struct {
	sessionIDs     []string
	skip, limit    int
	forward        string
	channel        string
	dateFrom, till string
}

func (s *Simulator) respondMessages(r *http.Request, botID string, _ time.Time) (sessionID, body string, ok bool) {
	filter := messageFilter{limit: defaultMessageLimit, forward: "false"}
	from, till, ok := filter.read(r)
	if !ok || len(filter.sessionIDs) != 1 {
		return "", "", false
	}
	sessionID = filter.sessionIDs[0]
	response := messagesResponse{Messages: []messageItem{}}
	s.mu.Lock()
	defer s.mu.Unlock()
	if st := s.sessions[sessionKey{botID, sessionID}]; st != nil && (filter.channel == "" || filter.channel == "korevg") {
		all := st.messageItems(from, till)
		if filter.forward != "true" {
			slices.Reverse(all)
		}
		first := min(filter.skip, len(all))
		last := min(first+filter.limit, len(all))
		response = messagesResponse{Total: len(all), MoreAvailable: last < len(all), Messages: append(response.Messages, all[first:last]...)}
	}
	return sessionID, encode(response), true
}

// read is as strict as the session list is: any other key or type is an invalid argument, and so is a range of 7 days or more.
func (f *messageFilter) read(r *http.Request) (from, till time.Time, ok bool) {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxFilterBytes+1))
	var fields map[string]json.RawMessage
	if err != nil || len(body) > maxFilterBytes || json.Unmarshal(body, &fields) != nil {
		return from, till, false
	}
	targets := map[string]any{
		"sessionId": &f.sessionIDs, "skip": &f.skip, "limit": &f.limit, "forward": &f.forward, "channelType": &f.channel, "dateFrom": &f.dateFrom, "dateTo": &f.till,
	}
	for key, value := range fields {
		target, known := targets[key]
		if !known || bytes.Equal(value, []byte("null")) || json.Unmarshal(value, target) != nil {
			return from, till, false
		}
	}
	from, okFrom := sessionDate(f.dateFrom)
	till, okTill := sessionDate(f.till)
	return from, till, okFrom && okTill && !till.Before(from) && till.Sub(from) < maxSessionRange && f.skip >= 0 && f.limit >= 1 && f.limit <= maxMessageLimit
}

// messageItems returns the messages of a time, oldest first: one a second from the begin of the call. The caller holds the
// simulator's mutex.
func (st *sessionState) messageItems(from, till time.Time) []messageItem {
	items := make([]messageItem, 0, len(st.Messages))
	for i, message := range st.Messages {
		at := st.begin.Add(time.Duration(i) * time.Second)
		if at.Before(from) || at.After(till) {
			continue
		}
		item := messageItem{
			ID: fmt.Sprintf("ms-%s-%d", st.SessionID, i), Type: "incoming", BotID: st.BotID, SessionID: st.SessionID, CreatedOn: jsTime(at), Channel: "korevg",
			Components: []messageComponent{{Type: "text"}},
		}
		if message.Outgoing {
			item.Type = "outgoing"
		}
		item.Components[0].Data.Text = message.Text
		items = append(items, item)
	}
	return items
}

// prepareAttachments checks what belongs to the call, and makes the files of its voicemail.
func (st *sessionState) prepareAttachments(in Session, config *Config) error {
	if len(in.Messages) > maxMessages || len(in.VoicemailFiles) > maxFiles {
		return fmt.Errorf("simulator: session %s has %d messages and %d files of a voicemail: at most %d and %d are allowed", in.SessionID, len(in.Messages), len(in.VoicemailFiles), maxMessages, maxFiles)
	}
	st.Messages, st.VoicemailFiles = slices.Clone(in.Messages), slices.Clone(in.VoicemailFiles)
	for i, file := range in.VoicemailFiles {
		prepared, err := newFile(st, file, fmt.Sprintf("voicemail %d", i), config)
		if err != nil {
			return err
		}
		st.VoicemailFiles[i] = prepared.File
		st.voicemail = append(st.voicemail, prepared)
	}
	return nil
}
