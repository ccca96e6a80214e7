package archive

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/callvault/callvault/internal/failure"
	"github.com/callvault/callvault/workflows"
)

const (
	callVersion = 1

	// maxCallBytes bounds what is said of a call; a row of a list has about 1 kB.
	maxCallBytes = 1 << 20

	// maxCallLength is the longest length of a call that is believed.
	maxCallLength = 7 * 24 * time.Hour
)

// ErrInvalidCall means that an object call.json is not what [Store.WriteCall] writes, or
// that a call cannot be written so.
var ErrInvalidCall = failure.New(failure.Rejected, "what is said of the call is not valid")

// Call is what the vendor's lists say of a call. It is personal data: it is an object of
// its own, without a lock, which can be erased while the manifest still holds.
type Call struct {
	Version int `json:"version"`
	workflows.Session

	// Lists are the rows as they came.
	Lists CallLists `json:"lists"`

	// StartedAt and EndedAt are when the call began and ended, in UTC. Zero if no list says so.
	StartedAt time.Time `json:"startedAt,omitzero"`
	EndedAt   time.Time `json:"endedAt,omitzero"`
}

// CallLists are the rows of the vendor's lists that are about a call, each one JSON value;
// nil if that list does not have the call.
type CallLists struct {
	GetSessions        json.RawMessage `json:"getSessions,omitempty"`
	InteractionDetails json.RawMessage `json:"interactionDetails,omitempty"`
}

// Length returns how long the call lasted; 0 if that is not known.
func (c *Call) Length() time.Duration {
	length := c.EndedAt.Sub(c.StartedAt)
	if c.StartedAt.IsZero() || c.EndedAt.IsZero() || length < 0 || length > maxCallLength {
		return 0
	}
	return length
}

// StoredCall is a [Call] as it is in the archive.
type StoredCall struct {
	Call
	Attachment Attachment

	content []byte
	etag    string
}

// WriteCall writes what the vendor's lists say of a session's call, which a manifest that
// is written later refers to; the session and the version in call are set. It costs a GET
// and a PUT. A call that was written before is replaced by one that says something else.
//
// Nothing is written for a session that is archived already, or whose manifest refers to a
// call: the manifest has the hash of what was said then, and what was erased must not come
// back. It returns [ErrInvalidCall] if a row is not JSON, if the object would have more
// than 1 MiB, or if another object is in its place; the session itself can be archived then.
func (s *Store) WriteCall(ctx context.Context, session workflows.Session, call Call) error {
	call.Version, call.Session = callVersion, session
	content, err := call.encode()
	if err != nil {
		return err
	}
	if kept, err := s.manifestOfCall(ctx, session); kept || err != nil {
		return err
	}
	err = s.putCall(ctx, session, content, Present{})
	if !errors.Is(err, ErrConflict) {
		return err
	}
	before, readErr := s.ReadCall(ctx, session)
	switch {
	case readErr != nil:
		return readErr
	case before == nil:
		return err // It was erased meanwhile.
	case bytes.Equal(before.content, content):
		return nil
	}
	if err := s.putCall(ctx, session, content, Present{ETag: before.etag}); err != nil {
		return err
	}
	// A fetch may have read the one before, and have written its manifest since.
	manifest, _, err := s.ReadManifest(ctx, session)
	if err != nil || manifest == nil {
		return err
	}
	return s.KeepCall(ctx, manifest, before)
}

// manifestOfCall reports whether the session has a manifest that no other call may follow.
func (s *Store) manifestOfCall(ctx context.Context, session workflows.Session) (bool, error) {
	manifest, _, err := s.ReadManifest(ctx, session)
	if err != nil || manifest == nil {
		return false, err
	}
	return manifest.Outcome == outcomeArchived || manifest.call() != nil, nil
}

// KeepCall makes sure that the archive has the call that manifest refers to, if that is
// stored: [Store.WriteCall] may have replaced it between the time when it was read and the
// time when the manifest was written. One that was erased is not written again. stored may
// be nil.
func (s *Store) KeepCall(ctx context.Context, manifest *Manifest, stored *StoredCall) error {
	refers := manifest.call()
	if stored == nil || refers == nil || refers.SHA256 != stored.Attachment.SHA256 {
		return nil
	}
	present, err := s.Find(ctx, refers.Key)
	if err != nil || present.ETag == "" || present.ETag == stored.etag {
		return err
	}
	return s.putCall(ctx, manifest.Session, stored.content, present)
}

// call returns what m refers to; nil if nothing.
func (m *Manifest) call() *Attachment {
	for i := range m.Attachments {
		if m.Attachments[i].Kind == workflows.AttachmentCall {
			return &m.Attachments[i]
		}
	}
	return nil
}

// ReadCall returns what [Store.WriteCall] has written of a session; nil if nothing. It
// returns [ErrInvalidCall] if the object is something else.
func (s *Store) ReadCall(ctx context.Context, session workflows.Session) (*StoredCall, error) {
	key, err := s.callKey(session)
	if err != nil {
		return nil, err
	}
	content, info, err := s.readAtMost(ctx, key, maxCallBytes)
	if err != nil || content == nil {
		return nil, err
	}
	stored := &StoredCall{content: content, etag: info.ETag}
	switch err := json.Unmarshal(content, &stored.Call); {
	case len(content) > maxCallBytes, err != nil, stored.Version != callVersion, stored.Session != session:
		return nil, fmt.Errorf("%w: s3://%s/%s: move it away", ErrInvalidCall, s.bucket, key)
	}
	sum := sha256.Sum256(content)
	stored.Attachment = Attachment{
		Kind: workflows.AttachmentCall, Key: key, Bytes: int64(len(content)), SHA256: hex.EncodeToString(sum[:]), ContentType: contentTypeJSON,
	}
	return stored, nil
}

const contentTypeJSON = "application/json"

func (s *Store) callKey(session workflows.Session) (string, error) {
	folder, err := s.Folder(session)
	return folder + CallName, err
}

// encode returns the object. The rows stay as they came, but for the space between their
// parts.
func (c *Call) encode() ([]byte, error) {
	var content bytes.Buffer
	encoder := json.NewEncoder(&content)
	encoder.SetEscapeHTML(false)
	if encoder.Encode(c) != nil { // Its text has a part of the row.
		return nil, fmt.Errorf("%w: a row of session %s is not JSON", ErrInvalidCall, c.SessionID)
	}
	if content.Len() > maxCallBytes {
		return nil, fmt.Errorf("%w: it would have %d bytes for session %s, more than %d", ErrInvalidCall, content.Len(), c.SessionID, maxCallBytes)
	}
	return content.Bytes(), nil
}

// putCall writes the object where the archive has present, or none. It has neither a lock
// nor a legal hold, so that it can be erased.
func (s *Store) putCall(ctx context.Context, session workflows.Session, content []byte, present Present) error {
	key, err := s.callKey(session)
	if err != nil {
		return err
	}
	_, err = s.Put(ctx, Upload{
		Key: key, Source: &hashed{bytes.NewReader(content), sha256.New()}, Length: int64(len(content)), ContentType: contentTypeJSON,
		Replaces: present, isFile: true,
	})
	return err
}
