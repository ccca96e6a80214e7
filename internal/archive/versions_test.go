package archive_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/internal/archive"
	"github.com/callvault/callvault/internal/archive/s3test"
)

func openVersioned(t *testing.T, status string) (*archive.Store, *s3test.Server) {
	t.Helper()
	store, server := openStore(t)
	client, err := minio.New(server.URL.Host, &minio.Options{Creds: credentials.NewStaticV4("key", "secret", ""), Region: "us-east-1"})
	require.NoError(t, err)
	require.NoError(t, client.SetBucketVersioning(t.Context(), bucket, minio.BucketVersioningConfiguration{Status: status}))
	server.ForgetRequests()
	return store, server
}

func TestVersionWithoutItsDigestIsRemoved(t *testing.T) {
	for _, length := range []int64{100, -1} {
		store, server := openVersioned(t, minio.Enabled)
		content := contentOf(100)
		object, err := put(t, store, content, length)
		require.NoError(t, err)
		requireStored(t, server, content, object)
		versions := server.Versions(bucket, aKey)
		require.Len(t, versions, 1)
		require.NotEmpty(t, versions[0].VersionID)
		require.Len(t, sent(server, s3test.DeleteObject), 1)
	}
}

func TestVersionIsRemovedOnlyIfThereIsAnotherOne(t *testing.T) {
	for name, row := range map[string]struct {
		status string
		header func(http.Header)
	}{
		"versioning suspended":     {minio.Suspended, nil},
		"copy has the same number": {minio.Enabled, func(header http.Header) { header.Set("X-Amz-Version-Id", "v1") }},
	} {
		t.Run(name, func(t *testing.T) {
			store, server := openVersioned(t, row.status)
			server.Add(s3test.Rule{Operation: s3test.CopyObject, Header: row.header})
			content := contentOf(100)
			object, err := put(t, store, content, 100)
			require.NoError(t, err)
			requireStored(t, server, content, object)
			require.Empty(t, sent(server, s3test.DeleteObject))
		})
	}
}

func TestVersionThatMayNotBeRemovedOnlyCostsSpace(t *testing.T) {
	store, server := openVersioned(t, minio.Enabled)
	server.Add(s3test.Rule{Operation: s3test.DeleteObject, Status: http.StatusForbidden, Code: "AccessDenied"})
	content := contentOf(100)
	object, err := put(t, store, content, 100)
	require.NoError(t, err)
	requireStored(t, server, content, object)
	require.Len(t, server.Versions(bucket, aKey), 2)
}

func TestNothingIsRemovedFromABucketWithoutVersions(t *testing.T) {
	store, server := openStore(t)
	_, err := put(t, store, contentOf(100), 100)
	require.NoError(t, err)
	for _, request := range server.Requests() {
		require.False(t, strings.HasPrefix(string(request.Operation), "Delete"))
	}
}
