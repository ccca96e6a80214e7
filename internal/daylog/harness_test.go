package daylog_test

import (
	"context"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/callvault/callvault/internal/daylog"
	"github.com/callvault/callvault/internal/merkle"
)

const prefix = "calls/"

func newKey(t testing.TB) *daylog.Key {
	t.Helper()
	secret, _, err := daylog.NewKey("acme.example/recordings")
	require.NoError(t, err)
	key, err := daylog.ParseKey(secret)
	require.NoError(t, err)
	return key
}

// bucket is a store in memory. As in S3 the ETag is that of the content: an object that is
// replaced by another and then by the first again has its first ETag again.
type bucket struct {
	mu      sync.Mutex
	objects map[string][]byte
	// before is called before a request is done, and after when it is; an error is what the
	// caller gets.
	before, after func(operation, key string) error
	requests      int
}

func newBucket() *bucket { return &bucket{objects: make(map[string][]byte)} }

func etagOf(content []byte) string {
	sum := md5.Sum(content)
	return hex.EncodeToString(sum[:])
}

var errTooLarge = errors.New("too large")

func (b *bucket) ReadObject(ctx context.Context, key string, limit int64) ([]byte, string, error) {
	content, etag, found := []byte(nil), "", false
	err := b.do(ctx, "read", key, func() {
		content, found = b.objects[key]
		etag = etagOf(content)
	})
	switch {
	case err != nil || !found:
		return nil, "", err
	case int64(len(content)) > limit:
		return nil, "", errTooLarge
	}
	return content, etag, nil
}

func (b *bucket) WriteObject(ctx context.Context, key, _ string, content []byte, replaces string) (bool, error) {
	written := false
	err := b.do(ctx, "write", key, func() {
		present, found := b.objects[key]
		if replaces == "" && !found || found && etagOf(present) == replaces {
			b.objects[key], written = append([]byte{}, content...), true
		}
	})
	return written && err == nil, err
}

func (b *bucket) WriteWorkingObject(ctx context.Context, key, contentType string, content []byte, replaces string) (bool, error) {
	return b.WriteObject(ctx, key, contentType, content, replaces)
}

func (b *bucket) do(ctx context.Context, operation, key string, request func()) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if b.before != nil {
		if err := b.before(operation, key); err != nil {
			return err
		}
	}
	b.mu.Lock()
	request()
	b.requests++
	b.mu.Unlock()
	if b.after != nil {
		return b.after(operation, key)
	}
	return nil
}

func (b *bucket) copy() *bucket { return &bucket{objects: maps.Clone(b.objects)} }

// entriesOf returns the log's entries, and requires that it is whole: its checkpoint is
// signed, and every tile is what follows from the entries.
func entriesOf(t testing.TB, b *bucket, key *daylog.Key) []string {
	t.Helper()
	signed, found := b.objects[daylog.CheckpointKey(prefix)]
	if !found {
		return nil
	}
	checkpoint, err := daylog.OpenCheckpoint(signed, key.Verifier())
	require.NoError(t, err)
	var tree merkle.Tree
	var entries []string
	hashes := [][]tlog.Hash{{}}
	for index := int64(0); index*daylog.TileWidth < checkpoint.Size; index++ {
		width := daylog.Width(checkpoint.Size, 0, index)
		bundle, err := daylog.ParseBundle(b.objects[daylog.EntriesKey(prefix, index, width)], width)
		require.NoError(t, err)
		for _, entry := range bundle {
			tree.Add(entry)
			entries = append(entries, string(entry))
			hashes[0] = append(hashes[0], tlog.RecordHash(entry))
		}
	}
	require.Equal(t, checkpoint.Root, tree.Root())
	for level := 0; len(hashes[level]) > 0; level++ {
		requireTiles(t, b, level, hashes[level])
		hashes = append(hashes, above(hashes[level]))
	}
	return entries
}

// above returns the hashes of the complete subtrees of 256 hashes.
func above(hashes []tlog.Hash) []tlog.Hash {
	var roots []tlog.Hash
	for ; len(hashes) >= 256; hashes = hashes[256:] {
		var tree merkle.Tree
		half := hashes[:256]
		for len(half) > 1 {
			var next []tlog.Hash
			for i := 0; i < len(half); i += 2 {
				next = append(next, tlog.NodeHash(half[i], half[i+1]))
			}
			half = next
		}
		tree.AddHash(half[0])
		roots = append(roots, tree.Root())
	}
	return roots
}

func requireTiles(t testing.TB, b *bucket, level int, hashes []tlog.Hash) {
	t.Helper()
	for index := int64(0); len(hashes) > 0; index++ {
		width := min(256, len(hashes))
		var want strings.Builder
		for _, hash := range hashes[:width] {
			want.Write(hash[:])
		}
		require.Equal(t, want.String(), string(b.objects[daylog.TileKey(prefix, level, index, width)]), "level %d, tile %d", level, index)
		hashes = hashes[width:]
	}
}

func texts(from, to int) [][]byte {
	var entries [][]byte
	for i := from; i < to; i++ {
		entries = append(entries, fmt.Appendf(nil, `{"entry":%d}`, i))
	}
	return entries
}

func requireHas(t testing.TB, entries []string, want [][]byte) {
	t.Helper()
	require.Len(t, entries, len(want))
	for i, entry := range want {
		require.Equal(t, string(entry), entries[i])
	}
}
