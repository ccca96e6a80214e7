package verify

import (
	"bytes"
	"slices"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/callvault/callvault/internal/daylog"
	"github.com/callvault/callvault/internal/merkle"
)

// readCheckpoint reports whether there is a checkpoint to go on with: one that does not hold
// is, if it can be read, so that everything that does not hold is found.
func (v *run) readCheckpoint() (bool, error) {
	at := place{kind: KindCheckpoint, key: daylog.CheckpointKey(v.Prefix)}
	signed, err := v.read(at.key, daylog.MaxCheckpointBytes)
	if err != nil {
		return false, v.hold(at, err)
	}
	v.checkpoint, err = daylog.OpenCheckpoint(signed, v.Key)
	if err == nil {
		v.signed = signed
	} else {
		v.report.fail(at.failure(err.Error()))
		text, _, _ := bytes.Cut(signed, []byte("\n\n"))
		if _, v.checkpoint, err = daylog.ParseCheckpoint(string(text) + "\n"); err != nil {
			return false, nil
		}
	}
	if v.kept.Size > v.checkpoint.Size {
		v.report.fail(at.failure(problemf("it has %d entries, fewer than the checkpoint that was kept, with %d: the log was put back, or is another one", v.checkpoint.Size, v.kept.Size).Error()))
	}
	return true, nil
}

// logReader reads the entries of the log one after the other.
type logReader struct {
	*run
	tree  merkle.Tree
	tiles *tileCheck // nil if tiles are not checked
	// stamped are the sizes of the log of which there is another checkpoint, ascending.
	stamped []stamped
}

// checkLog checks the entries and tiles of the log, and sorts the entries by day. It reports
// whether all entries were read.
func (v *run) checkLog() (isWhole bool, err error) {
	r := &logReader{run: v}
	if v.isEverything() {
		r.tiles = &tileCheck{run: v}
		if r.stamped, err = v.findStamped(); err != nil {
			return false, err
		}
	}
	isWhole = true
	r.checkRoots()
	for r.tree.Size() < v.checkpoint.Size {
		hasEntries, hasHashes, err := r.bundle()
		if err != nil {
			return false, err
		}
		if isWhole = isWhole && hasEntries; !hasHashes {
			return false, nil
		}
	}
	if r.tree.Root() != v.checkpoint.Root {
		v.report.fail(place{kind: KindLog, key: daylog.CheckpointKey(v.Prefix)}.failure("the entries of the log do not give its root hash"))
	}
	if r.tiles != nil {
		return isWhole, r.tiles.finish()
	}
	return isWhole, nil
}

// bundle reads the next bundle. If it does not hold, the leaf hashes are taken from the tile,
// so that the rest can be checked.
func (r *logReader) bundle() (hasEntries, hasHashes bool, err error) {
	index := r.tree.Size() / daylog.TileWidth
	width := daylog.Width(r.checkpoint.Size, 0, index)
	at := place{kind: KindLog, key: daylog.EntriesKey(r.Prefix, index, width)}
	entries, err := r.readEntries(at.key, width)
	if err == nil {
		for _, entry := range entries {
			if err := r.addHash(tlog.RecordHash(entry)); err != nil {
				return true, true, err
			}
			r.sortEntry(at.key, entry)
		}
		return true, true, nil
	}
	if err := r.hold(at, err); err != nil {
		return false, false, err
	}
	tile, err := r.read(daylog.TileKey(r.Prefix, 0, index, width), daylog.TileWidth*tlog.HashSize)
	if err != nil || len(tile) != width*tlog.HashSize {
		r.report.fail(at.failure("the log cannot be read from here on"))
		return false, false, r.hold(place{kind: KindLog, key: daylog.TileKey(r.Prefix, 0, index, width)}, err)
	}
	for hash := range slices.Chunk(tile, tlog.HashSize) {
		if err := r.addHash(tlog.Hash(hash)); err != nil {
			return false, true, err
		}
	}
	return false, true, nil
}

func (r *logReader) readEntries(key string, width int) ([][]byte, error) {
	bundle, err := r.read(key, daylog.MaxBundleBytes)
	if err != nil {
		return nil, err
	}
	entries, err := daylog.ParseBundle(bundle, width)
	if err != nil {
		return nil, problemf("%v", err)
	}
	return entries, nil
}

func (r *logReader) addHash(hash tlog.Hash) error {
	r.tree.AddHash(hash)
	r.checkRoots()
	if r.tiles == nil {
		return nil
	}
	return r.tiles.add(0, hash)
}

// checkRoots compares the root of the entries so far with those of other checkpoints of the
// same size.
func (r *logReader) checkRoots() {
	if r.Kept != nil && r.tree.Size() == r.kept.Size && r.tree.Root() != r.kept.Root {
		r.report.fail(place{kind: KindCheckpoint, key: daylog.CheckpointKey(r.Prefix)}.failure(
			problemf("the log does not extend the checkpoint that was kept: its first %d entries are others", r.kept.Size).Error()))
	}
	for len(r.stamped) > 0 && r.stamped[0].Size == r.tree.Size() {
		if r.stamped[0].Root != r.tree.Root() {
			r.report.fail(place{kind: KindTimestamp, key: r.stamped[0].key}.failure("the log does not extend this checkpoint: its first entries are others"))
		}
		r.stamped = r.stamped[1:]
	}
}

// tileCheck compares the tiles with the hashes that follow from the entries. It keeps one
// tile of each level.
type tileCheck struct {
	*run
	levels []tileLevel
}

type tileLevel struct {
	hashes []byte
	index  int64
}

func (t *tileCheck) add(level int, hash tlog.Hash) error {
	if level == len(t.levels) {
		t.levels = append(t.levels, tileLevel{})
	}
	current := &t.levels[level]
	current.hashes = append(current.hashes, hash[:]...)
	if len(current.hashes) < daylog.TileWidth*tlog.HashSize {
		return nil
	}
	if err := t.compare(level); err != nil {
		return err
	}
	root := subtreeRoot(current.hashes)
	current.hashes, current.index = current.hashes[:0], current.index+1
	return t.add(level+1, root)
}

// subtreeRoot returns the root of the complete subtree above the hashes of a tile.
func subtreeRoot(hashes []byte) tlog.Hash {
	var tree merkle.Tree
	for hash := range slices.Chunk(hashes, tlog.HashSize) {
		tree.AddHash(tlog.Hash(hash))
	}
	return tree.Root()
}

// finish compares the last tile of each level.
func (t *tileCheck) finish() error {
	for level := range t.levels {
		if len(t.levels[level].hashes) > 0 {
			if err := t.compare(level); err != nil {
				return err
			}
		}
	}
	return nil
}

func (t *tileCheck) compare(level int) error {
	current := t.levels[level]
	key := daylog.TileKey(t.Prefix, level, current.index, len(current.hashes)/tlog.HashSize)
	tile, err := t.read(key, daylog.TileWidth*tlog.HashSize)
	if err == nil && !bytes.Equal(tile, current.hashes) {
		err = problemf("the tile does not have the hashes that follow from the entries")
	}
	return t.hold(place{kind: KindLog, key: key}, err)
}
