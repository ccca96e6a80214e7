package simulator

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"time"
)

// interactionsResponse is the body of a normal response (vendor docs).
type interactionsResponse struct {
	NumResults int               `json:"numResults"`
	Data       []interactionItem `json:"data"`
}

// interactionItem has the keys of the vendor's sample that tell of a call. Sessions without a direction have ended at the bot,
// and have fewer keys.
type interactionItem struct {
	ConversationID        string                   `json:"conversationId,omitempty"`
	SessionID             string                   `json:"sessionId"`
	Channel               string                   `json:"channel"`
	IsVoicemail           string                   `json:"isVoicemail,omitempty"`
	Direction             string                   `json:"Direction,omitempty"`
	FinalStatus           string                   `json:"finalStatus,omitempty"`
	SmartStatus           string                   `json:"smartStatus,omitempty"`
	DisconnectingEvent    string                   `json:"disconnectingEvent"`
	BotID                 string                   `json:"botId"`
	Dispositions          []string                 `json:"dispositions,omitempty"`
	SessionStartTime      string                   `json:"sessionStartTime"`
	SessionEndTime        string                   `json:"sessionEndTime,omitempty"`
	ChannelSpecificUserID string                   `json:"channelSpecificUserId"`
	UserID                string                   `json:"userId"`
	Destinations          []interactionDestination `json:"destinations,omitempty"`
}

type interactionDestination struct {
	DestinationType string            `json:"destinationType"`
	QueueID         string            `json:"queueId"`
	QueueName       string            `json:"queueName"`
	EnterTime       string            `json:"EnterTime"`
	RespondingAgent *interactionAgent `json:"respondingAgent,omitempty"`
}

type interactionAgent struct {
	AgentID         string `json:"agentId"`
	DestinationType string `json:"destinationType"`
	Status          string `json:"status"`
	Email           string `json:"email"`
	Name            string `json:"name"`
}

// interactionChannels are the list's names of the channels (vendor docs).
var interactionChannels = map[string]string{ChannelVoice: "Voice", ChannelChat: "Web/Mobile Client"}

// serveInteractions responds to an admitted call of the interactions, or returns why it refuses it.
func (s *Simulator) serveInteractions(w http.ResponseWriter, r *http.Request, botID string, call *Call, now time.Time) *refusal {
	filter, ok := readInteractionFilter(r)
	if !ok {
		return invalidArguments()
	}
	if outage := s.listOutage(KindInteractions); outage != nil {
		s.ledger.accept(call, outage.Kind, func(*Call) {})
		s.serveFault(w, r, *outage, func(http.ResponseWriter) {})
		return nil
	}
	list := s.listInteractions(botID, filter, now)
	body := encode(list)
	s.ledger.accept(call, None, func(c *Call) {
		c.List = &ListCall{From: filter.from, To: filter.to, Page: filter.page, Direction: filter.direction, Rows: len(list.Data)}
	})
	writeBody(w, http.StatusOK, jsonType, body)
	return nil
}

func (s *Simulator) listInteractions(botID string, filter interactionFilter, now time.Time) interactionsResponse {
	s.mu.Lock()
	defer s.mu.Unlock()
	to := filter.to
	if s.config.InteractionEndExcluded {
		to = to.Add(-1)
	}
	selected := make([]*sessionState, 0, maxInteractionLimit)
	for _, st := range s.byTime[botID].between(filter.from, to) {
		if filter.selects(st) {
			selected = append(selected, st)
		}
	}
	rows := conversations(s.lists[KindInteractions].rows(selected, now))
	// No order is documented, so a client must not rely on any.
	slices.SortStableFunc(rows, func(a, b conversation) int { return cmp.Compare(a.rank, b.rank) })
	first := min(filter.page*filter.limit, len(rows))
	page := rows[first:min(first+filter.limit, len(rows))]
	response := interactionsResponse{NumResults: len(page), Data: make([]interactionItem, 0, len(page))}
	if s.config.InteractionTotals {
		response.NumResults = max(0, len(rows)+s.lists[KindInteractions].TotalOff)
	}
	for _, row := range page {
		response.Data = append(response.Data, row.item(filter.offset, now))
	}
	return response
}

// conversation is one row of a session.
type conversation struct {
	*sessionState
	number int
}

func conversations(sessions []*sessionState) []conversation {
	rows := make([]conversation, 0, len(sessions))
	for _, st := range sessions {
		for number := range st.Conversations {
			rows = append(rows, conversation{st, number})
		}
	}
	return rows
}

// item tells of the conversation, in the zone of the request. The caller holds the simulator's mutex.
func (c conversation) item(offset time.Duration, now time.Time) interactionItem {
	local := func(at time.Time) string { return at.Add(-offset).Format("2006-01-02T15:04:05") }
	item := interactionItem{
		SessionID: c.SessionID, Channel: interactionChannels[c.Channel], BotID: c.BotID, SessionStartTime: local(c.begin),
		ChannelSpecificUserID: c.UserID, UserID: c.UserID,
	}
	end := c.end(now)
	if !end.IsZero() {
		item.SessionEndTime = local(end)
	}
	if c.Direction == NoDirection {
		if !end.IsZero() {
			item.FinalStatus, item.SmartStatus = "BotResolved", "CLOSED AT BOT"
		}
		return item
	}
	item.ConversationID = fmt.Sprintf("c-%s-%d", c.SessionID, c.number)
	item.Direction, item.IsVoicemail = c.Direction, "NO"
	if c.Voicemail {
		item.IsVoicemail = "YES"
	}
	if !end.IsZero() {
		item.FinalStatus, item.SmartStatus, item.DisconnectingEvent, item.Dispositions = "CLOSED", "CLOSED", "Agent Hangup", []string{"Resolved"}
	}
	item.Destinations = []interactionDestination{{
		DestinationType: "QueueEntry", QueueID: "qu-5a3bf7c1-0000-4000-8000-000000000001", QueueName: "Default Queue", EnterTime: local(c.begin),
		RespondingAgent: &interactionAgent{
			AgentID: "u-5a3bf7c1-0000-4000-8000-000000000002", DestinationType: "AgentSegment", Status: "Answered",
			Email: "agent@example.com", Name: "Agent Example",
		},
	}}
	return item
}
