package archive_test

import (
	"io"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/internal/archive"
	"github.com/callvault/callvault/internal/archive/s3test"
	"github.com/callvault/callvault/internal/failure"
)

const linkKey = "calls/a.wav"

func file(contentType string) archive.File {
	return archive.File{FileName: "a.wav", Key: linkKey, Bytes: 5, ContentType: contentType}
}

func TestLinkReadsOneFileForItsLifetime(t *testing.T) {
	store, server := openStore(t)
	server.Set(bucket, linkKey, s3test.Object{Body: []byte("sound")})
	link, err := store.Link(t.Context(), file("audio/wav"), 90*time.Second)
	require.NoError(t, err)
	require.Empty(t, server.Requests(), "it is made without a request")

	query := link.Query()
	require.Equal(t, "90", query.Get("X-Amz-Expires"))
	require.Equal(t, "audio/wav", query.Get("response-content-type"))
	require.Equal(t, `inline; filename=a.wav`, query.Get("response-content-disposition"))
	require.NotContains(t, link.String(), "canary-secret")

	require.Equal(t, "sound", get(t, link))
}

// Where the worker reaches the store by a name of its network, a browser may reach it by another one.
func TestLinkNamesTheStoreByItsPublicAddress(t *testing.T) {
	server := s3test.New(t, bucket)
	var public *url.URL
	store := openWith(t, server, func(c *archive.Config) {
		at := *c.Endpoint
		at.Host = "localhost:" + at.Port()
		public, c.PublicEndpoint = &at, &at
	})
	server.Set(bucket, linkKey, s3test.Object{Body: []byte("sound")})
	link, err := store.Link(t.Context(), file("audio/wav"), time.Minute)
	require.NoError(t, err)
	require.Empty(t, server.Requests(), "it is made without a request")
	require.Equal(t, public.Host, link.Host)
	require.Equal(t, "sound", get(t, link)) // The signature is for this address.
	require.NoError(t, store.CheckReadable(t.Context(), file("audio/wav")))
}

// get follows a link.
func get(t *testing.T, link *url.URL) string {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, link.String(), nil)
	require.NoError(t, err)
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, response.StatusCode, string(body))
	return string(body)
}

func TestLinkToWhatIsNoSoundIsSavedByABrowser(t *testing.T) {
	store, _ := openStore(t)
	link, err := store.Link(t.Context(), file("text/html"), time.Minute)
	require.NoError(t, err)
	require.Equal(t, `attachment; filename=a.wav`, link.Query().Get("response-content-disposition"))
}

func TestLifetimeOfALinkIsBounded(t *testing.T) {
	store, _ := openStore(t)
	for _, lifetime := range []time.Duration{0, -time.Hour, time.Minute - 1, 12*time.Hour + 1} {
		_, err := store.Link(t.Context(), file("audio/wav"), lifetime)
		require.Equal(t, failure.InvalidInput, failure.KindOf(err), lifetime)
		require.ErrorContains(t, err, "want 1m0s to 12h0m0s")
	}
}

func TestFileIsReadableIfItsObjectIsWhatTheManifestSays(t *testing.T) {
	store, server := openStore(t)
	require.ErrorIs(t, store.CheckReadable(t.Context(), file("audio/wav")), archive.ErrMismatch, "it is missing")
	server.Set(bucket, linkKey, s3test.Object{Body: []byte("four")})
	require.ErrorIs(t, store.CheckReadable(t.Context(), file("audio/wav")), archive.ErrMismatch, "it is shorter")
	server.Set(bucket, linkKey, s3test.Object{Body: []byte("sound")})
	require.NoError(t, store.CheckReadable(t.Context(), file("audio/wav")))
}

func TestFileInAColdClassHasToBeRestored(t *testing.T) {
	store, server := openStore(t)
	server.Set(bucket, linkKey, s3test.Object{Body: []byte("sound"), Kept: map[string]string{"X-Amz-Storage-Class": "DEEP_ARCHIVE"}})
	err := store.CheckReadable(t.Context(), file("audio/wav"))
	require.ErrorIs(t, err, archive.ErrNotRestored)
	require.ErrorContains(t, err, "DEEP_ARCHIVE: it cannot be read before it is restored: have the object restored")
}
