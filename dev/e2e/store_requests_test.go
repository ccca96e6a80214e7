package e2e_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/dev/internal/countingproxy"
	"github.com/callvault/callvault/dev/internal/system"
	"github.com/callvault/callvault/workflows"
)

// Is there a manifest, the object, the manifest: the store returns the checksum with the
// PUT, so nothing else has to be asked.
func TestSmallRecordingCostsThreeRequestsOfTheStore(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	proxy := countingproxy.Start(t, h.Env["S3_ENDPOINT"])
	h.Env = h.Env.With("S3_ENDPOINT", proxy.URL)
	h.StartWorker()
	for range 2 {
		proxy.Taken()
		file := system.Recording("small.wav", 300_000)
		h.RequireArchived(h.Result(h.Execute(h.AddSession(nil, file), workflows.FetchPolicy{})), file)
		require.Equal(t, []string{http.MethodGet, http.MethodPut, http.MethodPut}, proxy.Taken())
	}
}
