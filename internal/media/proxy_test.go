package media_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/internal/media"
)

// throughProxy is set in the process that runs TestProxyIsUsed alone, with a
// proxy.
const throughProxy = "CALLVAULT_MEDIA_TEST_PROXY"

// The proxy is on loopback, where media itself may not be.
func TestProxyIsUsed(t *testing.T) {
	if os.Getenv(throughProxy) != "" {
		api := &url.URL{Scheme: "https", Host: "smartassist.kore.ai"}
		got := fetch(t, media.NewFetcher(media.NewHostPolicy(api, vendorsHosts)), "https://media.kore.ai/a?s=canary", generousLimit)
		var unavailable *media.UnavailableError
		require.ErrorAs(t, got.err, &unavailable)
		return
	}
	requests := make(chan string, 10)
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests <- r.Method + " " + r.Host
		w.WriteHeader(http.StatusBadGateway)
	}))
	defer proxy.Close()
	child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestProxyIsUsed$")
	child.Env = append(os.Environ(), throughProxy+"=1", "HTTPS_PROXY="+proxy.URL, "NO_PROXY=", "no_proxy=")
	output, err := child.CombinedOutput()
	require.NoError(t, err, string(output))
	require.Len(t, requests, 1)
	require.Equal(t, "CONNECT media.kore.ai:443", <-requests)
}
