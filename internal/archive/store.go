package archive

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"sync/atomic"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"github.com/callvault/callvault/workflows"
)

// The length in bytes from which a recording is uploaded in parts: the least and the most
// that may be configured, and what is used otherwise.
const (
	MinMultipartFrom     = 5 << 20
	DefaultMultipartFrom = 64 << 20
	MaxMultipartFrom     = maxPartBytes
)

// Config describes the archive.
type Config struct {
	// Endpoint is the store's address, http or https. Required.
	Endpoint *url.URL
	// PublicEndpoint is the store's address in links to recordings, for those who do not
	// reach it at Endpoint. Defaults to Endpoint.
	PublicEndpoint *url.URL
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
	// KeyTemplate makes the folders of sessions, after the prefix. Defaults to
	// [DefaultTemplate].
	KeyTemplate Template
	// Options are how the store keeps what is written. Defaults to what the bucket says.
	Options Options
	// PathStyle is where the bucket's name is in an address. Defaults to [AutoStyle].
	PathStyle PathStyle
	// CACertificates are those, in PEM, that are trusted in addition to the system's.
	// They are not used with a Transport. Defaults to none.
	CACertificates []byte
	// Transport carries the requests. Defaults to one of its own for each archive.
	Transport http.RoundTripper
	// Observe is called with each response of the store, whose body it must leave alone.
	// Defaults to nothing.
	Observe func(*http.Response)
	// MultipartFrom is the length in bytes from which a recording is uploaded in parts,
	// so that an interrupted upload can be continued: [MinMultipartFrom] to
	// [MaxMultipartFrom]. Defaults to [DefaultMultipartFrom].
	MultipartFrom int64
}

// Store is the archive. It is safe for concurrent use.
type Store struct {
	client  *minio.Client
	core    minio.Core
	links   *minio.Client // signs links alone
	http    *http.Client
	config  Config
	bucket  string
	region  string
	prefix  string
	options Options
	health  health
	// unfit is what a probe has found that blocks; nil if nothing.
	unfit atomic.Pointer[Lack]

	// compositeOnly is set once the store has refused the checksum of a whole object
	// for an upload in parts.
	compositeOnly atomic.Bool
}

// Open returns the archive of config. It sends no request.
func Open(config Config) (*Store, error) {
	config, err := config.complete()
	if err != nil {
		return nil, err
	}
	client, err := config.client("S3_ENDPOINT", config.Endpoint)
	if err != nil {
		return nil, err
	}
	links := client
	if config.PublicEndpoint != nil {
		if links, err = config.client("S3_PUBLIC_ENDPOINT", config.PublicEndpoint); err != nil {
			return nil, err
		}
	}
	return &Store{
		client: client, core: minio.Core{Client: client}, links: links, http: newClient(config.Transport),
		config: config, bucket: config.Bucket, region: config.Region, prefix: config.Prefix, options: config.Options,
	}, nil
}

// Bucket returns the name of the archive's bucket.
func (s *Store) Bucket() string { return s.bucket }

// Folder returns the common prefix of a session's objects, ending with a slash, by the
// archive's template. It fails if the session is not valid.
func (s *Store) Folder(session workflows.Session) (string, error) {
	return s.config.KeyTemplate.folder(s.prefix, session)
}

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
