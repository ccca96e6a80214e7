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
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"github.com/callvault/callvault/workflows"
)

const (
	// MaxObjectBytes is the most that S3 accepts in one PUT, and in one copy.
	MaxObjectBytes = 5 << 30

	// partBytes is the buffer size of an upload of unknown length, the only case
	// in which a part of a recording is kept in memory.
	partBytes = 8 << 20
)

// nullVersion is the version of an object that was written while versioning was
// suspended. The labelled object has replaced it.
const nullVersion = "null"

// The user metadata of an object.
const (
	metadataSHA256 = "Sha256"
	metadataFormat = "Format"
)

// Config describes the archive.
type Config struct {
	// Endpoint is the store's address, http or https. Required.
	Endpoint *url.URL
	// Bucket holds the recordings. Required.
	Bucket string
	// Region of the bucket. Defaults to the one that the store reports.
	Region string
	// Prefix begins every key, for example "calls/". Defaults to none.
	Prefix string
	// Credentials sign the requests, see [KeyPair] and [SharedFile]. Defaults to
	// the standard AWS chain: environment, shared file, web identity, container
	// and instance role.
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
	health health
}

// Open returns the archive of config. It sends no request.
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
		// The checksum of a stream is known only at its end.
		TrailingHeaders: true,
		// Temporal retries.
		MaxRetries: 1,
	})
	if err != nil {
		return nil, fmt.Errorf("S3_ENDPOINT: %w", err)
	}
	return &Store{client: client, bucket: config.Bucket, region: config.Region, prefix: config.Prefix}, nil
}

// Bucket returns the name of the archive's bucket.
func (s *Store) Bucket() string { return s.bucket }

// Folder returns the common prefix of a session's objects, see [Folder].
func (s *Store) Folder(session workflows.Session) (string, error) { return Folder(s.prefix, session) }

// ManifestKey returns the key of a session's manifest.
func (s *Store) ManifestKey(session workflows.Session) (string, error) {
	folder, err := s.Folder(session)
	return folder + ManifestName, err
}

const keysRemedy = "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or the account's keys in CALLVAULT_CONFIG, or run under a role"

// CheckCredentials returns an error if there are no credentials to sign requests.
func (s *Store) CheckCredentials() error {
	value, err := s.client.GetCreds()
	if err != nil {
		return fmt.Errorf("the AWS credentials cannot be loaded: %w: %s", err, keysRemedy)
	}
	if value.SignerType.IsAnonymous() || value.AccessKeyID == "" || value.SecretAccessKey == "" {
		return errors.New("no AWS credentials were found: " + keysRemedy)
	}
	return nil
}

// EnsureBucket creates the bucket if it is missing.
func (s *Store) EnsureBucket(ctx context.Context) error {
	exists, err := s.client.BucketExists(ctx, s.bucket)
	if err != nil {
		return s.storeError(opCheck, "", s.reasonFor(ctx, err))
	}
	if exists {
		return nil
	}
	err = s.client.MakeBucket(ctx, s.bucket, minio.MakeBucketOptions{Region: s.region})
	if err == nil || minio.ToErrorResponse(err).Code == "BucketAlreadyOwnedByYou" {
		return nil
	}
	if created, _ := s.client.BucketExists(ctx, s.bucket); created {
		return nil // Another worker has created it, and the store said so in another way.
	}
	return s.storeError("create", "", err)
}

// reasonTimeout bounds the request that finds out why another was refused.
const reasonTimeout = 5 * time.Second

// reasonFor returns why the store refused a HEAD request. Its response has no
// body, so a wrong secret, a wrong region and a missing permission look alike;
// those of a GET tell them apart. If they do not, it returns err.
func (s *Store) reasonFor(ctx context.Context, err error) error {
	if status := minio.ToErrorResponse(err).StatusCode; status < 300 || status >= 500 || status == http.StatusNotFound || status == http.StatusPreconditionFailed {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, reasonTimeout)
	defer cancel()
	for first := range s.client.ListObjectsIter(ctx, s.bucket, minio.ListObjectsOptions{MaxKeys: 1}) {
		if remedyFor(minio.ToErrorResponse(first.Err).Code) != "" {
			return first.Err
		}
		break // It would list the whole bucket, one object a request.
	}
	return err
}

// Source is a recording to store.
type Source interface {
	// Read returns the last bytes only once the recording is known to be
	// complete, and an error otherwise.
	io.Reader
	// SHA256 returns the hex digest of all bytes, once Read has returned io.EOF.
	SHA256() string
}

// Attributes describe an object.
type Attributes struct {
	ContentType string
	Format      string
}

// Object describes an object in the archive.
type Object struct {
	Bytes  int64
	SHA256 string
}

// CleanUp aborts the uploads of the object key that an earlier attempt left
// unfinished, for example because its worker was killed.
func (s *Store) CleanUp(ctx context.Context, key string) error {
	return s.storeError("clean up", key, s.client.RemoveIncompleteUpload(ctx, s.bucket, key))
}

// Put streams source into the object key. length is in bytes, or -1 if it is
// not known. The object is created only if source was read to its end without
// an error and the store has verified the checksum that was computed during the
// upload; an error of source is returned as it is.
//
// Of two concurrent calls for one key, one gets [ErrConflict].
func (s *Store) Put(ctx context.Context, key string, source Source, length int64, attributes Attributes) (Object, error) {
	if length > MaxObjectBytes {
		return Object{}, ErrTooLarge
	}
	options, err := s.putOptions(ctx, key, attributes)
	if err != nil {
		return Object{}, err
	}
	options.DisableMultipart = length >= 0

	body := &uploadReader{source: source, left: MaxObjectBytes}
	uploaded, err := s.client.PutObject(ctx, s.bucket, key, body, length, options)
	whole, failed := body.state()
	switch {
	case failed != nil:
		return Object{}, failed
	case err != nil:
		return Object{}, s.storeError(opWrite, key, err)
	case !whole:
		return Object{}, fmt.Errorf("write s3://%s/%s: the store responded before it had the whole recording: %w", s.bucket, key, ErrMismatch)
	}
	return s.label(ctx, key, uploaded, source.SHA256(), attributes)
}

// putOptions makes the write conditional on the current object at key, so that
// no writer, even one that was presumed dead, overwrites another's object
// unnoticed.
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
		return options, s.storeError("inspect", key, err)
	}
	return options, nil
}

// label adds the digest, which is known only after the last byte, to the
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
		// A versioned bucket has kept the unlabelled version. If it may not be
		// deleted (Object Lock), it only costs space.
		_ = s.client.RemoveObject(ctx, s.bucket, key, minio.RemoveObjectOptions{VersionID: uploaded.VersionID})
	}
	s.health.stored()
	object := Object{Bytes: uploaded.Size, SHA256: sha256}
	return object, s.Verify(ctx, key, object)
}

// Verify checks that the object key in the store matches want: its length, and
// the store's own SHA-256 or, if the store does not return one, the digest in the
// metadata as far as there is one. Metadata alone proves nothing against the
// store: a copy may have lost it. It returns [ErrMismatch] if they differ.
func (s *Store) Verify(ctx context.Context, key string, want Object) error {
	got, err := s.client.StatObject(ctx, s.bucket, key, minio.StatObjectOptions{Checksum: true})
	if isNotFound(err) {
		return fmt.Errorf("s3://%s/%s does not exist: %w", s.bucket, key, ErrMismatch)
	}
	if err != nil {
		return s.storeError("verify", key, s.reasonFor(ctx, err))
	}
	if got.Size != want.Bytes {
		return fmt.Errorf("s3://%s/%s has %d bytes, not %d: %w", s.bucket, key, got.Size, want.Bytes, ErrMismatch)
	}
	if raw, err := base64.StdEncoding.DecodeString(got.ChecksumSHA256); err == nil && len(raw) == 32 {
		if hex.EncodeToString(raw) != want.SHA256 {
			return fmt.Errorf("s3://%s/%s has a different SHA-256 as the store's own checksum: %w", s.bucket, key, ErrMismatch)
		}
		return nil
	}
	if digest := got.UserMetadata[metadataSHA256]; digest != "" && digest != want.SHA256 {
		return fmt.Errorf("s3://%s/%s has a different SHA-256 in its metadata: %w", s.bucket, key, ErrMismatch)
	}
	return nil
}
