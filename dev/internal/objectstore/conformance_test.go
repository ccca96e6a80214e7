package objectstore_test

import (
	"net/url"
	"testing"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/dev/internal/objectstore"
	"github.com/callvault/callvault/dev/internal/ports"
	"github.com/callvault/callvault/internal/archive"
	"github.com/callvault/callvault/internal/archive/conformance"
)

// TestStorePassesTheArchiveConformance runs the suite that every archive store must pass.
func TestStorePassesTheArchiveConformance(t *testing.T) {
	store, err := objectstore.Start(t.Context(), objectstore.Options{
		Dir: t.TempDir(), VersionsDir: t.TempDir(), MetadataDir: t.TempDir(),
		AccessKey: "access", SecretKey: "secret-secret", Port: ports.Any,
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, store.Stop()) })
	endpoint, err := url.Parse(store.Endpoint())
	require.NoError(t, err)
	signer := credentials.NewStaticV4("access", "secret-secret", "")
	config := archive.Config{Endpoint: endpoint, Bucket: "recordings", Region: "us-east-1", Prefix: "calls/", Credentials: signer}
	archived, err := archive.Open(config)
	require.NoError(t, err)
	require.NoError(t, archived.EnsureBucket(t.Context()))
	client, err := minio.New(endpoint.Host, &minio.Options{Creds: signer, Region: "us-east-1"})
	require.NoError(t, err)
	conformance.Run(t, conformance.Target{Store: archived, Config: config, Client: client})
}
