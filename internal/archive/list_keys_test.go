package archive_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestKeysOfAPrefixAreListedInOrderAndBounded(t *testing.T) {
	store, _ := openStore(t)
	for _, key := range []string{"a/2", "a/1", "a/b/3", "b/4"} {
		require.NoError(t, store.WriteFile(t.Context(), key, "text/plain", strings.NewReader("x"), 1))
	}
	keys, err := store.Keys(t.Context(), "a/", 3)
	require.NoError(t, err)
	require.Equal(t, []string{"a/1", "a/2", "a/b/3"}, keys)
	_, err = store.Keys(t.Context(), "a/", 2)
	require.ErrorContains(t, err, "s3://recordings/a/ has more than 2 objects")
	keys, err = store.Keys(t.Context(), "c/", 1)
	require.NoError(t, err)
	require.Empty(t, keys)
}

func TestKeysOfMoreThanOnePageAreAllListedUnlessTheyAreCancelled(t *testing.T) {
	store, _ := openStore(t)
	for i := range 1005 {
		require.NoError(t, store.WriteFile(t.Context(), fmt.Sprintf("a/%04d", i), "text/plain", strings.NewReader("x"), 1))
	}
	keys, err := store.Keys(t.Context(), "a/", 2000)
	require.NoError(t, err)
	require.Len(t, keys, 1005)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = store.Keys(ctx, "a/", 2000)
	require.Error(t, err)
}
