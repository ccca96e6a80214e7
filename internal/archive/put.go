package archive

import (
	"context"
	"encoding/hex"
	"fmt"
	"net/http"
	"time"

	"github.com/minio/minio-go/v7"
)

// Put stores a recording: in one request if its length is known and less than
// [Config.MultipartFrom], otherwise in parts. The object is created only if the source was
// read to its end without an error and the store has verified the checksum of what it
// received; an error of the source is returned as it is.
//
// It returns [ErrConflict] if another object is at the key than [Upload.Replaces] says; no
// writer, even one that was presumed dead, overwrites another's object unnoticed.
func (s *Store) Put(ctx context.Context, u Upload) (Object, error) {
	if !u.isFile {
		if err := s.fit(); err != nil {
			return Object{}, err
		}
	}
	body := &uploadReader{source: u.Source}
	var object Object
	var err error
	if u.Continues == nil && 0 <= u.Length && u.Length < s.config.MultipartFrom {
		object, err = s.putWhole(ctx, u, body)
	} else {
		object, err = s.putParts(ctx, u, body)
	}
	if err == nil {
		s.health.stored()
	}
	return object, err
}

// putWhole stores a recording in one request.
func (s *Store) putWhole(ctx context.Context, u Upload, body *uploadReader) (Object, error) {
	header, err := s.send(ctx, signedPut{
		key: u.Key, header: s.createOptions(u).Header(), body: body, length: u.Length,
		algorithm: minio.ChecksumSHA256, sum: func() ([]byte, error) {
			if err := body.expectEnd(); err != nil {
				return nil, err
			}
			return hex.DecodeString(u.Source.SHA256())
		},
	})
	switch whole, failed := body.state(); {
	case failed != nil:
		return Object{}, failed
	case !whole:
		return Object{}, s.storeError(opWrite, u.Key, err) // The HTTP client may still be reading.
	}
	object := Object{Bytes: u.Length, SHA256: u.Source.SHA256()}
	if err != nil {
		return s.afterLostResponse(ctx, u.Key, object, err)
	}
	if returned := header.Get(minio.ChecksumSHA256.Key()); returned != "" {
		if returned != sha256Checksum(object.SHA256) {
			return Object{}, fmt.Errorf("write s3://%s/%s: the store returned a different SHA-256: %w", s.bucket, u.Key, ErrMismatch)
		}
		object.Verified = true
	}
	return object, nil
}

// lookTimeout bounds the look for an object whose response was lost.
const lookTimeout = 30 * time.Second

// afterLostResponse looks whether the store has an object with all the bytes that were
// sent, although its response did not say so: they must not be fetched again then. After a
// lost response stores answer a repeated request in several ways, for example that the
// object exists. Otherwise it returns err.
func (s *Store) afterLostResponse(ctx context.Context, key string, want Object, err error) (Object, error) {
	failed := s.storeError(opWrite, key, err)
	switch status := minio.ToErrorResponse(err).StatusCode; {
	case status == http.StatusNotFound, status == http.StatusConflict, status == http.StatusPreconditionFailed:
	case status >= 300 && status < 500:
		return Object{}, failed
	}
	looking, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	if verified, verifyErr := s.verify(looking, key, want); verifyErr != nil || !verified {
		return Object{}, failed
	}
	want.Verified = true
	return want, nil
}

// createOptions are those of the request that creates a recording's object: what the
// object is, and the condition.
func (s *Store) createOptions(u Upload) minio.PutObjectOptions {
	options := s.objectOptions(u)
	u.setCondition(&options)
	return options
}

// objectOptions say what a recording's object is, and how the store keeps it.
func (s *Store) objectOptions(u Upload) minio.PutObjectOptions {
	options := minio.PutObjectOptions{ContentType: u.ContentType}
	labels := Labels{Session: u.Session, RetainedUntil: u.Replaces.RetainedUntil}
	switch {
	case u.isRecord:
		s.options.applyToRecord(&options, time.Now())
	case u.isFile:
		s.options.applyToFile(&options)
	case u.isAttachment:
		s.options.applyToReadable(&options, time.Now(), labels)
	default:
		s.options.apply(&options, time.Now(), labels)
	}
	return options
}

// setCondition makes a write conditional on the object that is there.
func (u Upload) setCondition(options *minio.PutObjectOptions) {
	switch {
	case u.overwrite:
	case u.Replaces.ETag == "":
		options.SetMatchETagExcept("*")
	default:
		options.SetMatchETag(u.Replaces.ETag)
	}
}

// Present is an object that a recording may replace.
type Present struct {
	// ETag of the object, "" if there is none.
	ETag string
	// RetainedUntil is how long it is retained, if the store says that it is. What
	// replaces it is retained at least as long.
	RetainedUntil time.Time
}

// Find returns what [Upload.Replaces] takes of the object at key.
func (s *Store) Find(ctx context.Context, key string) (Present, error) {
	present, err := s.client.StatObject(ctx, s.bucket, key, minio.StatObjectOptions{})
	if isNotFound(err) {
		return Present{}, nil
	}
	if err != nil {
		return Present{}, s.storeError("inspect", key, err)
	}
	return Present{ETag: present.ETag, RetainedUntil: retainedUntil(present.Metadata)}, nil
}

// CleanUp aborts the uploads of the object key that earlier attempts left unfinished, for
// example because their worker was killed, but for the one with the id keep.
func (s *Store) CleanUp(ctx context.Context, key, keep string) error {
	var failed []error
	for upload := range s.client.ListIncompleteUploads(ctx, s.bucket, key, true) {
		switch {
		case upload.Err != nil:
			failed = append(failed, upload.Err)
		case upload.Key == key && upload.UploadID != keep:
			failed = append(failed, s.abort(ctx, key, upload.UploadID))
		}
	}
	for _, err := range failed {
		if err != nil {
			return s.storeError("clean up", key, err)
		}
	}
	return nil
}

// Abort removes an unfinished upload. One that does not exist is no error.
func (s *Store) Abort(ctx context.Context, key, uploadID string) error {
	return s.storeError("clean up", key, s.abort(ctx, key, uploadID))
}

func (s *Store) abort(ctx context.Context, key, id string) error {
	if id == "" {
		return nil // Without an id, some stores delete the object.
	}
	err := s.core.AbortMultipartUpload(ctx, s.bucket, key, id)
	if minio.ToErrorResponse(err).Code == minio.NoSuchUpload {
		return nil
	}
	return err
}
