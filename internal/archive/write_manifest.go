package archive

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"time"

	"github.com/callvault/callvault/workflows"
	"github.com/minio/minio-go/v7"
)

const outcomeArchived = string(workflows.OutcomeArchived)

// WriteManifest writes the manifest m of its session and returns the one that is
// stored afterwards. replaces is the ETag of the manifest that m may replace, or
// "" if there should be none; it is written conditionally, in one request if
// replaces is "". m itself is not changed, and its Previous is ignored: that of the
// stored manifest is the one it replaced.
//
// A failure does not replace one that says archived if all its objects are as it
// says: they are back, and it is kept.
//
// If the session has another manifest by then, these rules hold:
//   - one of the same run as m is kept: an earlier attempt wrote it;
//   - one that says archived is kept if all its objects are as it says;
//   - otherwise an m that says archived replaces it;
//   - otherwise one that says archived is [ErrArchivedBefore], and any other is
//     kept.
//
// It returns [ErrConflict] if the manifest is modified again meanwhile.
func (s *Store) WriteManifest(ctx context.Context, m *Manifest, replaces string) (*Manifest, error) {
	key, err := s.ManifestKey(m.Session)
	if err != nil {
		return nil, err
	}
	written, err := s.tryManifest(ctx, key, m, replaces)
	if !errors.Is(err, ErrConflict) {
		return written, err
	}
	present, etag, readErr := s.ReadManifest(ctx, m.Session)
	if readErr != nil {
		return nil, readErr
	}
	if present == nil {
		return nil, err
	}
	return s.resolve(ctx, key, m, present, etag)
}

// tryManifest writes m, and returns [ErrConflict] if the session has a manifest
// other than the one that m may replace.
func (s *Store) tryManifest(ctx context.Context, key string, m *Manifest, replaces string) (*Manifest, error) {
	if replaces == "" {
		return s.putManifest(ctx, key, m, nil, "")
	}
	present, etag, err := s.ReadManifest(ctx, m.Session)
	if err != nil {
		return nil, err
	}
	if present != nil && etag != replaces {
		return nil, fmt.Errorf("write s3://%s/%s: %w", s.bucket, key, ErrConflict)
	}
	if present != nil && present.Outcome == outcomeArchived && m.Outcome != outcomeArchived {
		damaged, err := s.Damaged(ctx, present)
		if err != nil {
			return nil, err
		}
		if len(damaged) == 0 {
			return present, nil
		}
	}
	return s.putManifest(ctx, key, m, present, etag)
}

// resolve returns the manifest present, or replaces it by m, by the rules of
// [Store.WriteManifest].
func (s *Store) resolve(ctx context.Context, key string, m, present *Manifest, etag string) (*Manifest, error) {
	if present.WorkflowID == m.WorkflowID && present.RunID == m.RunID {
		return present, nil
	}
	if present.Outcome != outcomeArchived && m.Outcome != outcomeArchived {
		return present, nil
	}
	if present.Outcome == outcomeArchived {
		damaged, err := s.Damaged(ctx, present)
		if err != nil {
			return nil, err
		}
		if len(damaged) == 0 {
			return present, nil
		}
		if m.Outcome != outcomeArchived {
			return nil, fmt.Errorf("%w: %d object(s) are missing or changed, for example s3://%s/%s", ErrArchivedBefore, len(damaged), s.bucket, damaged[0])
		}
	}
	return s.putManifest(ctx, key, m, present, etag)
}

// putManifest writes a copy of m on the condition that the session's manifest is
// previous with that ETag, or that there is none if previous is nil.
func (s *Store) putManifest(ctx context.Context, key string, m, previous *Manifest, etag string) (*Manifest, error) {
	if err := s.fit(); err != nil {
		return nil, err
	}
	written := *m
	written.Previous = previous
	written.keepAttachments(previous)
	body, err := written.encode()
	if err != nil {
		return nil, err
	}
	options := minio.PutObjectOptions{ContentType: "application/json"}
	labels := Labels{Session: m.Session, Outcome: m.Outcome}
	if previous == nil {
		options.SetMatchETagExcept("*")
	} else {
		options.SetMatchETag(etag)
		labels.RetainedUntil = previous.retainedUntil
	}
	s.options.applyToReadable(&options, time.Now(), labels)
	sum := sha256.Sum256(body)
	_, err = s.send(ctx, signedPut{
		key: key, header: options.Header(), body: bytes.NewReader(body), length: int64(len(body)),
		algorithm: minio.ChecksumSHA256, sum: func() ([]byte, error) { return sum[:], nil },
	})
	if err != nil {
		return nil, s.storeError(opWrite, key, err)
	}
	s.health.stored()
	return &written, nil
}
