package archive

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
)

const (
	// maxObjectBytes is the most that S3 takes in one PUT, and copies in one
	// piece.
	maxObjectBytes = 5 << 30

	// partBytes is the buffer of an upload whose length is not known before
	// its end: the only case in which a part of a recording is held in memory.
	partBytes = 8 << 20
)

// nullVersion is the version of whatever was written while a bucket's
// versioning was suspended: the labelled object itself.
const nullVersion = "null"

// The user metadata of an object.
const (
	metadataSHA256 = "Sha256"
	metadataFormat = "Format"
)

// Config says where the archive is.
type Config struct {
	// Endpoint is the store's address, http or https. Required.
	Endpoint *url.URL
	// Bucket holds the recordings. Required.
	Bucket string
	// Region of the bucket. Defaults to the store's answer.
	Region string
	// Prefix leads every key, for example "calls/". Defaults to none.
	Prefix string
	// Credentials sign the requests. Defaults to the standard AWS chain:
	// environment, shared file, web identity, container and instance role.
	Credentials *credentials.Credentials
	// Transport carries the requests. Defaults to minio-go's.
	Transport http.RoundTripper
}

// Store is the archive. It is safe for concurrent use.
type Store struct {
	client *minio.Client
	bucket string
	region string
	prefix string
}

// Open returns the archive at config. It asks the store nothing yet.
func Open(config Config) (*Store, error) {
	if config.Credentials == nil {
		config.Credentials = credentials.NewChainCredentials([]credentials.Provider{
			&credentials.EnvAWS{}, &credentials.FileAWSCredentials{}, &credentials.IAM{},
		})
	}
	client, err := minio.New(config.Endpoint.Host, &minio.Options{
		Creds:     config.Credentials,
		Secure:    config.Endpoint.Scheme == "https",
		Region:    config.Region,
		Transport: config.Transport,
		// The checksum of a stream is known at its end only.
		TrailingHeaders: true,
		// Temporal retries.
		MaxRetries: 1,
	})
	if err != nil {
		return nil, fmt.Errorf("S3_ENDPOINT: %w", err)
	}
	return &Store{client: client, bucket: config.Bucket, region: config.Region, prefix: config.Prefix}, nil
}

// Bucket is the name of the archive's bucket.
func (s *Store) Bucket() string { return s.bucket }

// Prefix leads every key of the archive.
func (s *Store) Prefix() string { return s.prefix }

// CheckCredentials tells whether there are credentials to sign requests with.
func (s *Store) CheckCredentials() error {
	value, err := s.client.GetCreds()
	switch {
	case err != nil:
		return fmt.Errorf("the AWS credentials cannot be had: %w: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or run under a role", err)
	case value.SignerType.IsAnonymous() || value.AccessKeyID == "" || value.SecretAccessKey == "":
		return errors.New("no AWS credentials were found: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or run under a role")
	}
	return nil
}

// EnsureBucket makes the bucket if it is missing.
func (s *Store) EnsureBucket(ctx context.Context) error {
	exists, err := s.client.BucketExists(ctx, s.bucket)
	if err != nil {
		return s.storeError("look for", "", err)
	}
	if exists {
		return nil
	}
	err = s.client.MakeBucket(ctx, s.bucket, minio.MakeBucketOptions{Region: s.region})
	if code := minio.ToErrorResponse(err).Code; code == "BucketAlreadyOwnedByYou" {
		return nil // Another worker was faster.
	}
	return s.storeError("create", "", err)
}

// Source is a recording on its way in.
type Source interface {
	// Read gives out the last bytes only once the recording is known to be
	// whole, and an error otherwise.
	io.Reader
	// SHA256 is the hex digest of the bytes after the end.
	SHA256() string
}

// Attributes describe an object.
type Attributes struct {
	ContentType string
	Format      string
}

// Object is what lies in the archive now.
type Object struct {
	Bytes  int64
	SHA256 string
}

// CleanUp aborts what an earlier try may have left of an upload of the object
// key when its worker was killed.
func (s *Store) CleanUp(ctx context.Context, key string) error {
	return s.storeError("clean up", key, s.client.RemoveIncompleteUpload(ctx, s.bucket, key))
}

// Put streams source into the object key. length is in bytes, or -1 if only
// the end will tell. The object comes into being only if source was read to
// its end without an error and the store has verified the checksum that was
// computed on the way; an error of source is returned as it is.
//
// Put may run twice at a time: of two, one gets [ErrConflict].
func (s *Store) Put(ctx context.Context, key string, source Source, length int64, attributes Attributes) (Object, error) {
	if length > maxObjectBytes {
		return Object{}, ErrTooLarge
	}
	options, err := s.putOptions(ctx, key, attributes)
	if err != nil {
		return Object{}, err
	}
	options.DisableMultipart = length >= 0

	guarded := &guard{source: source, left: maxObjectBytes}
	uploaded, err := s.client.PutObject(ctx, s.bucket, key, guarded, length, options)
	whole, failed := guarded.state()
	switch {
	case failed != nil:
		return Object{}, failed
	case err != nil:
		return Object{}, s.storeError("write", key, err)
	case !whole:
		return Object{}, fmt.Errorf("write s3://%s/%s: the store answered before it had the whole recording: %w", s.bucket, key, ErrMismatch)
	}
	return s.label(ctx, key, uploaded, source.SHA256(), attributes)
}

// putOptions make the write depend on what lies under key now, so that of two
// that run at a time, or of one that was taken for dead, none overwrites the
// other unseen.
func (s *Store) putOptions(ctx context.Context, key string, attributes Attributes) (minio.PutObjectOptions, error) {
	options := minio.PutObjectOptions{
		ContentType: attributes.ContentType,
		Checksum:    minio.ChecksumSHA256,
		PartSize:    partBytes,
		NumThreads:  1,
		// The trailing checksum covers the bytes; a signature over each chunk
		// as well would hash them twice.
		DisableContentSha256: true,
	}
	present, err := s.client.StatObject(ctx, s.bucket, key, minio.StatObjectOptions{})
	switch {
	case err == nil:
		options.SetMatchETag(present.ETag)
	case isNotFound(err):
		options.SetMatchETagExcept("*")
	default:
		return options, s.storeError("look at", key, err)
	}
	return options, nil
}

// label adds the digest, which was not known before the last byte, to the
// metadata of an object that was just written: the store copies it onto itself.
func (s *Store) label(ctx context.Context, key string, uploaded minio.UploadInfo, sha256 string, attributes Attributes) (Object, error) {
	labelled, err := s.client.CopyObject(ctx,
		minio.CopyDestOptions{
			Bucket: s.bucket, Object: key,
			ReplaceMetadata: true,
			ContentType:     attributes.ContentType,
			UserMetadata:    map[string]string{metadataSHA256: sha256, metadataFormat: attributes.Format},
			ChecksumType:    minio.ChecksumSHA256,
		},
		minio.CopySrcOptions{Bucket: s.bucket, Object: key, MatchETag: uploaded.ETag},
	)
	if err != nil {
		return Object{}, s.storeError("label", key, err)
	}
	if v := uploaded.VersionID; v != "" && v != nullVersion && v != labelled.VersionID {
		// A bucket with versions has kept the unlabelled twin. If it may not be
		// deleted (Object Lock) it stays, which costs space and nothing else.
		_ = s.client.RemoveObject(ctx, s.bucket, key, minio.RemoveObjectOptions{VersionID: uploaded.VersionID})
	}
	object := Object{Bytes: uploaded.Size, SHA256: sha256}
	return object, s.Verify(ctx, key, object)
}

// Verify asks the store whether the object key is what want says. It answers
// [ErrMismatch] if not.
func (s *Store) Verify(ctx context.Context, key string, want Object) error {
	got, err := s.client.StatObject(ctx, s.bucket, key, minio.StatObjectOptions{Checksum: true})
	switch {
	case err != nil && isNotFound(err):
		return fmt.Errorf("s3://%s/%s is gone: %w", s.bucket, key, ErrMismatch)
	case err != nil:
		return s.storeError("verify", key, err)
	case got.Size != want.Bytes:
		return fmt.Errorf("s3://%s/%s has %d bytes, not %d: %w", s.bucket, key, got.Size, want.Bytes, ErrMismatch)
	case got.UserMetadata[metadataSHA256] != want.SHA256:
		return fmt.Errorf("s3://%s/%s has another SHA-256 in its metadata: %w", s.bucket, key, ErrMismatch)
	}
	if raw, err := base64.StdEncoding.DecodeString(got.ChecksumSHA256); err == nil && len(raw) == 32 && hex.EncodeToString(raw) != want.SHA256 {
		return fmt.Errorf("s3://%s/%s has another SHA-256 by the store's own checksum: %w", s.bucket, key, ErrMismatch)
	}
	return nil
}
