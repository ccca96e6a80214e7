package archive_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"hash"
	"io"
	"net/http"
	"testing"

	"github.com/minio/minio-go/v7/pkg/credentials"
	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/internal/archive"
	"github.com/callvault/callvault/internal/archive/s3test"
	"github.com/callvault/callvault/internal/failure"
	"github.com/callvault/callvault/workflows"
)

const (
	bucket = "recordings"
	folder = "calls/" + botID + "/2024/03/05/" + sessionID + "/"
	aKey   = folder + "a.wav"
)

var (
	session = workflows.Session{BotID: botID, SessionID: sessionID}
)

// openStore returns an archive on a strict S3 server.
func openStore(t *testing.T) (*archive.Store, *s3test.Server) {
	t.Helper()
	server := s3test.New(t, bucket)
	return openOn(t, server, bucket), server
}

func openOn(t *testing.T, server *s3test.Server, bucket string) *archive.Store {
	t.Helper()
	store, err := archive.Open(archive.Config{
		Endpoint: server.URL, Bucket: bucket, Region: "us-east-1", Prefix: "calls/",
		Credentials: credentials.NewStaticV4("key", "canary-secret", ""),
	})
	require.NoError(t, err)
	return store
}

// recording is a source as the media package returns it.
type recording struct {
	source io.Reader
	hash   hash.Hash
}

func recordingOf(content []byte) *recording { return recordingFrom(bytes.NewReader(content)) }

func recordingFrom(source io.Reader) *recording { return &recording{source, sha256.New()} }

// restOf is a recording of which the first bytes were read before.
func restOf(content []byte, from int64) *recording {
	rest := recordingOf(content[from:])
	rest.hash.Write(content[:from])
	return rest
}

func (r *recording) Read(p []byte) (int, error) {
	n, err := r.source.Read(p)
	r.hash.Write(p[:n])
	return n, err
}

func (r *recording) SHA256() string { return hex.EncodeToString(r.hash.Sum(nil)) }

func digestOf(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:])
}

func checksumOf(content []byte) string {
	sum := sha256.Sum256(content)
	return base64.StdEncoding.EncodeToString(sum[:])
}

// objectOf is content as the archive stores it.
func objectOf(content []byte) s3test.Object {
	return s3test.Object{Body: content, ContentType: "audio/wav"}
}

// requireUnavailable requires an error that Temporal retries and that is no conflict.
func requireUnavailable(t *testing.T, err error, says ...string) {
	t.Helper()
	failed, ok := failure.Of(err)
	require.True(t, ok, "%v", err)
	require.Equal(t, failure.ArchiveUnavailable, failed.FailureKind(), "%v", err)
	require.NotErrorIs(t, err, archive.ErrConflict)
	for _, text := range says {
		require.ErrorContains(t, err, text)
	}
}

// sent returns the headers of the requests of one operation, in order.
func sent(server *s3test.Server, operation s3test.Operation) []http.Header {
	var headers []http.Header
	for _, request := range server.Requests() {
		if request.Operation == operation {
			headers = append(headers, request.Header)
		}
	}
	return headers
}

// requireConditions requires the conditions of one write; an empty one is not sent.
func requireConditions(t *testing.T, header http.Header, ifMatch, ifNoneMatch string) {
	t.Helper()
	require.Equal(t, ifMatch, header.Get("If-Match"))
	require.Equal(t, ifNoneMatch, header.Get("If-None-Match"))
}
