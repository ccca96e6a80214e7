package verifytest

import (
	"context"
	"encoding/binary"
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"slices"
	"time"

	"github.com/callvault/callvault/internal/daylog"
)

// rewrite writes another log in place of the one that is there, signed by key.
func (m *Mutation) rewrite(entries [][]byte, key *daylog.Key) error {
	store := memoryStore{}
	log := daylog.Open(store, m.archive.Prefix, key)
	for batch := range slices.Chunk(entries, daylog.MaxEntries) {
		if _, err := log.Append(context.Background(), batch, nil); err != nil {
			return err
		}
	}
	for key, content := range store {
		if err := m.write(key, content); err != nil {
			return err
		}
	}
	return m.dropTimestamps()
}

// dropTimestamps removes what would contradict a log that was written anew.
func (m *Mutation) dropTimestamps() error {
	folder := daylog.StampsPrefix(m.archive.Prefix)
	stamps, err := os.ReadDir(m.archive.store.path(folder))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	for _, stamp := range stamps {
		err = errors.Join(err, m.delete(folder+stamp.Name()))
	}
	return err
}

func (m *Mutation) lastCheckpoint() []byte {
	return m.archive.Checkpoints[len(m.archive.Checkpoints)-1]
}

// replaced returns the entries of the log with that of one revision replaced.
func (m *Mutation) replaced(r Revision) [][]byte {
	entries := slices.Clone(m.archive.Entries)
	for i, revision := range m.archive.Revisions {
		if revision.key == r.key {
			entries[i] = entryOf(r.Record)
		}
	}
	return entries
}

// fork backdates a day in its record and in a log that is signed anew by the right key.
func (m *Mutation) fork(random *rand.Rand) error {
	r, err := m.revision(random, func(r Revision) bool { return r.IsLatest })
	if err != nil {
		return err
	}
	r.Record.SealedAt = r.Record.SealedAt.Add(-time.Duration(1 + random.Int64N(1e15)))
	m.named("fork the log at %s, which is backdated", r.key)
	m.Kept = m.lastCheckpoint()
	if err := m.write(r.key, encodeRecord(r.Record)); err != nil {
		return err
	}
	return m.rewrite(m.replaced(r), m.archive.Key)
}

// forkWithoutSession does the same with a session that is removed from everywhere.
func (m *Mutation) forkWithoutSession(random *rand.Rand) error {
	r, err := m.without(random)
	if err != nil {
		return err
	}
	m.Name += " and of a log that is signed anew"
	m.Kept = m.lastCheckpoint()
	return m.rewrite(m.replaced(r), m.archive.Key)
}

func (m *Mutation) signWithAnotherKey(random *rand.Rand) error {
	m.named("sign the log with another key of the same name")
	return m.rewrite(m.archive.Entries, keyOf(KeyName, random.Uint64()))
}

// rollBack writes a log that lacks the last entries, signed by the right key.
func (m *Mutation) rollBack(random *rand.Rand) error {
	n := len(m.archive.Entries) - 1 - random.IntN(min(5, len(m.archive.Entries)-1))
	m.named("roll the log back to %d entries", n)
	m.Kept = m.lastCheckpoint()
	return m.rewrite(m.archive.Entries[:n], m.archive.Key)
}

func (m *Mutation) replayCheckpoint(random *rand.Rand) error {
	if len(m.archive.Checkpoints) < 2 {
		return errInapplicable
	}
	m.named("put back an earlier checkpoint")
	m.Kept = m.lastCheckpoint()
	return m.write(daylog.CheckpointKey(m.archive.Prefix), m.archive.Checkpoints[random.IntN(len(m.archive.Checkpoints)-1)])
}

// swapEntries exchanges two entries of the last bundle.
func (m *Mutation) swapEntries(random *rand.Rand) error {
	size := int64(len(m.archive.Entries))
	index := (size - 1) / daylog.TileWidth
	key := daylog.EntriesKey(m.archive.Prefix, index, daylog.Width(size, 0, index))
	entries, err := daylog.ParseBundle(m.read(key), daylog.Width(size, 0, index))
	if err != nil || len(entries) < 2 {
		return errInapplicable
	}
	at := random.IntN(len(entries) - 1)
	entries[at], entries[at+1] = entries[at+1], entries[at]
	var bundle []byte
	for _, entry := range entries {
		bundle = append(binary.BigEndian.AppendUint16(bundle, uint16(len(entry))), entry...) //nolint:gosec // Entries are short.
	}
	m.named("exchange entries %d and %d of %s", at, at+1, key)
	return m.write(key, bundle)
}
