package conformance_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/internal/archive/conformance"
)

// Some stores ignore the options that they do not know. Such an answer must not be
// taken for the option.
func TestServerThatAgreesToEverythingHasNoCapability(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("ETag", `"1"`)
		if r.URL.Query().Has("uploads") {
			_, _ = io.WriteString(w, "<InitiateMultipartUploadResult><UploadId>1</UploadId></InitiateMultipartUploadResult>")
		}
	}))
	t.Cleanup(server.Close)
	endpoint, err := url.Parse(server.URL)
	require.NoError(t, err)

	seen, err := conformance.Capabilities(t.Context(), conformance.Probe{Endpoint: endpoint, AccessKey: "key", SecretKey: "secret", Domain: "s3.test", Silence: 50 * time.Millisecond})
	require.NoError(t, err)
	require.Greater(t, len(seen), 60)
	names := map[string]bool{}
	for _, capability := range seen {
		require.False(t, names[capability.Name], "two rows have the name %q", capability.Name)
		names[capability.Name] = true
		if capability.Name == "`Expect: 100-continue`, a PUT that is taken" {
			require.Equal(t, "yes: 100", capability.Seen, "Go's server does that")
			continue
		}
		require.NotRegexp(t, regexp.MustCompile("^yes"), capability.Seen, capability.Name)
		require.NotContains(t, capability.Name+capability.Seen, "|", "it would end the table's cell")
	}
}

func TestStoreThatCannotBeReachedIsAnError(t *testing.T) {
	server := httptest.NewServer(nil)
	server.Close()
	endpoint, err := url.Parse(server.URL)
	require.NoError(t, err)
	_, err = conformance.Capabilities(t.Context(), conformance.Probe{Endpoint: endpoint, AccessKey: "key", SecretKey: "secret"})
	require.ErrorContains(t, err, "create bucket")
}
