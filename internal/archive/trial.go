package archive

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/minio/minio-go/v7"
)

const (
	// trialName is the key of the object that is tried, after the prefix: always the same, so
	// that they do not pile up where they may not be deleted.
	trialName = workingFolder + "doctor.json"

	// trialRetention is how long a bucket that locks every object is asked to lock this one.
	trialRetention = time.Minute
)

// Trial is what came of an object that was written, read and deleted.
type Trial struct {
	// Key is the object's.
	Key string
	// Kept is the store's code if it may not be deleted, as deploy/archive-policy.json has it;
	// empty if it was.
	Kept string
}

// ErrWouldBeLocked means that nothing was written: the bucket would have locked it for as long
// as a recording. ErrMayBeLocked means that it might have: the store did not tell.
var (
	ErrWouldBeLocked = errors.New("the bucket would lock the object for as long as a recording")
	ErrMayBeLocked   = errors.New("the bucket may lock the object for as long as a recording: whether it does is not told")
)

// TryObject writes an object of some 60 bytes as recordings are written, reads it and deletes
// it. In a bucket that locks every object by default, or may (lock), it asks for a lock of a minute in
// mode GOVERNANCE in place of that, or writes nothing if it may not; see [ErrWouldBeLocked].
func (s *Store) TryObject(ctx context.Context, lock BucketLock) (Trial, error) {
	trial := Trial{Key: s.prefix + trialName}
	body := fmt.Appendf(nil, `{"writtenBy":"doctor","nonce":%q}`, rand.Text())
	version, err := s.writeTrial(ctx, trial.Key, body, lock)
	if err != nil {
		return trial, err
	}
	if err := s.readTrial(ctx, trial.Key, version, body); err != nil {
		return trial, err
	}
	err = s.client.RemoveObject(ctx, s.bucket, trial.Key, minio.RemoveObjectOptions{VersionID: version})
	switch code := minio.ToErrorResponse(err).Code; {
	case err == nil:
		return trial, nil
	case minio.ToErrorResponse(err).StatusCode != 0: // It is refused; nothing else of callvault deletes objects.
		trial.Kept = code
		return trial, nil
	}
	return trial, s.storeError("delete", trial.Key, err)
}

func (s *Store) writeTrial(ctx context.Context, key string, body []byte, lock BucketLock) (version string, err error) {
	header, err := s.putTrial(ctx, key, body, lock.locksAll())
	if lock.MayLock && isRefusal(err) { // It has no Object Lock, and so none by default.
		header, err = s.putTrial(ctx, key, body, false)
	}
	if lock.locksAll() && isDenied(minio.ToErrorResponse(err).Code) {
		if lock.MayLock {
			return "", ErrMayBeLocked
		}
		return "", ErrWouldBeLocked
	}
	return header.Get("X-Amz-Version-Id"), s.storeError(opWrite, key, err)
}

// putTrial writes the object, and has it locked for a short time if that is asked for.
func (s *Store) putTrial(ctx context.Context, key string, body []byte, locked bool) (http.Header, error) {
	options := minio.PutObjectOptions{ContentType: "application/json"}
	s.options.encrypt(&options)
	if locked {
		options.Mode = minio.RetentionMode(Governance)
		options.RetainUntilDate = time.Now().UTC().Add(trialRetention).Truncate(time.Second)
	}
	sum := sha256.Sum256(body)
	return s.send(ctx, signedPut{
		key: key, header: options.Header(), body: bytes.NewReader(body), length: int64(len(body)),
		algorithm: minio.ChecksumSHA256, sum: func() ([]byte, error) { return sum[:], nil },
	})
}

// readTrial reads what was written.
func (s *Store) readTrial(ctx context.Context, key, version string, body []byte) error {
	object, _, _, err := s.core.GetObject(ctx, s.bucket, key, minio.GetObjectOptions{VersionID: version})
	if err != nil {
		return s.storeError("read", key, err)
	}
	defer object.Close()
	read, err := io.ReadAll(io.LimitReader(object, maxProbeBytes))
	switch {
	case err != nil:
		return s.storeError("read", key, err)
	case !bytes.Equal(read, body):
		return s.storeError("read", key, ErrMismatch)
	}
	return nil
}
