// Package verifytest writes sealed sample archives into folders, and changes them, for tests
// of verifiers. What it writes follows from a seed.
package verifytest

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/callvault/callvault/internal/archive"
	"github.com/callvault/callvault/internal/daylog"
	"github.com/callvault/callvault/internal/dayrecord"
	"github.com/callvault/callvault/workflows"
)

// KeyName is the name of the key of a sample archive.
const KeyName = "acme.example/recordings"

// Config says what a sample archive has.
type Config struct {
	// Seed decides on everything that is not said here.
	Seed uint64
	// Prefix begins the keys. Defaults to none.
	Prefix string
	// Days is how many days each of three bots has. Defaults to 3.
	Days int
	// EmptyDays is how many days without sessions a fourth bot has, for a log of many
	// entries. Defaults to none.
	EmptyDays int
}

// Archive is a sample archive in a folder.
type Archive struct {
	Folder, Prefix string
	Key            *daylog.Key
	// Checkpoints are those of the log, signed, the oldest first.
	Checkpoints [][]byte
	// Entries are those of the log.
	Entries [][]byte

	// Proven are the keys of the objects of which every change has to be found. Of those that
	// are Erasable too a removal is allowed.
	Proven   map[string]bool
	Erasable map[string]bool
	// Replaced are earlier contents of objects, by their keys.
	Replaced map[string][]byte
	// Revisions are the sealed revisions in the order of the log.
	Revisions []Revision

	store *folderStore
	log   *daylog.Log
}

// Revision is one sealed revision.
type Revision struct {
	Record dayrecord.Record
	Rows   []dayrecord.Row
	// IsLatest reports that its day has no later one.
	IsLatest bool
	// key and rowsKey are its objects.
	key, rowsKey string
}

// Write writes a sample archive into an empty folder.
func Write(folder string, config Config) (*Archive, error) {
	a := New(folder, config.Prefix, config.Seed)
	random := rand.New(rand.NewPCG(config.Seed, 1)) //nolint:gosec // It has to follow from the seed.
	g := &generator{a, random, make(map[workflows.Session][]string)}
	return a, g.write(config)
}

// New returns an archive without days.
func New(folder, prefix string, seed uint64) *Archive {
	store := &folderStore{folder: folder}
	key := keyOf(KeyName, seed)
	return &Archive{
		Folder: folder, Prefix: prefix, Key: key, store: store, log: daylog.Open(store, prefix, key),
		Proven: make(map[string]bool), Erasable: make(map[string]bool), Replaced: make(map[string][]byte),
	}
}

// keyOf returns a key that follows from a seed.
func keyOf(name string, seed uint64) *daylog.Key {
	secret := make([]byte, ed25519.SeedSize)
	copy(secret, hexSHA256(fmt.Append(nil, "key", seed)))
	private := ed25519.NewKeyFromSeed(secret)
	public, err := note.NewEd25519VerifierKey(name, private.Public().(ed25519.PublicKey)) //nolint:forcetypeassert // It is one.
	if err != nil {
		panic(err)
	}
	id := strings.SplitN(public, "+", 3)[1]
	key, err := daylog.ParseKey("PRIVATE+KEY+" + name + "+" + id + "+" + base64.StdEncoding.EncodeToString(append([]byte{1}, secret...)))
	if err != nil {
		panic(err)
	}
	return key
}

// Put writes an object of which every change has to be found.
func (a *Archive) Put(key string, content []byte) (dayrecord.Object, error) {
	if before, _, _ := a.store.ReadObject(context.Background(), key, 1<<30); before != nil {
		a.Replaced[key] = before
	}
	a.Proven[key] = true
	return dayrecord.Object{Key: key, Bytes: int64(len(content)), SHA256: hexSHA256(content)}, a.store.write(key, content)
}

// Seal writes the next revision of a day, and returns its entry of the log, which is not appended yet.
func (a *Archive) Seal(day workflows.Day, rows []dayrecord.Row, listings []dayrecord.Listing, sealedAt time.Time) ([]byte, error) {
	revision := Revision{Rows: rows, IsLatest: true}
	record := dayrecord.Record{Version: dayrecord.Version, BotID: day.BotID, Date: day.Date, Revision: 1, SealedAt: sealedAt, Listings: listings}
	for i := range a.Revisions {
		before := &a.Revisions[i]
		if before.Record.BotID == day.BotID && before.Record.Date == day.Date && before.IsLatest {
			before.IsLatest = false
			content, _, err := a.store.ReadObject(context.Background(), before.key, 1<<30)
			if err != nil {
				return nil, err
			}
			record.Revision = before.Record.Revision + 1
			record.Previous = &dayrecord.Previous{Key: before.key, SHA256: hexSHA256(content)}
		}
	}
	var err error
	if revision.key, err = archive.DayKey(a.Prefix, day, record.Revision, archive.DayRecordFile); err != nil {
		return nil, err
	}
	revision.rowsKey, _ = archive.DayKey(a.Prefix, day, record.Revision, archive.DayRowsFile)
	body := complete(&record, rows, revision.rowsKey)
	if _, err := a.Put(revision.rowsKey, body); err != nil {
		return nil, err
	}
	revision.Record = record
	a.Revisions = append(a.Revisions, revision)
	content := encodeRecord(record)
	if _, err := a.Put(revision.key, content); err != nil {
		return nil, err
	}
	return json.Marshal(dayrecord.EntryOf(record, hexSHA256(content)))
}

func encodeRecord(record dayrecord.Record) []byte {
	content, err := json.MarshalIndent(record, "", "  ")
	if err != nil {
		panic(err)
	}
	return append(content, '\n')
}

// Append appends entries to the log.
func (a *Archive) Append(entries ...[]byte) error {
	var kept []byte
	if n := len(a.Checkpoints); n > 0 {
		kept = a.Checkpoints[n-1]
	}
	appended, err := a.log.Append(context.Background(), entries, kept)
	if err != nil {
		return err
	}
	a.Checkpoints, a.Entries = append(a.Checkpoints, appended.Checkpoint), append(a.Entries, entries...)
	return nil
}

// provenLog returns the keys of the log's objects, without those that are of no interest any
// more.
func provenLog(prefix string, size int64) []string {
	keys := []string{daylog.CheckpointKey(prefix)}
	for level := 0; size>>(8*level) > 0; level++ {
		for index := int64(0); daylog.Width(size, level, index) > 0; index++ {
			keys = append(keys, daylog.TileKey(prefix, level, index, daylog.Width(size, level, index)))
			if level == 0 {
				keys = append(keys, daylog.EntriesKey(prefix, index, daylog.Width(size, level, index)))
			}
		}
	}
	return keys
}
