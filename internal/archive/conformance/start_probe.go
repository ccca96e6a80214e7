package conformance

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// passesProbe shows what the store lacks as far as a worker finds out; see
// [archive.Store.Probe].
func (target Target) passesProbe(t *testing.T) {
	for range 2 { // The second one finds the record of the first, or probes again.
		lacks, err := target.Store.Probe(t.Context())
		require.NoError(t, err)
		for _, lack := range lacks {
			t.Log(lack.Text)
			require.False(t, lack.Blocks, lack.Text)
		}
	}
}
