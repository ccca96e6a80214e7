package smartassist

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/callvault/callvault/internal/failure"
	"github.com/callvault/callvault/workflows"
)

// The limits of interactionDetails (vendor docs).
const (
	// MaxInteractionPage is the last page of a window: offset counts pages.
	MaxInteractionPage = 10

	// MaxInteractionRows is how many rows of a window can be had. One that has as many may have more.
	MaxInteractionRows = (MaxInteractionPage + 1) * PageRows

	// MaxInteractionRange is the longest window.
	MaxInteractionRange = 7 * 24 * time.Hour
)

// The directions of interactionDetails's filter (vendor docs). Sessions that ended at the bot have none.
const (
	Inbound  = "Inbound"
	Outbound = "Outbound"
)

// interactionTime is the form of the request's times, without a zone.
const interactionTime = "2006-01-02 15:04:05"

// InteractionQuery asks for one page of interactionDetails.
type InteractionQuery struct {
	// AccountID is the account's at the vendor, and BotID the bot's stream id. Required.
	AccountID, BotID string

	// From and To bound the begin of the sessions, in whole seconds, at most 7 days apart (vendor docs). Whether To is
	// included is not documented. Required.
	From, To time.Time

	// Direction is [Inbound] or [Outbound]. Defaults to all sessions, those without a direction too.
	Direction string

	// Page is 0 to [MaxInteractionPage].
	Page int
}

// InteractionPage is one page of interactionDetails.
type InteractionPage struct {
	// Rows are at most [PageRows], in an order that is not documented, those without a usable id included.
	Rows []ListedSession

	// Results is numResults, of which the vendor does not say whether it counts the rows of the page or those of the
	// window; -1 if there is none.
	Results int
}

// Interactions requests one page of the sessions of a time, as documented on the vendor's page "Get All Conversations Data –
// Call Details" (version 2); its scope is SmartAssist Analytics, its budget one of its own. Only voice is asked for. Every
// error is an *[Error]; a query out of bounds is rejected without a call.
func (c *Client) Interactions(ctx context.Context, token string, query InteractionQuery) (*InteractionPage, error) {
	if query.AccountID == "" || query.Page < 0 || query.Page > MaxInteractionPage || query.To.Before(query.From) || query.To.Sub(query.From) > MaxInteractionRange {
		return nil, &Error{Kind: failure.Rejected, Text: fmt.Sprintf("page %d of the interactions from %s to %s cannot be asked for: name the account, page 0 to %d and at most 7 days",
			query.Page, query.From.Format(time.RFC3339), query.To.Format(time.RFC3339), MaxInteractionPage)}
	}
	fields := map[string]any{
		"startDate": query.From.UTC().Format(interactionTime), "endDate": query.To.UTC().Format(interactionTime),
		"timeZoneOffset": 0, "channels": []string{"voice"},
	}
	if query.Direction != "" {
		fields["direction"] = query.Direction
	}
	body, _ := json.Marshal(fields) // texts and a number always encode
	made := call{endpoint: interactionDetails, token: token, botID: query.BotID, accountID: query.AccountID, body: body,
		query: url.Values{"offset": {strconv.Itoa(query.Page)}, "limit": {strconv.Itoa(PageRows)}}}
	var page *InteractionPage
	err := c.sendForList(ctx, made, func(body []byte) (err error) {
		page, err = parseInteractions(body, query.BotID, time.Now())
		return err
	})
	if err != nil {
		return nil, err
	}
	return page, nil
}

// sendForList makes a call that names no session. That the API has nothing at this address, or refuses it, concerns the
// installation then.
func (c *Client) sendForList(ctx context.Context, made call, parse func(body []byte) error) error {
	nothing, err := c.send(ctx, made, parse)
	if nothing == nil {
		return err
	}
	return &Error{Kind: failure.Blocked, Status: nothing.status, Text: nothing.said + ": " + nothing.installationRemedy()}
}

// parseInteractions is strict about what makes a page, and tolerant of its rows. No rows at all are an empty list, or no list
// and 0 as their number.
func parseInteractions(body []byte, botID string, now time.Time) (*InteractionPage, error) {
	var raw struct {
		NumResults json.RawMessage    `json:"numResults"`
		Data       *[]json.RawMessage `json:"data"`
	}
	if err := decodeObject(body, &raw); err != nil {
		return nil, err
	}
	page := &InteractionPage{Results: countOf(raw.NumResults)}
	switch {
	case raw.Data == nil && page.Results == 0:
		return page, nil
	case raw.Data == nil:
		return nil, errors.New("it has no list of interactions")
	case len(*raw.Data) > PageRows:
		return nil, fmt.Errorf("it lists %d interactions, more than the %d that were asked for", len(*raw.Data), PageRows)
	}
	for _, row := range *raw.Data {
		page.Rows = append(page.Rows, parseInteraction(row, botID, now))
	}
	return page, nil
}

// countOf returns a number of rows; -1 if it is none.
func countOf(raw json.RawMessage) int {
	n, err := strconv.Atoi(string(raw))
	if err != nil || n < 0 {
		return -1
	}
	return n
}

// finalStatuses are those that end a session (vendor docs).
var finalStatuses = []string{"closed", "botresolved", "terminated"}

func parseInteraction(raw json.RawMessage, botID string, now time.Time) ListedSession {
	var fields struct {
		SessionID        json.RawMessage `json:"sessionId"`
		ConversationID   json.RawMessage `json:"conversationId"`
		Channel          json.RawMessage `json:"channel"`
		Direction        json.RawMessage `json:"direction"` // the vendor writes "Direction"
		IsVoicemail      json.RawMessage `json:"isVoicemail"`
		SessionStartTime json.RawMessage `json:"sessionStartTime"`
		SessionEndTime   json.RawMessage `json:"sessionEndTime"`
		UserID           json.RawMessage `json:"userId"`
		FinalStatus      json.RawMessage `json:"finalStatus"`
		BotID            json.RawMessage `json:"botId"`
	}
	_ = json.Unmarshal(raw, &fields) // a row that is no object has no id
	if other := textOf(fields.BotID); other != botID && workflows.ValidateBotID(other) == nil {
		return ListedSession{Identity: identity(raw), OtherBot: true}
	}
	row := listedSession(raw, fields.SessionID, fields.ConversationID, fields.UserID)
	if !row.IsUsable() {
		return row
	}
	row.StartedAt = listTime(fields.SessionStartTime)
	row.Voice = strings.EqualFold(textOf(fields.Channel), "voice")
	row.IsVoicemail = isYes(fields.IsVoicemail)
	if direction := strings.ToLower(textOf(fields.Direction)); len(direction) <= maxDirectionBytes {
		row.Direction = strings.ToValidUTF8(direction, "")
	}
	end := listTime(fields.SessionEndTime)
	if !end.IsZero() || slices.Contains(finalStatuses, strings.ToLower(textOf(fields.FinalStatus))) {
		row.closeAt(end, now)
	}
	return row
}
