package conformance_test

import (
	"encoding/json"
	"os"
	"testing"

	"github.com/minio/minio-go/v7/pkg/credentials"
	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/internal/archive/conformance"
)

// TestConfiguredStoreShowsItsCapabilities tries what any S3-compatible store can do and
// prints a line of JSON for each, from which dev/stores writes docs/stores.md:
//
//	CALLVAULT_TEST_S3_ENDPOINT=http://127.0.0.1:9000 AWS_ACCESS_KEY_ID=… AWS_SECRET_ACCESS_KEY=… go test ./internal/archive/conformance -run Capabilities -v
//
// CALLVAULT_TEST_S3_DOMAIN is the domain of its virtual hosts, and CALLVAULT_TEST_S3_KMS_KEY
// a key to encrypt with.
func TestConfiguredStoreShowsItsCapabilities(t *testing.T) {
	endpoint := configuredEndpoint(t)
	signer, err := credentials.NewEnvAWS().GetWithContext(nil)
	require.NoError(t, err)
	seen, err := conformance.Capabilities(t.Context(), conformance.Probe{
		Endpoint: endpoint, AccessKey: signer.AccessKeyID, SecretKey: signer.SecretAccessKey,
		Domain: os.Getenv("CALLVAULT_TEST_S3_DOMAIN"), KMSKey: os.Getenv("CALLVAULT_TEST_S3_KMS_KEY"),
	})
	require.NoError(t, err)
	for _, capability := range seen {
		require.NoError(t, json.NewEncoder(t.Output()).Encode(capability))
	}
}
