package archive

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"hash"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"github.com/minio/minio-go/v7"
)

// multipart is an upload in parts.
type multipart struct {
	store *Store
	Upload
	body      *uploadReader
	algorithm minio.ChecksumType
	parts     Parts
	etags     []string // of the parts
}

// putParts stores a recording in parts.
func (s *Store) putParts(ctx context.Context, u Upload, body *uploadReader) (Object, error) {
	m := &multipart{store: s, Upload: u, body: body}
	object, err := m.run(ctx)
	if err != nil && m.parts.UploadID != "" && (u.Keep == nil || !u.Keep(err)) {
		// Whatever ended the upload must not end this too.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lookTimeout)
		defer cancel()
		_ = s.abort(ctx, u.Key, m.parts.UploadID) // What stays is removed by the next attempt or the bucket's rule.
	}
	return object, err
}

func (m *multipart) run(ctx context.Context) (Object, error) {
	if m.Continues != nil {
		if stored, isStored, err := m.resume(ctx); isStored || err != nil {
			return stored, err
		}
	} else if err := m.begin(ctx); err != nil {
		return Object{}, m.store.storeError(opWrite, m.Key, err)
	}
	for {
		if over, err := m.isOver(); over || err != nil {
			if err != nil {
				return Object{}, err
			}
			break
		}
		err := m.putPart(ctx)
		if _, failed := m.body.state(); failed != nil {
			return Object{}, failed
		}
		if err != nil {
			return Object{}, m.store.storeError(opWrite, m.Key, err)
		}
		if m.Uploaded != nil {
			m.Uploaded(m.state())
		}
	}
	return m.complete(ctx)
}

// state returns the parts so far. Later ones do not change it.
func (m *multipart) state() Parts {
	parts := m.parts
	parts.Sums = slices.Clone(parts.Sums)
	return parts
}

// isOver reports whether all parts are uploaded.
func (m *multipart) isOver() (bool, error) {
	if m.Length >= 0 && m.parts.Bytes < m.Length {
		return false, nil
	}
	if m.Length >= 0 {
		return true, m.body.expectEnd()
	}
	whole, _ := m.body.state()
	return whole, nil
}

// begin creates the upload. Its checksum is that of the whole object, which costs little,
// unless the store has none of that kind.
func (m *multipart) begin(ctx context.Context) error {
	m.algorithm = minio.ChecksumCRC64NVME
	if m.store.compositeOnly.Load() {
		m.algorithm = minio.ChecksumSHA256
	}
	options := m.store.objectOptions(m.Upload)
	id, err := m.create(ctx, options)
	if m.algorithm == minio.ChecksumCRC64NVME && isUnknownChecksum(err) {
		m.algorithm = minio.ChecksumSHA256
		if id, err = m.create(ctx, options); err == nil {
			m.store.compositeOnly.Store(true)
		}
	}
	if err != nil {
		return err
	}
	m.parts = Parts{
		UploadID: id, PartBytes: partBytesFor(m.Length), Algorithm: m.algorithm.String(),
		RetainUntil: options.RetainUntilDate,
	}
	if m.Length < 0 {
		m.parts.PartBytes = int64(len(m.Buffer))
	}
	return nil
}

func (m *multipart) create(ctx context.Context, options minio.PutObjectOptions) (id string, err error) {
	options.UserMetadata = map[string]string{
		"X-Amz-Checksum-Algorithm": m.algorithm.String(),
		"X-Amz-Checksum-Type":      checksumType(m.algorithm),
	}
	return m.store.core.NewMultipartUpload(ctx, m.store.bucket, m.Key, options)
}

// checksumType returns what the checksum of an upload in parts is over.
func checksumType(algorithm minio.ChecksumType) string {
	if algorithm.FullObjectRequested() {
		return "FULL_OBJECT"
	}
	return "COMPOSITE"
}

// isUnknownChecksum reports whether a store refused an upload because it does not know the
// checksum.
func isUnknownChecksum(err error) bool {
	switch minio.ToErrorResponse(err).Code {
	case "InvalidRequest", "InvalidArgument", "NotImplemented":
		return true
	default:
		return false
	}
}

// resume continues the upload with the parts that the store has. If it has the whole
// object already, because the response to the last request was lost, it returns that.
func (m *multipart) resume(ctx context.Context) (stored Object, isStored bool, err error) {
	m.parts = *m.Continues
	m.parts.Sums = slices.Clone(m.parts.Sums)
	if m.algorithm, err = m.parts.algorithm(); err != nil {
		return Object{}, false, err
	}
	if !m.parts.isValid() {
		return Object{}, false, fmt.Errorf("%w: its state is not valid", ErrUploadGone)
	}
	if m.Replaces.RetainedUntil.After(m.parts.RetainUntil) {
		return Object{}, false, fmt.Errorf("%w: it would be retained for less than the object that it replaces", ErrUploadGone)
	}
	m.await(true)
	m.etags, err = m.store.etagsOf(ctx, m.Key, m.parts)
	m.await(false)
	if !errors.Is(err, ErrUploadGone) || m.parts.Bytes != m.Length {
		return Object{}, false, err
	}
	object, objectErr := m.object()
	if objectErr != nil {
		return Object{}, false, err
	}
	if object.Verified, _ = m.store.verify(ctx, m.Key, object); !object.Verified {
		return Object{}, false, err
	}
	return object, true, m.body.expectEnd()
}

// etagsOf returns the ETags of the parts, which the store must have as they were uploaded.
// It may have more, which were uploaded after the state was recorded: they are replaced.
func (s *Store) etagsOf(ctx context.Context, key string, want Parts) ([]string, error) {
	var etags []string
	for wanted := want.objectParts(nil); len(etags) < len(wanted); {
		list, err := s.core.ListObjectParts(ctx, s.bucket, key, want.UploadID, len(etags), 1000)
		if code := minio.ToErrorResponse(err).Code; isRefusal(err) || code == minio.NoSuchUpload || code == minio.NoSuchKey || code == "AccessDenied" {
			return nil, fmt.Errorf("%w: the store does not list its parts (%s)", ErrUploadGone, code)
		}
		if err != nil {
			return nil, s.storeError("inspect", key, err)
		}
		if len(list.ObjectParts) == 0 {
			return nil, fmt.Errorf("%w: the store has %d of its %d parts", ErrUploadGone, len(etags), len(wanted))
		}
		for _, part := range list.ObjectParts[:min(len(list.ObjectParts), len(wanted)-len(etags))] {
			if !isSamePart(part, wanted[len(etags)]) {
				return nil, fmt.Errorf("%w: part %d in the store is not the one that was uploaded", ErrUploadGone, len(etags)+1)
			}
			etags = append(etags, part.ETag)
		}
	}
	return etags, nil
}

// isSamePart compares a part of the store's list, which may have no checksum, with the one
// that was uploaded.
func isSamePart(listed, uploaded minio.ObjectPart) bool {
	isSame := func(listed, uploaded string) bool { return listed == "" || uploaded == "" || listed == uploaded }
	return listed.PartNumber == uploaded.PartNumber && listed.Size == uploaded.Size &&
		isSame(listed.ChecksumCRC64NVME, uploaded.ChecksumCRC64NVME) && isSame(listed.ChecksumSHA256, uploaded.ChecksumSHA256)
}

// putPart uploads the next part: straight from the source if its length is known, from the
// buffer otherwise.
func (m *multipart) putPart(ctx context.Context) error {
	if len(m.parts.Sums) == maxParts {
		return fmt.Errorf("the recording has more than %d parts of %d bytes", maxParts, m.parts.PartBytes)
	}
	if m.Length >= 0 {
		return m.sendPart(ctx, m.body, min(m.parts.PartBytes, m.Length-m.parts.Bytes))
	}
	n, err := io.ReadFull(m.body, m.Buffer)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return err
	}
	if n == 0 && len(m.parts.Sums) > 0 {
		return nil // The last part was full.
	}
	err = m.sendBuffer(ctx, n)
	if !errors.Is(err, ErrUploadGone) || len(m.parts.Sums) > 0 {
		return err
	}
	// The part is still there, for an upload with the other checksum.
	if err := m.store.abort(ctx, m.Key, m.parts.UploadID); err != nil {
		return err
	}
	if err := m.begin(ctx); err != nil {
		return err
	}
	return m.sendBuffer(ctx, n)
}

// sendBuffer uploads the first n bytes of the buffer as the next part.
func (m *multipart) sendBuffer(ctx context.Context, n int) error {
	source := &revocable{source: bytes.NewReader(m.Buffer[:n])}
	defer source.revoke() // The HTTP client may go on reading, and the buffer is another's then.
	return m.sendPart(ctx, source, int64(n))
}

// sendPart uploads the next so many bytes of source as the next part.
func (m *multipart) sendPart(ctx context.Context, source io.Reader, length int64) error {
	hasher := m.algorithm.Hasher()
	header, err := m.store.send(ctx, signedPut{
		key:    m.Key,
		query:  url.Values{"partNumber": {strconv.Itoa(len(m.parts.Sums) + 1)}, "uploadId": {m.parts.UploadID}},
		body:   &sending{source, hasher, m.Sending},
		length: length, algorithm: m.algorithm,
		sum: func() ([]byte, error) {
			m.await(true)
			return hasher.Sum(nil), nil
		},
	})
	m.await(false)
	if minio.ToErrorResponse(err).Code == minio.NoSuchUpload {
		return fmt.Errorf("%w: the store does not have it any more", ErrUploadGone)
	}
	if err != nil {
		return err
	}
	if err := m.checkSum(header.Get(m.algorithm.Key()), hasher.Sum(nil)); err != nil {
		return err
	}
	m.parts.Sums = append(m.parts.Sums, hasher.Sum(nil))
	m.parts.Bytes += length
	m.etags = append(m.etags, header.Get("ETag"))
	return nil
}

// sending passes the bytes of a part on, hashes them and says how many there are.
type sending struct {
	source io.Reader
	hash   hash.Hash
	moved  func(n int)
}

func (s *sending) Read(p []byte) (int, error) {
	n, err := s.source.Read(p)
	s.hash.Write(p[:n])
	if s.moved != nil {
		s.moved(n)
	}
	return n, err
}

// await says that all bytes of a part were sent, and the store has not responded.
func (m *multipart) await(awaiting bool) {
	if m.Awaiting != nil {
		m.Awaiting(awaiting)
	}
}

// checkSum compares the checksum of a part with the one that the store has returned. A
// store that returns none for the first part ignores that kind: the upload begins again
// with the other one.
func (m *multipart) checkSum(returned string, sum []byte) error {
	switch {
	case returned == "" && m.algorithm == minio.ChecksumCRC64NVME && len(m.parts.Sums) == 0:
		m.store.compositeOnly.Store(true)
		return fmt.Errorf("%w: the store ignores its %s", ErrUploadGone, m.algorithm)
	case returned != "" && returned != base64.StdEncoding.EncodeToString(sum):
		return fmt.Errorf("the store returned a different %s of a part: %w", m.algorithm, ErrMismatch)
	default:
		return nil
	}
}

// object returns what the object is once the upload is complete.
func (m *multipart) object() (Object, error) {
	checksum, err := m.parts.checksum()
	return Object{Bytes: m.parts.Bytes, SHA256: m.Source.SHA256(), Checksum: checksum}, err
}

// complete makes the parts an object, on the condition of what is there.
func (m *multipart) complete(ctx context.Context) (Object, error) {
	object, err := m.object()
	if err != nil {
		return Object{}, err
	}
	var parts []minio.CompletePart
	for _, part := range m.parts.objectParts(m.etags) {
		parts = append(parts, minio.CompletePart{
			PartNumber: part.PartNumber, ETag: part.ETag,
			ChecksumCRC64NVME: part.ChecksumCRC64NVME, ChecksumSHA256: part.ChecksumSHA256,
		})
	}
	options := minio.PutObjectOptions{UserMetadata: map[string]string{"X-Amz-Checksum-Type": checksumType(m.algorithm)}}
	if m.algorithm.FullObjectRequested() {
		options.UserMetadata[m.algorithm.Key()] = object.Checksum.Value
	}
	m.setCondition(&options)
	completed, err := m.store.core.CompleteMultipartUpload(ctx, m.store.bucket, m.Key, m.parts.UploadID, parts, options)
	if err != nil {
		stored, failed := m.store.afterLostResponse(ctx, m.Key, object, err)
		if refusal := minio.ToErrorResponse(err); failed != nil && (isRefusal(err) || refusal.StatusCode == http.StatusConflict || refusal.Code == minio.NoSuchUpload) {
			// It would be refused again. On AWS a conflict means that all parts have to be
			// sent once more.
			return Object{}, fmt.Errorf("%w: the store does not complete it (%s)", ErrUploadGone, refusal.Code)
		}
		if failed == nil {
			_ = m.store.abort(ctx, m.Key, m.parts.UploadID) // It is left if another attempt's was completed.
		}
		return stored, failed
	}
	returned := completed.ChecksumCRC64NVME
	if m.algorithm == minio.ChecksumSHA256 {
		returned = completed.ChecksumSHA256
	}
	if returned != "" && returned != object.Checksum.Value {
		return Object{}, fmt.Errorf("write s3://%s/%s: the store returned a different %s: %w", m.store.bucket, m.Key, m.algorithm, ErrMismatch)
	}
	object.Verified = returned != ""
	return object, nil
}
