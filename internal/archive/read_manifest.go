package archive

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"github.com/callvault/callvault/workflows"
)

// ReadManifest returns the manifest of a session and its ETag, which
// [Store.WriteManifest] takes; nil and "" if there is none. It returns [ErrBlocked]
// if what is stored there is not a valid manifest of the session.
func (s *Store) ReadManifest(ctx context.Context, session workflows.Session) (manifest *Manifest, etag string, err error) {
	stored, err := s.ReadStoredManifest(ctx, session)
	if stored == nil {
		return nil, "", err
	}
	return stored.Manifest, stored.etag, err
}

// StoredManifest is a manifest with the object that it was read from.
type StoredManifest struct {
	*Manifest
	Key    string
	Bytes  int64
	SHA256 string // of the object, in hexadecimal
	etag   string
}

// ReadStoredManifest is [Store.ReadManifest] for somebody who has to prove which manifest
// was read; it returns nil if there is none.
func (s *Store) ReadStoredManifest(ctx context.Context, session workflows.Session) (*StoredManifest, error) {
	key, err := s.ManifestKey(session)
	if err != nil {
		return nil, err
	}
	body, info, err := s.readAtMost(ctx, key, maxManifestBytes)
	if err != nil || body == nil {
		return nil, err
	}
	manifest, err := decodeManifest(body, session)
	if err != nil {
		return nil, fmt.Errorf("%w: the manifest s3://%s/%s is %w: %w; move it away to have the session fetched again", ErrBlocked, s.bucket, key, ErrInvalidManifest, err)
	}
	manifest.retainedUntil = retainedUntil(info.Metadata)
	sum := sha256.Sum256(body)
	return &StoredManifest{Manifest: manifest, Key: key, Bytes: int64(len(body)), SHA256: hex.EncodeToString(sum[:]), etag: info.ETag}, nil
}
