package media_test

import (
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/internal/media"
	"github.com/callvault/callvault/internal/simulator"
)

// Its bytes come often enough that it is never still, but so few of them that it would take
// for hours. watchdog_test.go tests the exact rate with a fake clock; this is a real
// connection, on which a busy machine may let a pause become too long first.
func TestOverslowBodyIsEnded(t *testing.T) {
	t.Parallel()
	const limit, interval = 400 * time.Millisecond, 25 * time.Millisecond
	content := wav(300_000)
	v := newVendor(t)
	fromTheFirst := simulator.File{Raw: content, Faults: []simulator.Fault{{Kind: simulator.Slow, BytesPerSecond: 40, Times: -1}}}
	later, fetcher := local(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", strconv.Itoa(len(content)))
		_, _ = w.Write(content[:100_000])
		ticker := time.NewTicker(interval)
		defer ticker.Stop()
		for i := 100_000; i < len(content); i++ {
			_ = http.NewResponseController(w).Flush()
			select {
			case <-ticker.C:
				_, _ = w.Write(content[i : i+1])
			case <-r.Context().Done():
				return
			}
		}
	})
	for name, got := range map[string]download{
		"from its first byte":        fetch(t, v.fetcher, v.fileURL(t, fromTheFirst), limit),
		"after many that were quick": fetch(t, fetcher, later, limit),
	} {
		var unavailable *media.UnavailableError
		require.ErrorAs(t, got.err, &unavailable, name)
		require.Regexp(t, `^(no byte moved for|only \d+ bytes moved in)`, got.err.Error(), name)
		require.Less(t, len(got.content), 110_000, name)
	}
}
