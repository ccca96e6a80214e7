package conformance_test

import (
	"net/url"
	"os"
	"testing"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/internal/archive"
	"github.com/callvault/callvault/internal/archive/conformance"
)

// configuredEndpoint returns the address of the store that the environment names. Without
// one there is nothing to test.
func configuredEndpoint(t *testing.T) *url.URL {
	t.Helper()
	address := os.Getenv("CALLVAULT_TEST_S3_ENDPOINT")
	if address == "" {
		t.Skip("CALLVAULT_TEST_S3_ENDPOINT is not set")
	}
	endpoint, err := url.Parse(address)
	require.NoError(t, err)
	return endpoint
}

// TestConfiguredStoreConforms tests any S3-compatible store:
//
//	CALLVAULT_TEST_S3_ENDPOINT=http://127.0.0.1:9000 AWS_ACCESS_KEY_ID=… AWS_SECRET_ACCESS_KEY=… go test ./internal/archive/conformance
//
// It is skipped without that variable; the module dev always runs the suite on
// versitygw.
func TestConfiguredStoreConforms(t *testing.T) {
	endpoint := configuredEndpoint(t)
	config := archive.Config{Endpoint: endpoint, Bucket: "callvault-conformance", Region: "us-east-1"}
	store, err := archive.Open(config)
	require.NoError(t, err)
	require.NoError(t, store.EnsureBucket(t.Context()))
	client, err := minio.New(endpoint.Host, &minio.Options{Creds: credentials.NewEnvAWS(), Secure: endpoint.Scheme == "https"})
	require.NoError(t, err)
	conformance.Run(t, conformance.Target{Store: store, Config: config, Client: client})
}
