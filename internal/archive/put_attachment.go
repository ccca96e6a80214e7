package archive

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"slices"

	"github.com/minio/minio-go/v7"

	"github.com/callvault/callvault/workflows"
)

// PutAttachment stores what belongs to a call, as [Store.Put] does, and returns what the
// archive has then. An object that is there already is kept: it is whole, and its name
// follows from what it is.
func (s *Store) PutAttachment(ctx context.Context, kind workflows.AttachmentKind, u Upload) (*Attachment, error) {
	u.isAttachment = true
	object, err := s.Put(ctx, u)
	if errors.Is(err, ErrConflict) {
		if found, err := s.FindAttachment(ctx, kind, u.Key); found != nil || err != nil {
			return found, err
		}
	}
	if err != nil {
		return nil, err
	}
	if !object.Verified {
		if err := s.Verify(ctx, u.Key, object); err != nil {
			return nil, err
		}
	}
	return &Attachment{Kind: kind, Key: u.Key, Bytes: object.Bytes, SHA256: object.SHA256, ContentType: u.ContentType}, nil
}

// PutTranscript is [Store.PutAttachment] for the messages of a session's call.
func (s *Store) PutTranscript(ctx context.Context, session workflows.Session, content []byte) (*Attachment, error) {
	key, err := s.TranscriptKey(session)
	if err != nil {
		return nil, err
	}
	return s.PutAttachment(ctx, workflows.AttachmentTranscript, Upload{
		Key: key, Source: &hashed{bytes.NewReader(content), sha256.New()}, Length: int64(len(content)), ContentType: contentTypeJSON, Session: session,
	})
}

// TranscriptKey returns the key of a session's messages.
func (s *Store) TranscriptKey(session workflows.Session) (string, error) {
	folder, err := s.Folder(session)
	return folder + TranscriptName, err
}

// FindAttachment reads the object key to its end, and returns what it is; nil if there is
// none.
func (s *Store) FindAttachment(ctx context.Context, kind workflows.AttachmentKind, key string) (*Attachment, error) {
	object, info, _, err := minio.Core{Client: s.client}.GetObject(ctx, s.bucket, key, minio.GetObjectOptions{})
	if isNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, s.storeError("read", key, err)
	}
	defer object.Close()
	hash := sha256.New()
	n, err := io.Copy(hash, object)
	if err != nil {
		return nil, s.storeError("read", key, err)
	}
	return &Attachment{Kind: kind, Key: key, Bytes: n, SHA256: hex.EncodeToString(hash.Sum(nil)), ContentType: info.ContentType}, nil
}

// keepAttachments adds the attachments of the manifest that m replaces: what was archived
// stays in the proof, although the vendor does not have it any more, or the account does not
// keep it. What was said of the call stays as it was: nothing replaces it.
func (m *Manifest) keepAttachments(previous *Manifest) {
	if previous == nil {
		return
	}
	kept := slices.Clone(m.Attachments)
	for _, earlier := range previous.Attachments {
		i := slices.IndexFunc(kept, func(a Attachment) bool { return a.Key == earlier.Key })
		switch {
		case i < 0:
			kept = append(kept, earlier)
		case earlier.Kind == workflows.AttachmentCall:
			kept[i] = earlier
		}
	}
	m.Attachments = kept
}
