package smartassist

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/callvault/callvault/internal/failure"
	"github.com/callvault/callvault/workflows"
)

const (
	// MaxMessages is how many messages a page has at most (vendor docs).
	MaxMessages = 10_000

	// MaxMessageBytes bounds a page; a message has about 1 kB.
	MaxMessageBytes = 8 << 20

	// messageRange is the range that is asked for: it has to be shorter than 7 days (vendor
	// docs), and no call is that long.
	messageRange = 7*24*time.Hour - time.Minute

	// messageTime is the form of the request's times, in UTC (vendor docs).
	messageTime = "2006-01-02T15:04:05.000Z"
)

// MessagePage is a page of the messages of a call. It is personal data.
type MessagePage struct {
	// Messages are as they came, oldest first. Those of other sessions, which were not asked
	// for, are left out, and counted in Foreign.
	Messages []Message
	Foreign  int

	// More reports whether the API says that there are more.
	More bool
}

// Message is one message.
type Message struct {
	// ID tells messages apart; empty if the API sends none.
	ID string
	// Raw is the message as it came.
	Raw json.RawMessage
}

// Messages requests a page of the messages of one session, leaving out the first skip ones,
// as documented on the vendor's page "Conversation History" (version 2, POST); its scope is
// Chat History, its budget another one than that of recordings. The page says "sessions to be
// skipped"; that of one session these are taken for messages. Every error is an *[Error]: that
// the API has nothing of the session is an empty page.
func (c *Client) Messages(ctx context.Context, token string, session workflows.Session, skip int) (*MessagePage, error) {
	began, err := session.CallTime()
	if err != nil {
		return nil, &Error{Kind: failure.Rejected, Text: err.Error()}
	}
	until := began.Add(messageRange)
	if now := time.Now(); now.Before(until) {
		until = now
	}
	// A channelType is not sent: without it, POST does not narrow the result to a channel.
	body, _ := json.Marshal(map[string]any{ // texts and numbers always encode
		"sessionId": []string{session.SessionID}, "skip": skip, "limit": MaxMessages, "forward": "true",
		"dateFrom": began.UTC().Format(messageTime), "dateTo": until.UTC().Format(messageTime),
	})
	made := call{endpoint: conversationHistory, token: token, botID: session.BotID, sessionIDs: []string{session.SessionID}, body: body}
	var page *MessagePage
	nothing, err := c.send(ctx, made, func(body []byte) (err error) {
		page, err = parseMessages(body, session.SessionID)
		return err
	})
	switch {
	case err != nil:
		return nil, err
	case nothing != nil:
		return new(MessagePage), nil
	}
	return page, nil
}

func parseMessages(body []byte, sessionID string) (*MessagePage, error) {
	var raw struct {
		MoreAvailable bool               `json:"moreAvailable"`
		Messages      *[]json.RawMessage `json:"messages"`
	}
	if err := decodeObject(body, &raw); err != nil {
		return nil, err
	}
	if raw.Messages == nil {
		return nil, errors.New("it has no list of messages")
	}
	if len(*raw.Messages) > MaxMessages {
		return nil, fmt.Errorf("it has %d messages, more than the %d that were asked for", len(*raw.Messages), MaxMessages)
	}
	page := &MessagePage{More: raw.MoreAvailable}
	for _, one := range *raw.Messages {
		var message struct {
			ID        json.RawMessage `json:"_id"`
			SessionID json.RawMessage `json:"sessionId"`
		}
		if json.Unmarshal(one, &message) != nil {
			return nil, errors.New("one of its messages is not an object")
		}
		if of := textOf(message.SessionID); of != "" && of != sessionID {
			page.Foreign++
			continue
		}
		page.Messages = append(page.Messages, Message{ID: textOf(message.ID), Raw: one})
	}
	return page, nil
}
