package archive_test

import (
	"net/http"
	"testing"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/internal/archive"
	"github.com/callvault/callvault/internal/archive/s3test"
)

// leave begins a multipart upload, as a worker that was killed.
func leave(t *testing.T, server *s3test.Server, key string) {
	t.Helper()
	server.AcceptUnchecked = true // Nothing was written yet.
	client, err := minio.New(server.URL.Host, &minio.Options{Creds: credentials.NewStaticV4("key", "secret", ""), Region: "us-east-1"})
	require.NoError(t, err)
	_, err = minio.Core{Client: client}.NewMultipartUpload(t.Context(), bucket, key, minio.PutObjectOptions{})
	require.NoError(t, err)
}

func TestCleanUpAbortsTheUploadsOfOneObject(t *testing.T) {
	store, server := openStore(t)
	require.NoError(t, store.CleanUp(t.Context(), aKey, ""), "there may be none")
	leave(t, server, aKey)
	leave(t, server, aKey)
	leave(t, server, aKey+".longer")
	require.NoError(t, store.CleanUp(t.Context(), aKey, ""))
	require.Equal(t, []string{aKey + ".longer"}, server.Uploads())
}

func TestCleanUpReturnsTheStoresRefusal(t *testing.T) {
	for _, operation := range []s3test.Operation{s3test.ListMultipartUploads, s3test.AbortMultipartUpload} {
		store, server := openStore(t)
		leave(t, server, aKey)
		server.Add(s3test.Rule{Operation: operation, Status: http.StatusForbidden, Code: "AccessDenied"})
		err := store.CleanUp(t.Context(), aKey, "")
		require.ErrorIs(t, err, archive.ErrBlocked)
		require.ErrorContains(t, err, "clean up s3://recordings/"+aKey)
		require.Len(t, server.Uploads(), 1)
	}
}

func TestCleanUpKeepsTheUploadThatIsContinued(t *testing.T) {
	store, server := openStore(t)
	leave(t, server, aKey)
	leave(t, server, aKey)
	require.NoError(t, store.CleanUp(t.Context(), aKey, "upload-2"))
	require.Equal(t, []string{aKey}, server.Uploads())
	require.NoError(t, store.Abort(t.Context(), aKey, "upload-2"))
	require.Empty(t, server.Uploads())
	require.NoError(t, store.Abort(t.Context(), aKey, "upload-2"), "another one may have removed it")
}
