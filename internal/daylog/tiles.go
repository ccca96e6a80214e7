package daylog

import (
	"context"

	"golang.org/x/mod/sumdb/tlog"
)

// tiles reads the tiles of a log, each once: none ever changes. It implements
// [tlog.TileReader].
type tiles struct {
	ctx    context.Context
	store  Store
	prefix string
	read   map[tlog.Tile][]byte
	// err is the first failure to read one, which package tlog does not tell from a tile that
	// is wrong.
	err error
}

// Height implements [tlog.TileReader].
func (t *tiles) Height() int { return tileHeight }

// SaveTiles implements [tlog.TileReader].
func (t *tiles) SaveTiles([]tlog.Tile, [][]byte) {}

// ReadTiles implements [tlog.TileReader].
func (t *tiles) ReadTiles(wanted []tlog.Tile) ([][]byte, error) {
	var data [][]byte
	for _, tile := range wanted {
		content, err := t.tile(tile)
		if err != nil {
			t.err = err
			return nil, err
		}
		data = append(data, content)
	}
	return data, nil
}

func (t *tiles) tile(tile tlog.Tile) ([]byte, error) {
	if content, found := t.read[tile]; found {
		return content, nil
	}
	at := key(t.prefix, tile)
	content, _, err := t.store.ReadObject(t.ctx, at, TileWidth*tlog.HashSize)
	switch {
	case err != nil:
		return nil, err
	case content == nil:
		return nil, damaged(at, "the tile is missing")
	case len(content) != tile.W*tlog.HashSize:
		return nil, damaged(at, "the tile has not %d hashes", tile.W)
	}
	t.read[tile] = content
	return content, nil
}

// of returns the hashes of a tree, all of which are checked against its root.
func (t *tiles) of(tree tlog.Tree) tlog.HashReader {
	return tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		if len(indexes) == 0 {
			return nil, nil
		}
		t.err = nil
		hashes, err := tlog.TileHashReader(tree, t).ReadHashes(indexes)
		switch {
		case t.err != nil:
			return nil, t.err
		case err != nil:
			return nil, damaged(CheckpointKey(t.prefix), "the tiles do not have the root of the checkpoint of %d entries", tree.N)
		}
		return hashes, nil
	})
}

// entries returns the entries of the level-0 tile of an index, as far as the tree has them,
// all of which are checked against its root.
func (t *tiles) entries(tree tlog.Tree, index int64) ([][]byte, error) {
	width := Width(tree.N, 0, index)
	at := EntriesKey(t.prefix, index, width)
	bundle, _, err := t.store.ReadObject(t.ctx, at, MaxBundleBytes)
	switch {
	case err != nil:
		return nil, err
	case bundle == nil:
		return nil, damaged(at, "the entries are missing")
	}
	entries, err := ParseBundle(bundle, width)
	if err != nil {
		return nil, damaged(at, "%w", err)
	}
	indexes := make([]int64, width)
	for i := range indexes {
		indexes[i] = tlog.StoredHashIndex(0, index*TileWidth+int64(i))
	}
	hashes, err := t.of(tree).ReadHashes(indexes)
	if err != nil {
		return nil, err
	}
	for i, entry := range entries {
		if tlog.RecordHash(entry) != hashes[i] {
			return nil, damaged(at, "entry %d is not the one that the tiles have", index*TileWidth+int64(i))
		}
	}
	return entries, nil
}

// grown has the hashes of a tree and those of the entries that are added to it.
type grown struct {
	old   tlog.HashReader
	size  int64 // in hashes
	added []tlog.Hash
}

// ReadHashes implements [tlog.HashReader].
func (g *grown) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	var before []int64
	for _, index := range indexes {
		if index < g.size {
			before = append(before, index)
		}
	}
	old, err := g.old.ReadHashes(before)
	if err != nil {
		return nil, err
	}
	hashes := make([]tlog.Hash, 0, len(indexes))
	for _, index := range indexes {
		if index < g.size {
			hashes = append(hashes, old[0])
			old = old[1:]
		} else {
			hashes = append(hashes, g.added[index-g.size])
		}
	}
	return hashes, nil
}
