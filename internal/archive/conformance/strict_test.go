package conformance_test

import (
	"testing"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/internal/archive"
	"github.com/callvault/callvault/internal/archive/conformance"
	"github.com/callvault/callvault/internal/archive/s3test"
)

// The archive's own tests rely on this server, so it has to behave as real stores do.
func TestStrictServerConforms(t *testing.T) {
	server := s3test.New(t)
	server.AcceptUnchecked = true // for the suite's own client
	signer := credentials.NewStaticV4("key", "secret", "")
	config := archive.Config{Endpoint: server.URL, Bucket: "recordings", Region: "us-east-1", Prefix: "calls/", Credentials: signer}
	store, err := archive.Open(config)
	require.NoError(t, err)
	require.NoError(t, store.EnsureBucket(t.Context()))
	client, err := minio.New(server.URL.Host, &minio.Options{Creds: signer, Region: "us-east-1"})
	require.NoError(t, err)
	conformance.Run(t, conformance.Target{Store: store, Config: config, Client: client})
}
