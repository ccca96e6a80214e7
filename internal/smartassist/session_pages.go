package smartassist

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/callvault/callvault/internal/failure"
)

// MaxSessionRange is the longest time that one call of getSessions may ask for (vendor docs).
const MaxSessionRange = 7 * 24 * time.Hour

// sessionTime is the form of the request's times.
const sessionTime = "2006-01-02T15:04:05.000Z"

// SessionsQuery asks for one page of getSessions.
type SessionsQuery struct {
	// BotID is the bot's stream id. Required.
	BotID string

	// From and To bound the begin of the sessions, in milliseconds, at most 7 days apart (vendor docs). Required.
	From, To time.Time

	// Skip is how many sessions, newest first, are left out.
	Skip int
}

// SessionsPage is one page of getSessions.
type SessionsPage struct {
	// Rows are at most [PageRows], newest first, of all channels, those without a usable id included.
	Rows []ListedSession

	// Total is how many sessions the vendor says there are from From to To; -1 if it does not say.
	Total int

	// MoreAvailable is whether the vendor says that more follow.
	MoreAvailable bool
}

// SessionsBetween requests one page of the sessions of a time, as documented on the vendor's page "Sessions History"; its scope
// is Bot Sessions, its budget one of its own. Every error is an *[Error]; a query out of bounds is rejected without a call.
func (c *Client) SessionsBetween(ctx context.Context, token string, query SessionsQuery) (*SessionsPage, error) {
	if query.Skip < 0 || query.To.Before(query.From) || query.To.Sub(query.From) > MaxSessionRange {
		return nil, &Error{Kind: failure.Rejected, Text: fmt.Sprintf("the sessions from %s to %s cannot be asked for from number %d on: ask for at most 7 days",
			query.From.Format(time.RFC3339), query.To.Format(time.RFC3339), query.Skip)}
	}
	body, _ := json.Marshal(map[string]any{ // texts and numbers always encode
		"skip": query.Skip, "limit": PageRows, "dateFrom": query.From.UTC().Format(sessionTime), "dateTo": query.To.UTC().Format(sessionTime),
	})
	made := call{endpoint: sessionPages, token: token, botID: query.BotID, body: body}
	var page *SessionsPage
	err := c.sendForList(ctx, made, func(body []byte) (err error) {
		page, err = parseSessionPage(body, time.Now())
		return err
	})
	if err != nil {
		return nil, err
	}
	return page, nil
}

// parseSessionPage is strict about what makes a page, and tolerant of its rows.
func parseSessionPage(body []byte, now time.Time) (*SessionsPage, error) {
	var raw struct {
		Total         json.RawMessage    `json:"total"`
		MoreAvailable json.RawMessage    `json:"moreAvailable"`
		Sessions      *[]json.RawMessage `json:"sessions"`
	}
	if err := decodeObject(body, &raw); err != nil {
		return nil, err
	}
	switch {
	case raw.Sessions == nil:
		return nil, errors.New("it has no list of sessions")
	case len(*raw.Sessions) > PageRows:
		return nil, fmt.Errorf("it lists %d sessions, more than the %d that were asked for", len(*raw.Sessions), PageRows)
	}
	page := &SessionsPage{Total: countOf(raw.Total), MoreAvailable: isYes(raw.MoreAvailable)}
	for _, row := range *raw.Sessions {
		page.Rows = append(page.Rows, parseSessionRow(row, now))
	}
	return page, nil
}

func parseSessionRow(raw json.RawMessage, now time.Time) ListedSession {
	var fields struct {
		SessionID     json.RawMessage `json:"sessionId"`
		Channel       json.RawMessage `json:"channel"`
		UserID        json.RawMessage `json:"userId"`
		StartTime     json.RawMessage `json:"start_time"`
		EndTime       json.RawMessage `json:"end_time"`
		SessionStatus json.RawMessage `json:"sessionStatus"`
	}
	_ = json.Unmarshal(raw, &fields) // a row that is no object has no id
	row := listedSession(raw, fields.SessionID, nil, fields.UserID)
	if !row.IsUsable() {
		return row
	}
	row.StartedAt = listTime(fields.StartTime)
	row.Voice = strings.EqualFold(textOf(fields.Channel), "korevg") // the voice gateway (vendor docs)
	if strings.EqualFold(textOf(fields.SessionStatus), "closed") {
		row.closeAt(listTime(fields.EndTime), now)
	}
	return row
}
