package shortlist_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/internal/shortlist"
)

func TestLongListIsCut(t *testing.T) {
	for want, names := range map[string][]string{
		"":                nil,
		"a":               {"a"},
		"a, b":            {"a", "b"},
		"a, b and 1 more": {"a", "b", "c"},
		"a, b and 3 more": {"a", "b", "c", "d", "e"},
	} {
		require.Equal(t, want, shortlist.Of(names, 2))
	}
}
