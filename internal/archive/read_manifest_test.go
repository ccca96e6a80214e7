package archive_test

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/internal/archive"
	"github.com/callvault/callvault/internal/archive/s3test"
	"github.com/callvault/callvault/workflows"
)

func TestReadManifestReturnsItsETag(t *testing.T) {
	store, server := openStore(t)
	none, etag, err := store.ReadManifest(t.Context(), session)
	require.NoError(t, err)
	require.Nil(t, none)
	require.Empty(t, etag)

	written, err := store.WriteManifest(t.Context(), manifestOf(workflows.OutcomeFailed, "1"), "")
	require.NoError(t, err)
	server.ForgetRequests()
	read, etag, err := store.ReadManifest(t.Context(), session)
	require.NoError(t, err)
	require.Equal(t, written, read)
	object, _ := server.Object(bucket, manifestKey)
	require.Equal(t, object.ETag, etag)
	require.Equal(t, []s3test.Operation{s3test.GetObject}, server.Operations())
}

func TestManifestIsReadUpToItsLimit(t *testing.T) {
	store, server := openStore(t)
	body := fmt.Sprintf(`{"version":1,"botId":%q,"sessionId":%q,"outcome":"failed"}`, botID, sessionID)
	for _, row := range []struct {
		size  int
		valid bool
	}{{1 << 20, true}, {1<<20 + 1, false}, {2 << 20, false}} {
		server.Set(bucket, manifestKey, s3test.Object{Body: []byte(body + strings.Repeat(" ", row.size-len(body)))})
		read, etag, err := store.ReadManifest(t.Context(), session)
		if row.valid {
			require.NoError(t, err)
			require.Equal(t, "failed", read.Outcome)
			continue
		}
		require.ErrorIs(t, err, archive.ErrBlocked)
		require.ErrorContains(t, err, "the manifest s3://recordings/"+manifestKey+" is not valid: it has more than 1048576 bytes; move it away")
		require.Nil(t, read)
		require.Empty(t, etag)
	}
}

func TestManifestThatIsCutOffIsReadAgain(t *testing.T) {
	store, server := openStore(t)
	write(t, store, manifestOf(workflows.OutcomeFailed, "1"))
	object, _ := server.Object(bucket, manifestKey)
	server.Add(s3test.Rule{
		Operation: s3test.GetObject,
		Body:      func(body []byte) []byte { return body[:len(body)/2] },
		Header:    func(header http.Header) { header.Set("Content-Length", strconv.Itoa(len(object.Body))) },
	})
	_, _, err := store.ReadManifest(t.Context(), session)
	requireUnavailable(t, err, "read s3://recordings/"+manifestKey)
	require.NotErrorIs(t, err, archive.ErrBlocked)
}

func TestMissingBucketIsNotAMissingManifest(t *testing.T) {
	server := s3test.New(t)
	_, _, err := openOn(t, server, "recordings").ReadManifest(t.Context(), session)
	require.ErrorIs(t, err, archive.ErrBlocked)
	require.ErrorContains(t, err, "S3_BUCKET")
}
