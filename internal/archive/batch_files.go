package archive

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"net/http"
	"strings"

	"github.com/minio/minio-go/v7"

	"github.com/callvault/callvault/internal/failure"
)

// The files of a batch in the archive, beside the bots' folders.

// BatchFile names a file of a batch.
type BatchFile string

// The files of a batch.
const (
	// BatchRecordFile is the request with which the batch was started, and where its
	// sessions are in the plan.
	BatchRecordFile BatchFile = "batch.json"
	// BatchListCSV and BatchListNDJSON are the checked list of sessions.
	BatchListCSV    BatchFile = "sessions.csv"
	BatchListNDJSON BatchFile = "sessions.ndjson"
	// BatchReportFile is the report.
	BatchReportFile BatchFile = "report.csv"
)

// BatchPlanOf names the plan of one run of a batch: the sessions in the order in which they are
// fetched.
func BatchPlanOf(runID string) BatchFile { return BatchFile("plan-" + runID + ".txt") }

// BatchKey returns the key of a file of a batch.
func (s *Store) BatchKey(batchID string, file BatchFile) string {
	return s.prefix + "batches/" + batchID + "/" + string(file)
}

// ErrMissing means that an object that somebody named does not exist.
var ErrMissing = errors.New("the object does not exist")

// ErrExists means that an object exists that should not be replaced.
var ErrExists = errors.New("the object exists already")

// WriteFile streams a file of a batch into the object key, and replaces what is there.
// length is in bytes, or -1 if it is not known; then one part of 8 MiB is kept in memory.
func (s *Store) WriteFile(ctx context.Context, key, contentType string, body io.Reader, length int64) error {
	return s.writeFile(ctx, Upload{Key: key, ContentType: contentType, Length: length, overwrite: true}, body)
}

// CreateFile is [Store.WriteFile] for an object that must not exist: it returns
// [ErrExists] if it does.
func (s *Store) CreateFile(ctx context.Context, key, contentType string, body io.Reader, length int64) error {
	return s.createFile(ctx, Upload{Key: key, ContentType: contentType, Length: length}, body)
}

// CreateRecordFile is [Store.CreateFile] for a file that is part of the proof, such as the
// rows of a day: it is kept like a manifest.
func (s *Store) CreateRecordFile(ctx context.Context, key, contentType string, body io.Reader, length int64) error {
	return s.createFile(ctx, Upload{Key: key, ContentType: contentType, Length: length, isRecord: true}, body)
}

func (s *Store) createFile(ctx context.Context, upload Upload, body io.Reader) error {
	key := upload.Key
	_, err := s.client.StatObject(ctx, s.bucket, key, minio.StatObjectOptions{}) // The body may be long.
	switch {
	case err == nil:
		return fmt.Errorf("s3://%s/%s: %w", s.bucket, key, ErrExists)
	case !isNotFound(err):
		return s.storeError("inspect", key, s.reasonFor(ctx, err))
	}
	err = s.writeFile(ctx, upload, body)
	if errors.Is(err, ErrConflict) {
		return fmt.Errorf("s3://%s/%s: %w", s.bucket, key, ErrExists)
	}
	return err
}

func (s *Store) writeFile(ctx context.Context, upload Upload, body io.Reader) error {
	upload.Source, upload.isFile = &hashed{body, sha256.New()}, true
	if upload.Length < 0 || upload.Length >= s.config.MultipartFrom {
		upload.Length, upload.Buffer = -1, make([]byte, minPartBytes)
	}
	_, err := s.Put(ctx, upload)
	return err
}

// hashed is a file of a batch as a source.
type hashed struct {
	io.Reader
	hash hash.Hash
}

func (h *hashed) Read(p []byte) (int, error) {
	n, err := h.Reader.Read(p)
	h.hash.Write(p[:n])
	return n, err
}

// SHA256 implements [Source].
func (h *hashed) SHA256() string { return hex.EncodeToString(h.hash.Sum(nil)) }

// OpenFile returns the content of the object key, which need not be a file of a batch,
// and its length in bytes. It returns [ErrMissing] if there is none. The content ends with
// a failure of the archive if the connection does.
func (s *Store) OpenFile(ctx context.Context, key string) (io.ReadCloser, int64, error) {
	object, info, _, err := minio.Core{Client: s.client}.GetObject(ctx, s.bucket, key, minio.GetObjectOptions{})
	if isNotFound(err) {
		return nil, 0, fmt.Errorf("s3://%s/%s: %w", s.bucket, key, ErrMissing)
	}
	if err != nil {
		return nil, 0, s.storeError("read", key, err)
	}
	return &openFile{object, s, key}, info.Size, nil
}

// openFile is an object that is read. An error of its connection tells of the store, and
// not of the object: whoever reads it must not take it for a bad list.
type openFile struct {
	io.ReadCloser
	store *Store
	key   string
}

func (f *openFile) Read(p []byte) (int, error) {
	n, err := f.ReadCloser.Read(p)
	if err == io.EOF {
		return n, err
	}
	return n, f.store.storeError("read", f.key, err)
}

// errNoRanges means that the store has sent something else than the part of an object that
// was asked for. A proxy that removes the header Range does that too.
var errNoRanges = failure.New(failure.ArchiveBlocked, "the store ignores the header Range: see docs/architecture.md for what callvault needs of a store")

// ReadRange returns the bytes of the object key from one offset to before another. It
// returns [ErrMissing] if there is no such object, and [ErrMismatch] if it is shorter. The
// caller bounds the range, which is kept in memory.
func (s *Store) ReadRange(ctx context.Context, key string, from, to int64) ([]byte, error) {
	if from >= to {
		return nil, nil
	}
	var options minio.GetObjectOptions
	if err := options.SetRange(from, to-1); err != nil {
		return nil, err
	}
	object, _, header, err := minio.Core{Client: s.client}.GetObject(ctx, s.bucket, key, options)
	if isNotFound(err) {
		return nil, fmt.Errorf("s3://%s/%s: %w", s.bucket, key, ErrMissing)
	}
	if minio.ToErrorResponse(err).StatusCode == http.StatusRequestedRangeNotSatisfiable {
		return nil, fmt.Errorf("s3://%s/%s has less than %d bytes: %w", s.bucket, key, to, ErrMismatch)
	}
	if err != nil {
		return nil, s.storeError("read", key, err)
	}
	defer object.Close()
	if !strings.HasPrefix(header.Get("Content-Range"), fmt.Sprintf("bytes %d-", from)) {
		return nil, fmt.Errorf("read s3://%s/%s from byte %d: %w", s.bucket, key, from, errNoRanges)
	}
	var content bytes.Buffer
	n, err := io.Copy(&content, io.LimitReader(object, to-from))
	if err != nil {
		return nil, s.storeError("read", key, err)
	}
	if n != to-from {
		return nil, fmt.Errorf("s3://%s/%s has less than %d bytes: %w", s.bucket, key, to, ErrMismatch)
	}
	return content.Bytes(), nil
}
