package conformance

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/minio/minio-go/v7"
	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/internal/archive"
	"github.com/callvault/callvault/workflows"
)

// What a batch needs of a store.

const plainText = "text/plain; charset=utf-8"

func (target Target) planKey() string {
	return target.Store.BatchKey(newSession().SessionID, archive.BatchPlanOf("run-1"))
}

func (target Target) writesFiles(t *testing.T) {
	for _, size := range []int{1, 480_044, 20 << 20} {
		for _, length := range []int64{int64(size), -1} {
			key := target.planKey()
			require.NoError(t, target.Store.WriteFile(t.Context(), key, plainText, strings.NewReader("before"), 6))
			source := newSource(size)
			require.NoError(t, target.Store.WriteFile(t.Context(), key, plainText, source, length))
			reader, stored, err := target.Store.OpenFile(t.Context(), key)
			require.NoError(t, err)
			require.EqualValues(t, size, stored)
			content, err := io.ReadAll(reader)
			require.NoError(t, err)
			require.NoError(t, reader.Close())
			require.True(t, bytes.Equal(source.content, content))
			target.requireNoUpload(t, key)
		}
	}
	_, _, err := target.Store.OpenFile(t.Context(), target.planKey())
	require.ErrorIs(t, err, archive.ErrMissing)
}

func (target Target) createsFileOnce(t *testing.T) {
	for _, length := range []int64{5, -1} {
		key := target.planKey()
		require.NoError(t, target.Store.CreateFile(t.Context(), key, plainText, strings.NewReader("first"), length))
		require.ErrorIs(t, target.Store.CreateFile(t.Context(), key, plainText, strings.NewReader("again"), length), archive.ErrExists)
		content, err := target.Store.ReadRange(t.Context(), key, 0, 5)
		require.NoError(t, err)
		require.Equal(t, "first", string(content))
	}
	key := target.planKey()
	late := target.before(t, func() {
		require.NoError(t, target.Store.CreateFile(t.Context(), key, plainText, strings.NewReader("first"), 5))
	})
	require.ErrorIs(t, late.CreateFile(t.Context(), key, plainText, strings.NewReader("again"), 5), archive.ErrExists)
}

func (target Target) readsRanges(t *testing.T) {
	const size = 100_000
	key, source := target.planKey(), newSource(size)
	require.NoError(t, target.Store.WriteFile(t.Context(), key, plainText, source, size))
	for _, part := range [][2]int64{{0, 1}, {0, size}, {1, 2}, {37_000, 91_000}, {size - 1, size}} {
		content, err := target.Store.ReadRange(t.Context(), key, part[0], part[1])
		require.NoError(t, err, part)
		require.True(t, bytes.Equal(source.content[part[0]:part[1]], content), part)
	}
	for _, part := range [][2]int64{{0, size + 1}, {size - 1, size + 1}, {size, size + 1}, {2 * size, 3 * size}} {
		_, err := target.Store.ReadRange(t.Context(), key, part[0], part[1])
		require.ErrorIs(t, err, archive.ErrMismatch, part)
	}
	_, err := target.Store.ReadRange(t.Context(), target.planKey(), 0, 1)
	require.ErrorIs(t, err, archive.ErrMissing)
}

// listsPages lists more than the 1,000 keys of one response.
func (target Target) listsPages(t *testing.T) {
	bot := make([]byte, 8)
	rand.Read(bot) // A repeated run on the same store must not find its own objects.
	var sessions, withManifest []workflows.Session
	for i := range 560 {
		session := workflows.Session{BotID: "st-" + hex.EncodeToString(bot), SessionID: fmt.Sprintf("65e7133a%016x", i)}
		if sessions = append(sessions, session); i%7 > 0 {
			withManifest = append(withManifest, session)
		}
	}
	var keys []string
	for _, session := range sessions {
		keys = append(keys, target.keyOf(session))
	}
	for _, session := range withManifest {
		key, err := target.Store.ManifestKey(session)
		require.NoError(t, err)
		keys = append(keys, key)
	}
	target.putAll(t, keys)

	want := make(map[workflows.Session]bool)
	for _, session := range withManifest {
		want[session] = true
	}
	found, err := target.Store.Manifests(t.Context(), sessions)
	require.NoError(t, err)
	require.Equal(t, want, found)
	found, err = target.Store.Manifests(t.Context(), sessions[:12])
	require.NoError(t, err)
	require.Len(t, found, 10, "one by one")

	folder, err := target.Store.Folder(sessions[100])
	require.NoError(t, err)
	day := strings.TrimSuffix(folder, sessions[100].SessionID+"/")
	after := strings.TrimSuffix(folder, "/")
	slices.Sort(keys)
	var listed []string
	for object := range target.Client.ListObjectsIter(t.Context(), target.Store.Bucket(), minio.ListObjectsOptions{Prefix: day, Recursive: true, StartAfter: after}) {
		require.NoError(t, object.Err)
		listed = append(listed, object.Key)
	}
	first, _ := slices.BinarySearch(keys, after)
	require.Equal(t, keys[first:], listed, "keys are sorted, and those up to start-after are skipped")
}

// putAll stores these objects, some at a time.
func (target Target) putAll(t *testing.T, keys []string) {
	t.Helper()
	work, failed := make(chan string), make(chan error, len(keys))
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for key := range work {
				_, err := target.Client.PutObject(t.Context(), target.Store.Bucket(), key, strings.NewReader("{}"), 2, minio.PutObjectOptions{})
				failed <- err
			}
		})
	}
	for _, key := range keys {
		work <- key
	}
	close(work)
	all.Wait()
	close(failed)
	for err := range failed {
		require.NoError(t, err)
	}
}
