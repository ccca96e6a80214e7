package archive

import (
	"context"
	"fmt"
	"io"

	"github.com/minio/minio-go/v7"

	"github.com/callvault/callvault/workflows"
)

// ReadManifest returns the manifest of a session and its ETag, which
// [Store.WriteManifest] takes; nil and "" if there is none. It returns [ErrBlocked]
// if what is stored there is not a valid manifest of the session.
func (s *Store) ReadManifest(ctx context.Context, session workflows.Session) (manifest *Manifest, etag string, err error) {
	key, err := s.ManifestKey(session)
	if err != nil {
		return nil, "", err
	}
	object, info, _, err := minio.Core{Client: s.client}.GetObject(ctx, s.bucket, key, minio.GetObjectOptions{})
	if isNotFound(err) {
		return nil, "", nil
	}
	if err != nil {
		return nil, "", s.storeError("read", key, err)
	}
	defer object.Close()
	body, err := io.ReadAll(io.LimitReader(object, maxManifestBytes+1))
	if err != nil {
		return nil, "", s.storeError("read", key, err)
	}
	manifest, err = decodeManifest(body, session)
	if err != nil {
		return nil, "", fmt.Errorf("%w: the manifest s3://%s/%s is %w: %w; move it away to have the session fetched again", ErrBlocked, s.bucket, key, ErrInvalidManifest, err)
	}
	manifest.retainedUntil = retainedUntil(info.Metadata)
	return manifest, info.ETag, nil
}
