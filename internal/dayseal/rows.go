package dayseal

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sync/errgroup"

	"github.com/callvault/callvault/internal/archive"
	"github.com/callvault/callvault/internal/dayindex"
	"github.com/callvault/callvault/internal/dayrecord"
	"github.com/callvault/callvault/internal/daysessions"
	"github.com/callvault/callvault/internal/failure"
	"github.com/callvault/callvault/internal/merkle"
	"github.com/callvault/callvault/workflows"
)

const (
	// concurrent bounds the manifests that are read at a time, and with them the memory: one
	// has at most 1 MiB.
	concurrent = 32
)

// MissingError means that sessions have no outcome.
type MissingError struct {
	Sessions int
	Example  string
}

func (e *MissingError) Error() string {
	return fmt.Sprintf("%d session(s) have no manifest, for example %s", e.Sessions, e.Example)
}

// rows are the rows of a day in a temporary file.
type rows struct {
	file  *os.File
	size  dayrecord.Rows // but for the key
	tally *tally
}

func (r *rows) close() {
	r.file.Close()
	_ = os.Remove(r.file.Name()) // What is left of it is in the folder for temporary files.
}

// writeRows reads the manifest of each session and writes the rows. It returns a
// [MissingError] if sessions have none.
func writeRows(ctx context.Context, store *archive.Store, day workflows.Day, sessions []*daysessions.Known, tally *tally, options Options) (_ *rows, err error) {
	file, err := os.CreateTemp(options.TempDir, "callvault-day-*.ndjson")
	if err != nil {
		return nil, failure.Wrap(failure.ArchiveBlocked, fmt.Errorf("the rows of a day need a temporary file: %w: set TMPDIR of the worker to a folder that it can write, with a kB for each call of a day", err))
	}
	written := &rows{file: file, tally: tally}
	defer func() {
		if err != nil {
			written.close()
		}
	}()
	sink := newRowSink(file)
	var missing *MissingError
	for len(sessions) > 0 {
		page := sessions[:min(concurrent, len(sessions))]
		sessions = sessions[len(page):]
		found, err := readManifests(ctx, store, day, page)
		if err != nil {
			return nil, err
		}
		for i, manifest := range found {
			if manifest == nil {
				if missing == nil {
					missing = &MissingError{Example: page[i].SessionID}
				}
				missing.Sessions++
				continue
			}
			row := rowOf(page[i], manifest.Manifest, dayrecord.Object{Key: manifest.Key, Bytes: manifest.Bytes, SHA256: manifest.SHA256}, options)
			tally.add(row)
			if err := sink.write(row); err != nil {
				return nil, err
			}
		}
	}
	if missing != nil {
		return nil, missing
	}
	written.size, err = sink.close()
	return written, err
}

func readManifests(ctx context.Context, store *archive.Store, day workflows.Day, page []*daysessions.Known) ([]*archive.StoredManifest, error) {
	found := make([]*archive.StoredManifest, len(page))
	group, ctx := errgroup.WithContext(ctx)
	for i, known := range page {
		group.Go(func() (err error) {
			found[i], err = store.ReadStoredManifest(ctx, workflows.Session{BotID: day.BotID, SessionID: known.SessionID})
			return err
		})
	}
	return found, group.Wait()
}

// rowSink writes rows, and the tree of them.
type rowSink struct {
	buffered *bufio.Writer
	hash     interface {
		io.Writer
		Sum([]byte) []byte
	}
	tree  merkle.Tree
	bytes int64
}

func newRowSink(w io.Writer) *rowSink {
	hash := sha256.New()
	return &rowSink{buffered: bufio.NewWriterSize(io.MultiWriter(w, hash), 256<<10), hash: hash}
}

func (s *rowSink) write(row dayrecord.Row) error {
	line, err := json.Marshal(row)
	if err != nil {
		return err
	}
	if len(line) > dayrecord.MaxRowBytes {
		return fmt.Errorf("%w: the row of session %s would have %d bytes, more than %d: have the limit raised in a release of callvault", archive.ErrBlocked, row.SessionID, len(line), dayrecord.MaxRowBytes)
	}
	return s.writeLine(line)
}

func (s *rowSink) writeLine(line []byte) error {
	s.tree.Add(line)
	s.bytes += int64(len(line)) + 1
	if _, err := s.buffered.Write(line); err != nil {
		return err
	}
	return s.buffered.WriteByte('\n')
}

func (s *rowSink) close() (dayrecord.Rows, error) {
	if err := s.buffered.Flush(); err != nil {
		return dayrecord.Rows{}, err
	}
	return dayrecord.Rows{
		Object:   dayrecord.Object{Bytes: s.bytes, SHA256: hex.EncodeToString(s.hash.Sum(nil))},
		TreeSize: s.tree.Size(), TreeRoot: s.tree.HexRoot(),
	}, nil
}

// measureRows adds the rows of an object to a tally, and returns what a record says of them,
// but for the key. They have to be as callvault writes them, byte by byte: the log is to name
// them for good.
func measureRows(r io.Reader, key string, day workflows.Day, counted *tally) (dayrecord.Rows, error) {
	sink := newRowSink(io.Discard)
	var failed error
	err := dayindex.ScanRows(r, key, day, func(line []byte, row dayrecord.Row) bool {
		counted.add(row)
		written, err := json.Marshal(row)
		if failed = err; err == nil && !bytes.Equal(written, line) {
			failed = fmt.Errorf("the row of session %s is not as callvault writes it: %w", row.SessionID, dayindex.ErrDamaged)
		}
		if failed == nil {
			failed = sink.writeLine(line)
		}
		return failed == nil
	})
	if err := errors.Join(err, failed); err != nil {
		return dayrecord.Rows{}, err
	}
	return sink.close()
}
