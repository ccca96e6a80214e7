package daylog

import (
	"bytes"
	"context"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/callvault/callvault/internal/failure"
)

// Bounds of one append.
const (
	// MaxEntries is the most entries that are appended at once.
	MaxEntries     = 128
	maxAppendBytes = 1 << 20

	// maxRounds is how often an append looks at the log anew because another one was quicker.
	maxRounds = 20
)

// Log is the log in a bucket. It is safe for concurrent use.
type Log struct {
	store  Store
	prefix string
	key    *Key
}

// Open returns the log of an archive with that prefix. It makes no request.
func Open(store Store, prefix string, key *Key) *Log { return &Log{store, prefix, key} }

// Appended is a log that has the entries.
type Appended struct {
	// Indexes are the places of the entries, in their order; the first of a log is 0.
	Indexes []int64
	// Size is the number of entries in the log.
	Size int64
	// Checkpoint is the log's, signed.
	Checkpoint []byte
}

// Append appends entries, 1 to [MaxEntries] of 1 to [MaxEntryBytes] bytes, together up to 1
// MiB, and returns when the checkpoint has them. An entry that is among the last 256 of the
// log is not appended again: its index is that one. So a call that failed, or was killed at any point, is
// repeated with the same entries.
//
// kept is a checkpoint that an earlier call returned, or nil. A log that does not extend it is
// refused.
//
// It returns a failure of kind ArchiveBlocked if the log was not signed by the key, does not
// extend kept, or does not add up, InvalidInput if the entries are out of bounds, and
// ArchiveUnavailable, among those of the store, if other appends are quicker again and again.
func (l *Log) Append(ctx context.Context, entries [][]byte, kept []byte) (Appended, error) {
	if err := checkEntries(entries); err != nil {
		return Appended{}, err
	}
	a := &appending{Log: l, tiles: &tiles{ctx: ctx, store: l.store, prefix: l.prefix, read: make(map[tlog.Tile][]byte)}, entries: entries, kept: kept}
	for range maxRounds {
		if appended, err := a.round(ctx); err != nil || appended != nil {
			return deref(appended), err
		}
	}
	return Appended{}, failure.New(failure.ArchiveUnavailable, "others append to the log of sealed days all the time: one writer is intended")
}

func deref(appended *Appended) Appended {
	if appended == nil {
		return Appended{}
	}
	return *appended
}

func checkEntries(entries [][]byte) error {
	total := 0
	for _, entry := range entries {
		if total += len(entry); len(entry) == 0 || len(entry) > MaxEntryBytes {
			return failure.Wrap(failure.InvalidInput, fmt.Errorf("an entry of the log has %d bytes: want 1 to %d", len(entry), MaxEntryBytes))
		}
	}
	if len(entries) == 0 || len(entries) > MaxEntries || total > maxAppendBytes {
		return failure.Wrap(failure.InvalidInput, fmt.Errorf("%d entries of together %d bytes: want 1 to %d, of up to %d bytes", len(entries), total, MaxEntries, maxAppendBytes))
	}
	return nil
}

// appending is one call of Append.
type appending struct {
	*Log
	tiles   *tiles
	entries [][]byte
	kept    []byte

	// written are the entries that this call has written down. Once the log is that long, it
	// has them, however long it is.
	written *pending
}

// head is the log as it was found.
type head struct {
	tree   tlog.Tree
	signed []byte // the checkpoint; nil if there is none
	etag   string

	pending     *pending // nil if there is none
	pendingETag string
}

// isUnfinished reports whether the pending entries are not in the log yet.
func (h head) isUnfinished() bool { return h.pending != nil && h.pending.base == h.tree.N }

// round looks at the log and does the next step: it completes what is pending, or writes down
// what is to be appended, or finds it appended. It returns nil if there is more to do.
func (a *appending) round(ctx context.Context) (*Appended, error) {
	h, err := a.look(ctx)
	if err != nil {
		return nil, err
	}
	if h.isUnfinished() {
		return nil, a.complete(ctx, h)
	}
	indexes, missing, err := a.find(h)
	if err != nil {
		return nil, err
	}
	if len(missing) == 0 {
		return &Appended{Indexes: indexes, Size: h.tree.N, Checkpoint: h.signed}, nil
	}
	return nil, a.writeDown(ctx, h, missing)
}

// look reads what is pending, and only then the checkpoint: a log is never behind what was
// pending before, unless somebody has put an older checkpoint in its place.
func (a *appending) look(ctx context.Context) (head, error) {
	var h head
	signed, etag, err := a.store.ReadObject(ctx, PendingKey(a.prefix), maxPendingBytes)
	if err != nil {
		return h, err
	}
	if signed != nil {
		p, err := openPending(signed, a.key.verifier)
		if err != nil {
			return h, damaged(PendingKey(a.prefix), "%w", err)
		}
		h.pending, h.pendingETag = &p, etag
	}
	h.signed, h.etag, err = a.store.ReadObject(ctx, CheckpointKey(a.prefix), MaxCheckpointBytes)
	if err != nil {
		return h, err
	}
	h.tree, err = a.treeOf(h.signed)
	if err != nil {
		return h, damaged(CheckpointKey(a.prefix), "%w", err)
	}
	if p := h.pending; p != nil && (p.base > h.tree.N || p.base < h.tree.N && p.end() > h.tree.N) {
		return h, damaged(CheckpointKey(a.prefix), "it has %d entries, and the log had %d already", h.tree.N, p.base)
	}
	return h, a.checkKept(h.tree)
}

// treeOf returns the tree of a signed checkpoint; that of an empty log if there is none.
func (a *appending) treeOf(signed []byte) (tlog.Tree, error) {
	if signed == nil {
		return tlog.Tree{}, nil
	}
	checkpoint, err := OpenCheckpoint(signed, a.key.verifier)
	return tlog.Tree{N: checkpoint.Size, Hash: checkpoint.Root}, err
}

// checkKept refuses a log that does not extend the checkpoint that the caller has kept.
func (a *appending) checkKept(tree tlog.Tree) error {
	kept, err := a.treeOf(a.kept)
	if err != nil {
		return failure.Wrap(failure.InvalidInput, fmt.Errorf("the checkpoint that was kept of the log: %w", err))
	}
	if kept.N > tree.N {
		return damaged(CheckpointKey(a.prefix), "it has %d entries, and the log had %d already", tree.N, kept.N)
	}
	if kept.N == 0 {
		return nil
	}
	root, err := tlog.TreeHash(kept.N, a.tiles.of(tree))
	if err != nil {
		return err
	}
	if root != kept.Hash {
		return damaged(CheckpointKey(a.prefix), "its first %d entries are not those that the log had", kept.N)
	}
	return nil
}

// find returns the indexes of the entries that the log has, and those that it lacks.
func (a *appending) find(h head) (indexes []int64, missing [][]byte, err error) {
	known, err := a.recent(h.tree)
	if err != nil {
		return nil, nil, err
	}
	if a.written != nil && a.written.end() <= h.tree.N {
		for i, entry := range a.written.entries {
			known[string(entry)] = a.written.base + int64(i)
		}
	}
	seen := make(map[string]bool, len(a.entries))
	for _, entry := range a.entries {
		index, found := known[string(entry)]
		if !found && !seen[string(entry)] {
			missing = append(missing, entry)
		}
		seen[string(entry)] = true
		indexes = append(indexes, index)
	}
	return indexes, missing, nil
}

// recent returns the index of each of the last 256 to 511 entries.
func (a *appending) recent(tree tlog.Tree) (map[string]int64, error) {
	known := make(map[string]int64)
	if tree.N == 0 {
		return known, nil
	}
	last := (tree.N - 1) / TileWidth
	for index := max(last-1, 0); index <= last; index++ {
		entries, err := a.tiles.entries(tree, index)
		if err != nil {
			return nil, err
		}
		for i, entry := range entries {
			known[string(entry)] = index*TileWidth + int64(i)
		}
	}
	return known, nil
}

// writeDown makes entries the pending ones. Nothing is pending in a log that is at h: as the
// object is replaced only if it is still what was found, and never gets the same content
// again, the log has not moved either.
func (a *appending) writeDown(ctx context.Context, h head, entries [][]byte) error {
	p := pending{h.tree.N, entries}
	if p.end() > MaxSize {
		return damaged(CheckpointKey(a.prefix), "it would have more than %d entries", int64(MaxSize))
	}
	signed, err := a.key.signPending(p)
	if err != nil {
		return err
	}
	written, err := a.store.WriteWorkingObject(ctx, PendingKey(a.prefix), contentTypeText, signed, h.pendingETag)
	if written {
		a.written = &p
	}
	return err
}

// complete writes the tiles of the pending entries and then the checkpoint.
func (a *appending) complete(ctx context.Context, h head) error {
	next, objects, err := a.extend(h.tree, h.pending.entries)
	if err != nil {
		return err
	}
	for _, object := range objects {
		if err := a.create(ctx, object.key, object.content); err != nil {
			return err
		}
	}
	signed, err := a.key.Sign(Checkpoint{next.N, next.Hash})
	if err != nil {
		return err
	}
	// If it was replaced meanwhile, somebody else has completed the entries.
	_, err = a.store.WriteObject(ctx, CheckpointKey(a.prefix), contentTypeText, signed, h.etag)
	return err
}

// create creates an object of the log. It may be there already, with the same content.
func (a *appending) create(ctx context.Context, key string, content []byte) error {
	created, err := a.store.WriteObject(ctx, key, contentTypeBinary, content, "")
	if created || err != nil {
		return err
	}
	present, _, err := a.store.ReadObject(ctx, key, int64(len(content)))
	switch {
	case err != nil:
		return err
	case present == nil:
		return failure.Wrap(failure.ArchiveUnavailable, fmt.Errorf("%s: it was there, and is not any more", key))
	case !bytes.Equal(present, content):
		return damaged(key, "it is there already with another content")
	}
	return nil
}

type object struct {
	key     string
	content []byte
}

// extend returns the tree with entries added, and the objects that it needs.
func (a *appending) extend(tree tlog.Tree, entries [][]byte) (tlog.Tree, []object, error) {
	hashes := &grown{old: a.tiles.of(tree), size: tlog.StoredHashCount(tree.N)}
	for i, entry := range entries {
		added, err := tlog.StoredHashes(tree.N+int64(i), entry, hashes)
		if err != nil {
			return tree, nil, err
		}
		hashes.added = append(hashes.added, added...)
	}
	next := tlog.Tree{N: tree.N + int64(len(entries))}
	objects, err := a.bundles(tree, entries)
	if err != nil {
		return tree, nil, err
	}
	for _, tile := range tlog.NewTiles(tileHeight, tree.N, next.N) {
		content, err := tlog.ReadTileData(tile, hashes)
		if err != nil {
			return tree, nil, err
		}
		objects = append(objects, object{key(a.prefix, tile), content})
	}
	next.Hash, err = tlog.TreeHash(next.N, hashes)
	return next, objects, err
}

// bundles returns the bundles that have entries which are added to a tree.
func (a *appending) bundles(tree tlog.Tree, entries [][]byte) ([]object, error) {
	var objects []object
	var bundle []byte
	if tree.N%TileWidth != 0 {
		present, err := a.tiles.entries(tree, tree.N/TileWidth)
		if err != nil {
			return nil, err
		}
		for _, entry := range present {
			bundle = appendToBundle(bundle, entry)
		}
	}
	for i, entry := range entries {
		bundle = appendToBundle(bundle, entry)
		size := tree.N + int64(i) + 1
		if index := (size - 1) / TileWidth; size%TileWidth == 0 || i == len(entries)-1 {
			objects = append(objects, object{EntriesKey(a.prefix, index, Width(size, 0, index)), bundle})
			bundle = nil
		}
	}
	return objects, nil
}
