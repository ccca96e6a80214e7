package daylog

import (
	"encoding/binary"
	"errors"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/callvault/callvault/internal/archive"
)

// The log's tiles have 256 hashes each.
const (
	tileHeight = 8
	TileWidth  = 1 << tileHeight
)

// MaxEntryBytes is the most that an entry may have: its length is written in two bytes.
const MaxEntryBytes = 1<<16 - 1

// MaxBundleBytes bounds a bundle of entries.
const MaxBundleBytes = TileWidth * (2 + MaxEntryBytes)

// CheckpointKey returns the key of the checkpoint.
func CheckpointKey(prefix string) string { return archive.LogPrefix(prefix) + "checkpoint" }

// PendingKey returns the key of the entries that are being appended.
func PendingKey(prefix string) string { return archive.LogPrefix(prefix) + "pending" }

// TileKey returns the key of the tile of a level and an index, with width hashes (1 to
// [TileWidth]).
func TileKey(prefix string, level int, index int64, width int) string {
	return fmt.Sprintf("%stile/%d/%s", archive.LogPrefix(prefix), level, tilePath(index, width))
}

// EntriesKey returns the key of the entries of the tile of level 0 with that index and width.
func EntriesKey(prefix string, index int64, width int) string {
	return archive.LogPrefix(prefix) + "tile/entries/" + tilePath(index, width)
}

func tilePath(index int64, width int) string {
	path := fmt.Sprintf("%03d", index%1000)
	for index >= 1000 {
		index /= 1000
		path = fmt.Sprintf("x%03d/%s", index%1000, path)
	}
	if width != TileWidth {
		path += fmt.Sprintf(".p/%d", width)
	}
	return path
}

// Width returns how many hashes the tile of a level and an index has in a log of size
// entries: 0 if there is no such tile.
func Width(size int64, level int, index int64) int {
	hashes := size >> (tileHeight * level)
	return int(max(min(hashes-index*TileWidth, TileWidth), 0))
}

var errBundle = errors.New("it is not a list of entries, each after its length in two bytes")

// ParseBundle returns the width entries of a bundle.
func ParseBundle(bundle []byte, width int) ([][]byte, error) {
	entries := make([][]byte, 0, width)
	for len(bundle) > 0 {
		if len(bundle) < 2 {
			return nil, errBundle
		}
		length := int(binary.BigEndian.Uint16(bundle))
		if len(bundle) < 2+length {
			return nil, errBundle
		}
		entries = append(entries, bundle[2:2+length])
		bundle = bundle[2+length:]
		if len(entries) > width {
			break
		}
	}
	if len(entries) != width {
		return nil, fmt.Errorf("it has not the %d entries that it should have", width)
	}
	return entries, nil
}

func appendToBundle(bundle, entry []byte) []byte {
	bundle = binary.BigEndian.AppendUint16(bundle, uint16(len(entry))) //nolint:gosec // An entry has at most MaxEntryBytes.
	return append(bundle, entry...)
}

// key returns the key of a tile of package tlog.
func key(prefix string, tile tlog.Tile) string { return TileKey(prefix, tile.L, tile.N, tile.W) }
