package simulator

import (
	"net/http"
	"slices"
	"strings"
	"time"
)

// sessionsResponse is the body of a normal response (vendor docs).
type sessionsResponse struct {
	Total           int           `json:"total"`
	MoreAvailable   bool          `json:"moreAvailable"`
	Sessions        []sessionItem `json:"sessions"`
	InvalidSessions []string      `json:"invalidSessions,omitempty"`
}

type sessionItem struct {
	SessionID       string      `json:"sessionId"`
	BotID           string      `json:"botId"`
	Channel         string      `json:"channel"`
	UserID          string      `json:"userId"`
	StartTime       string      `json:"start_time"`
	EndTime         string      `json:"end_time,omitempty"`
	SessionStatus   string      `json:"sessionStatus"`
	Tags            sessionTags `json:"tags"`
	ContainmentType string      `json:"containmentType"`
}

type sessionTags struct {
	UserTags    []string `json:"userTags"`
	SessionTags []string `json:"sessionTags"`
}

// The two values of sessionStatus (vendor docs).
const (
	sessionActive = "active"
	sessionClosed = "closed"
)

// sessionChannels are the lists' names of the channels (vendor docs).
var sessionChannels = map[string]string{ChannelVoice: "korevg", ChannelChat: "rtm"}

// allContained is the containmentType of every session.
const allContained = "selfService"

// serveSessions responds to an admitted call of the session list, or returns why it refuses it.
func (s *Simulator) serveSessions(w http.ResponseWriter, r *http.Request, botID string, call *Call, now time.Time) *refusal {
	filter, ok := readSessionFilter(r, now)
	if !ok {
		return invalidArguments()
	}
	if outage := s.listOutage(KindSessions); outage != nil {
		s.ledger.accept(call, outage.Kind, func(*Call) {})
		s.serveFault(w, r, *outage, func(http.ResponseWriter) {})
		return nil
	}
	list := s.listSessions(botID, filter, now)
	body := encode(list)
	s.ledger.accept(call, None, func(c *Call) {
		if filter.ids == nil {
			c.List = &ListCall{From: filter.from, To: filter.to, Skip: filter.skip, Rows: len(list.Sessions)}
		}
		for _, id := range filter.ids {
			c.SessionIDs = append(c.SessionIDs, clip(id))
		}
	})
	writeBody(w, http.StatusOK, jsonType, body)
	return nil
}

func (s *Simulator) listSessions(botID string, filter sessionFilter, now time.Time) sessionsResponse {
	s.mu.Lock()
	defer s.mu.Unlock()
	if filter.ids != nil {
		return s.namedSessions(botID, filter.ids, now)
	}
	var found []*sessionState
	if filter.containmentType == "" || filter.containmentType == allContained {
		found = s.lists[KindSessions].rows(s.byTime[botID].between(filter.from, filter.to), now)
		slices.Reverse(found)
	}
	first := min(filter.skip, len(found))
	last := min(first+filter.limit, len(found))
	return sessionsResponse{Total: max(0, len(found)+s.lists[KindSessions].TotalOff), MoreAvailable: last < len(found), Sessions: sessionItems(found[first:last], now)}
}

// namedSessions returns those of the ids that exist, each once. The caller holds s.mu.
func (s *Simulator) namedSessions(botID string, ids []string, now time.Time) sessionsResponse {
	var found []*sessionState
	var invalid []string
	for i, id := range ids {
		st := s.sessions[sessionKey{botID, id}]
		switch {
		case slices.Contains(ids[:i], id):
		case st == nil:
			invalid = append(invalid, id)
		default:
			found = append(found, st)
		}
	}
	newestFirst(found)
	return sessionsResponse{Total: len(found), Sessions: sessionItems(found, now), InvalidSessions: invalid}
}

// newestFirst sorts by the time in the id.
func newestFirst(found []*sessionState) {
	slices.SortFunc(found, func(a, b *sessionState) int { return strings.Compare(b.SessionID, a.SessionID) })
}

// sessionItems tells of the sessions. The caller holds the simulator's mutex.
func sessionItems(found []*sessionState, now time.Time) []sessionItem {
	items := make([]sessionItem, 0, len(found))
	for _, st := range found {
		item := sessionItem{
			SessionID: st.SessionID, BotID: st.BotID, Channel: sessionChannels[st.Channel], UserID: st.UserID, StartTime: jsTime(st.begin),
			SessionStatus: sessionActive, Tags: sessionTags{[]string{}, []string{}}, ContainmentType: allContained,
		}
		if end := st.end(now); !end.IsZero() {
			item.SessionStatus, item.EndTime = sessionClosed, jsTime(end)
		}
		items = append(items, item)
	}
	return items
}

// jsTime formats a time as the platform's JavaScript does.
func jsTime(at time.Time) string { return at.UTC().Format("2006-01-02T15:04:05.000Z") }
