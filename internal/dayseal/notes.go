package dayseal

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/callvault/callvault/internal/archive"
	"github.com/callvault/callvault/internal/dayindex"
	"github.com/callvault/callvault/workflows"
)

// Notes on a sealed day. They are no part of the proof: one that is lost costs a review, or
// a second entry in the log.

const maxNoteBytes = 4 << 10

// notesKept is how long notes are there for sure: a month less than the lifecycle rule of the
// bucket keeps them.
const notesKept = archive.WorkingFilesKept - 30*24*time.Hour

// reviewNote says when a sealed day was listed again and nothing had changed.
type reviewNote struct {
	ListedAt time.Time `json:"listedAt"`
}

// logNote says where a record is in the log.
type logNote struct {
	SHA256 string `json:"sha256"`
	Index  int64  `json:"index"`
}

const reviewName = "reviewed.json"

// NoteReview notes that a sealed day was listed at a time, and nothing had changed.
func NoteReview(ctx context.Context, store *archive.Store, day workflows.Day, listedAt time.Time) error {
	return writeNote(ctx, store, store.DayNote(day, reviewName), reviewNote{listedAt})
}

// LastReview returns when a day was listed for the last time without a change; zero if it
// never was, as far as the archive knows.
func LastReview(ctx context.Context, store *archive.Store, day workflows.Day) (time.Time, error) {
	var note reviewNote
	err := readNote(ctx, store, store.DayNote(day, reviewName), &note)
	return note.ListedAt, err
}

func logName(revision int) string { return fmt.Sprintf("logged-%d.json", revision) }

// NoteLogIndex notes where a record is in the log.
func NoteLogIndex(ctx context.Context, store *archive.Store, sealed *dayindex.Revision, index int64) error {
	return writeNote(ctx, store, store.DayNote(sealed.Day(), logName(sealed.Revision)), logNote{sealed.SHA256, index})
}

// LogIndex returns where a record is in the log; -1 if it was not noted.
func LogIndex(ctx context.Context, store *archive.Store, sealed *dayindex.Revision) (int64, error) {
	var note logNote
	err := readNote(ctx, store, store.DayNote(sealed.Day(), logName(sealed.Revision)), &note)
	if err != nil || note.SHA256 != sealed.SHA256 || note.Index < 0 {
		return -1, err
	}
	return note.Index, nil
}

// IsLogged reports whether a record is in the log, as far as the notes tell, and its place
// there, -1 if that is not known. A record whose note may have been removed is taken to be:
// the command verify reads the log itself.
func IsLogged(ctx context.Context, store *archive.Store, sealed *dayindex.Revision, now time.Time) (logged bool, index int64, err error) {
	index, err = LogIndex(ctx, store, sealed)
	return index >= 0 || now.Sub(sealed.SealedAt) > notesKept, index, err
}

func writeNote(ctx context.Context, store *archive.Store, key string, note any) error {
	body, err := json.Marshal(note)
	if err != nil {
		return err
	}
	return store.WriteFile(ctx, key, "application/json", bytes.NewReader(body), int64(len(body)))
}

// readNote leaves note as it is if there is none, or none that can be read.
func readNote(ctx context.Context, store *archive.Store, key string, note any) error {
	body, _, err := store.ReadObject(ctx, key, maxNoteBytes)
	if err == nil && body != nil {
		_ = json.Unmarshal(body, note) // Then it says nothing.
	}
	return err
}
