package cli

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

// What the document links is what setup prints for any address.
func TestDocumentHasEveryViewOfTheWebUI(t *testing.T) {
	document, err := os.ReadFile("../../docs/web-ui.md")
	require.NoError(t, err)
	all := views("http://localhost:8233", "default")
	for _, one := range all {
		require.Contains(t, string(document), "["+one.Name+"]("+one.URL+")")
	}
	for i, one := range views("", "default") {
		require.Empty(t, one.URL)
		require.Equal(t, all[i].Query, one.Query)
	}
}
