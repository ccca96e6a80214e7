package archive_test

import (
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/internal/archive"
	"github.com/callvault/callvault/internal/archive/s3test"
	"github.com/callvault/callvault/workflows"
)

func TestStoreIsFailingUntilSomethingIsWritten(t *testing.T) {
	content := []byte("RIFF")
	for name, row := range map[string]struct {
		rule  s3test.Rule
		fails bool
	}{
		"unavailable":            {s3test.Rule{Operation: s3test.PutObject, Status: 503, Code: "SlowDown"}, true},
		"refuses":                {s3test.Rule{Operation: s3test.PutObject, Status: 403, Code: "QuotaExceeded"}, true},
		"breaks the connection":  {s3test.Rule{Operation: s3test.PutObject, Status: 503, LoseResponse: true}, true},
		"another writer's write": {s3test.Rule{Operation: s3test.PutObject, Status: 412, Code: "PreconditionFailed"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			store, server := openStore(t)
			require.False(t, store.IsFailing(), "nothing is known")
			server.Add(row.rule)
			_, err := put(t, store, content, int64(len(content)))
			require.Error(t, err)
			require.Equal(t, row.fails, store.IsFailing())
			_, _, err = store.ReadManifest(t.Context(), session)
			require.NoError(t, err)
			require.Equal(t, row.fails, store.IsFailing(), "what can be read may still not be written")
			_, err = put(t, store, content, int64(len(content)))
			require.NoError(t, err)
			require.False(t, store.IsFailing())
		})
	}
}

func TestRecordingWhoseSourceFailsTellsNothingOfTheStore(t *testing.T) {
	store, _ := openStore(t)
	for _, length := range []int64{-1, 10} {
		source := recordingFrom(io.MultiReader(strings.NewReader("begun"), iotest.ErrReader(errSource)))
		_, err := store.Put(t.Context(), uploadOf(source, length))
		require.Equal(t, errSource, err)
		require.False(t, store.IsFailing())
	}
}

func TestManifestThatIsWrittenShowsThatTheStoreWorks(t *testing.T) {
	store, server := openStore(t)
	server.Add(s3test.Rule{Operation: s3test.PutObject, Status: 503, Code: "SlowDown"})
	m := manifestOf(workflows.OutcomeFailed, "1")
	_, err := store.WriteManifest(t.Context(), m, "")
	requireUnavailable(t, err)
	require.True(t, store.IsFailing())
	_, err = store.WriteManifest(t.Context(), m, "")
	require.NoError(t, err)
	require.False(t, store.IsFailing())
}

func TestInvalidManifestTellsNothingOfTheStore(t *testing.T) {
	store, server := openStore(t)
	key, err := store.ManifestKey(session)
	require.NoError(t, err)
	server.Set(bucket, key, s3test.Object{Body: []byte("{")})
	_, _, err = store.ReadManifest(t.Context(), session)
	require.ErrorIs(t, err, archive.ErrBlocked)
	require.False(t, store.IsFailing())
}

// A report that is ended early, because a fetch is running after all, must not keep the
// account's fetches from being made.
func TestFileWhoseSourceFailsTellsNothingOfTheStore(t *testing.T) {
	store, server := openStore(t)
	for _, length := range []int64{-1, 10} {
		source := io.MultiReader(strings.NewReader("begun"), iotest.ErrReader(errSource))
		require.Equal(t, errSource, store.WriteFile(t.Context(), planKey, text, source, length))
		require.False(t, store.IsFailing())
		_, found := server.Object(bucket, planKey)
		require.False(t, found)
	}
	// Of another key, since the server may still be at the requests above.
	server.Add(s3test.Rule{Operation: s3test.PutObject, Key: planKey + "2", Status: 503, Code: "SlowDown"})
	requireUnavailable(t, store.WriteFile(t.Context(), planKey+"2", text, iotest.HalfReader(strings.NewReader("whole")), 5))
	require.True(t, store.IsFailing(), "the store's own failure does")
}

var errSource = errors.New("the source has failed")
