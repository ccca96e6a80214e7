package archive

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/minio/minio-go/v7"

	"github.com/callvault/callvault/workflows"
)

// ReadManifest returns the manifest of a session, or nil if there is none.
func (s *Store) ReadManifest(ctx context.Context, session workflows.Session) (*Manifest, error) {
	key, err := s.ManifestKey(session)
	if err != nil {
		return nil, err
	}
	object, err := s.client.GetObject(ctx, s.bucket, key, minio.GetObjectOptions{})
	if err != nil {
		return nil, s.storeError("read", key, err)
	}
	defer object.Close()
	body, err := io.ReadAll(io.LimitReader(object, maxManifestBytes+1))
	switch {
	case err != nil && isNotFound(err):
		return nil, nil
	case err != nil:
		return nil, s.storeError("read", key, err)
	}
	manifest, err := decodeManifest(body, session)
	if err != nil {
		return nil, fmt.Errorf("%w: the manifest s3://%s/%s is not valid: %w; move it away to have the session fetched again", ErrBlocked, s.bucket, key, err)
	}
	return manifest, nil
}

// WriteManifest writes the manifest of its session, unless there is one
// already, and returns the one that is stored.
func (s *Store) WriteManifest(ctx context.Context, manifest *Manifest) (*Manifest, error) {
	key, err := s.ManifestKey(manifest.Session)
	if err != nil {
		return nil, err
	}
	body, err := manifest.encode()
	if err != nil {
		return nil, err
	}
	options := minio.PutObjectOptions{ContentType: "application/json", Checksum: minio.ChecksumSHA256, DisableContentSha256: true}
	options.SetMatchETagExcept("*")
	_, err = s.client.PutObject(ctx, s.bucket, key, bytes.NewReader(body), int64(len(body)), options)
	if err == nil {
		return manifest, nil
	}
	if err := s.storeError("write", key, err); !errors.Is(err, ErrConflict) {
		return nil, err
	}
	present, err := s.ReadManifest(ctx, manifest.Session)
	switch {
	case err != nil:
		return nil, err
	case present == nil:
		return nil, fmt.Errorf("write s3://%s/%s: %w", s.bucket, key, ErrConflict)
	}
	return present, s.verifyAll(ctx, key, present)
}

// verifyAll checks that the objects are those of the manifest: a concurrent
// fetch of the same session may have overwritten one.
func (s *Store) verifyAll(ctx context.Context, manifestKey string, manifest *Manifest) error {
	for _, file := range manifest.Files {
		err := s.Verify(ctx, file.Key, Object{Bytes: file.Bytes, SHA256: file.SHA256})
		switch {
		case errors.Is(err, ErrMismatch):
			return fmt.Errorf("%w: another fetch wrote s3://%s/%s, but %w: restore the object, or move the manifest away to have the session fetched again", ErrBlocked, s.bucket, manifestKey, err)
		case err != nil:
			return err
		}
	}
	return nil
}
