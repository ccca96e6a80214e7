package activities

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"

	"github.com/callvault/callvault/internal/failure"
	"github.com/callvault/callvault/internal/smartassist"
	"github.com/callvault/callvault/workflows"
	"github.com/callvault/callvault/workflows/fetchrecording"
)

const (
	transcriptVersion = 1

	// maxTranscriptPages and maxTranscriptBytes bound the messages of a call: one of an hour has
	// some hundreds.
	maxTranscriptPages = 10
	maxTranscriptBytes = 16 << 20
)

// transcript is the object transcript.json.
type transcript struct {
	Version int `json:"version"`
	workflows.Session

	// Messages are as they came, oldest first.
	Messages []json.RawMessage `json:"messages"`
}

// transcript fetches the messages of the call.
func (f *attachmentFetch) transcript(ctx context.Context, result *fetchrecording.FetchAttachmentsResult) error {
	store := f.account.Store
	if f.again {
		key, err := store.TranscriptKey(f.input.Session)
		if err != nil {
			return err
		}
		found, err := store.FindAttachment(ctx, workflows.AttachmentTranscript, key)
		if found != nil {
			f.keep(result, found)
		}
		if found != nil || err != nil {
			return err
		}
	}
	messages, reason, err := f.messages(ctx)
	if err != nil {
		return err
	}
	if reason != "" {
		f.leaveOut(result, reason)
		return nil
	}
	content, err := encodeTranscript(transcript{transcriptVersion, f.input.Session, messages})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, proofTimeout)
	defer cancel()
	stored, err := store.PutTranscript(ctx, f.input.Session, content)
	if err == nil {
		f.keep(result, stored)
	}
	return err
}

// messages asks for one page after the other. reason says why the messages cannot be kept,
// although the vendor has answered.
func (f *attachmentFetch) messages(ctx context.Context) (messages []json.RawMessage, reason string, err error) {
	size, foreign := 0, 0
	known := make(map[string]bool)
	for page := 0; ; page++ {
		var got *smartassist.MessagePage
		err := f.call(ctx, f.account.MessageHistory(), func(token string) (err error) {
			got, err = f.account.Client.Messages(ctx, token, f.input.Session, len(messages)+foreign)
			return err
		})
		if err != nil {
			return nil, "", err
		}
		foreign += got.Foreign
		for _, message := range got.Messages {
			if message.ID != "" && known[message.ID] {
				return nil, "the vendor sends the same messages on every page", nil
			}
			known[message.ID] = true
			size += len(message.Raw)
			messages = append(messages, message.Raw)
		}
		switch {
		case size > maxTranscriptBytes:
			return nil, fmt.Sprintf("the messages have more than %d bytes", maxTranscriptBytes), nil
		case got.More && len(got.Messages)+got.Foreign == 0:
			return nil, "", failure.New(failure.Transient, "the upstream has more messages, and sends none")
		case got.More && page+1 == maxTranscriptPages:
			return nil, fmt.Sprintf("the call has more than %d pages of messages", maxTranscriptPages), nil
		case got.More:
		case len(messages) == 0 && foreign > 0:
			return nil, "the vendor sends the messages of other sessions", nil
		case len(messages) == 0:
			return nil, "the vendor has no messages of the call", nil
		default:
			return messages, "", nil
		}
	}
}

// encodeTranscript keeps the messages as they came, but for the space between their parts.
func encodeTranscript(t transcript) ([]byte, error) {
	var content bytes.Buffer
	encoder := json.NewEncoder(&content)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(t); err != nil {
		return nil, failure.New(failure.Transient, "the messages are not JSON")
	}
	return content.Bytes(), nil
}
