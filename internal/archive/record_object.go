package archive

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"time"

	"github.com/minio/minio-go/v7"

	"github.com/callvault/callvault/internal/failure"
)

// errTooLarge means that an object is larger than callvault writes it.
var errTooLarge = failure.New(failure.ArchiveBlocked, "the object is larger than any that callvault writes there: find out who wrote it, and put back what was there before")

// ReadObject returns the content of an object of at most limit bytes, and its ETag; nil and
// "" if there is none. A larger one is refused.
func (s *Store) ReadObject(ctx context.Context, key string, limit int64) (content []byte, etag string, err error) {
	content, info, err := s.readAtMost(ctx, key, limit)
	switch {
	case err != nil || content == nil:
		return nil, "", err
	case info.Size > limit:
		return nil, "", fmt.Errorf("read s3://%s/%s: %w", s.bucket, key, errTooLarge)
	case int64(len(content)) != info.Size:
		return nil, "", failure.Wrap(failure.ArchiveUnavailable, fmt.Errorf("read s3://%s/%s: the response has %d of %d bytes", s.bucket, key, len(content), info.Size))
	}
	return content, info.ETag, nil
}

// readAtMost returns the content of an object, and of a larger one the first limit+1 bytes;
// nil if there is none.
func (s *Store) readAtMost(ctx context.Context, key string, limit int64) ([]byte, minio.ObjectInfo, error) {
	object, info, _, err := minio.Core{Client: s.client}.GetObject(ctx, s.bucket, key, minio.GetObjectOptions{})
	if isNotFound(err) {
		return nil, info, nil
	}
	if err != nil {
		return nil, info, s.storeError("read", key, err)
	}
	defer object.Close()
	content, err := io.ReadAll(io.LimitReader(object, limit+1))
	if err != nil {
		return nil, info, s.storeError("read", key, err)
	}
	return content, info, nil // Not nil: io.ReadAll returns an empty slice.
}

// WriteObject writes an object that is part of the proof, such as the record of a day, and
// that is kept like a manifest: with the archive's encryption, lock and legal hold, but
// without tags. replaces is the ETag of the object that it may replace, or "" if there
// should be none; it reports false, and writes nothing, if something else is there. It is
// one request, which the store verifies by its SHA-256; content is at most 5 GiB.
func (s *Store) WriteObject(ctx context.Context, key, contentType string, content []byte, replaces string) (bool, error) {
	options := minio.PutObjectOptions{}
	s.options.applyToRecord(&options, time.Now())
	return s.writeConditionally(ctx, key, contentType, content, replaces, options)
}

// WriteWorkingObject is [Store.WriteObject] for an object that is no part of the proof and is
// replaced again and again: it gets no lock and no legal hold.
func (s *Store) WriteWorkingObject(ctx context.Context, key, contentType string, content []byte, replaces string) (bool, error) {
	options := minio.PutObjectOptions{}
	s.options.applyToFile(&options)
	return s.writeConditionally(ctx, key, contentType, content, replaces, options)
}

func (s *Store) writeConditionally(ctx context.Context, key, contentType string, content []byte, replaces string, options minio.PutObjectOptions) (bool, error) {
	if err := s.fit(); err != nil {
		return false, err
	}
	options.ContentType = contentType
	if replaces == "" {
		options.SetMatchETagExcept("*")
	} else {
		options.SetMatchETag(replaces)
	}
	sum := sha256.Sum256(content)
	_, err := s.send(ctx, signedPut{
		key: key, header: options.Header(), body: bytes.NewReader(content), length: int64(len(content)),
		algorithm: minio.ChecksumSHA256, sum: func() ([]byte, error) { return sum[:], nil },
	})
	switch {
	case err == nil:
		s.health.stored()
		return true, nil
	case isConflict(minio.ToErrorResponse(err)), replaces != "" && isNotFound(err):
		return false, nil
	default:
		return false, s.storeError(opWrite, key, err)
	}
}
