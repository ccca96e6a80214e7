package verifytest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"path"
	"slices"
	"time"

	"github.com/callvault/callvault/internal/archive"
	"github.com/callvault/callvault/internal/dayrecord"
	"github.com/callvault/callvault/workflows"
)

// revision returns one of the revisions that fit, at random.
func (m *Mutation) revision(random *rand.Rand, fits func(Revision) bool) (Revision, error) {
	var all []Revision
	for _, revision := range m.archive.Revisions {
		if fits(revision) {
			all = append(all, revision)
		}
	}
	if len(all) == 0 {
		return Revision{}, errInapplicable
	}
	return all[random.IntN(len(all))], nil
}

func withRows(least int) func(Revision) bool {
	return func(r Revision) bool { return r.IsLatest && len(r.Rows) >= least }
}

func (m *Mutation) backdate(random *rand.Rand) error {
	r, err := m.revision(random, func(Revision) bool { return true })
	if err != nil {
		return err
	}
	r.Record.SealedAt = r.Record.SealedAt.Add(-time.Duration(1 + random.Int64N(1e15)))
	m.named("backdate %s", r.key)
	return m.write(r.key, encodeRecord(r.Record))
}

// without is a revision that lacks one session, everywhere but in the log.
func (m *Mutation) without(random *rand.Rand) (Revision, error) {
	r, err := m.revision(random, withRows(1))
	if err != nil {
		return r, err
	}
	at := random.IntN(len(r.Rows))
	gone := r.Rows[at]
	r.Rows = slices.Delete(slices.Clone(r.Rows), at, at+1)
	body := complete(&r.Record, r.Rows, r.rowsKey)
	m.named("remove session %s of %s", gone.SessionID, r.key)
	err = errors.Join(m.write(r.rowsKey, body), m.write(r.key, encodeRecord(r.Record)))
	folder := path.Dir(gone.Manifest.Key) + "/"
	for key := range m.archive.Proven {
		if path.Dir(key)+"/" == folder {
			err = errors.Join(err, m.delete(key))
		}
	}
	return r, err
}

func (m *Mutation) dropSession(random *rand.Rand) error {
	_, err := m.without(random)
	return err
}

// earlier returns the revision before one.
func (m *Mutation) earlier(r Revision) Revision {
	for _, other := range m.archive.Revisions {
		if other.Record.BotID == r.Record.BotID && other.Record.Date == r.Record.Date && other.Record.Revision == r.Record.Revision-1 {
			return other
		}
	}
	return Revision{}
}

func isLater(r Revision) bool { return r.Record.Revision > 1 }

func (m *Mutation) replayRevision(random *rand.Rand) error {
	r, err := m.revision(random, isLater)
	if err != nil {
		return err
	}
	before := m.earlier(r)
	m.named("replay %s as %s", before.key, r.key)
	return errors.Join(m.write(r.key, m.read(before.key)), m.write(r.rowsKey, m.read(before.rowsKey)))
}

func (m *Mutation) dropRevision(random *rand.Rand) error {
	r, err := m.revision(random, isLater)
	if err != nil {
		return err
	}
	m.named("delete all of %s", r.key)
	return errors.Join(m.delete(r.key), m.delete(r.rowsKey))
}

func (m *Mutation) replayManifest(random *rand.Rand) error {
	keys := slices.Sorted(maps.Keys(m.archive.Replaced))
	if len(keys) == 0 {
		return errInapplicable
	}
	key := keys[random.IntN(len(keys))]
	m.named("put back an earlier %s", key)
	return m.write(key, m.archive.Replaced[key])
}

func (m *Mutation) rows(random *rand.Rand, least int) (Revision, [][]byte, error) {
	r, err := m.revision(random, withRows(least))
	if err != nil {
		return r, nil, err
	}
	return r, bytes.SplitAfter(bytes.TrimSuffix(m.read(r.rowsKey), []byte("\n")), []byte("\n")), nil
}

func (m *Mutation) reorderRows(random *rand.Rand) error {
	r, lines, err := m.rows(random, 3)
	if err != nil {
		return err
	}
	at := random.IntN(len(lines) - 2)
	lines[at], lines[at+1] = lines[at+1], lines[at]
	m.named("reorder rows of %s", r.rowsKey)
	return m.write(r.rowsKey, append(bytes.Join(lines, nil), '\n'))
}

func (m *Mutation) repeatRow(random *rand.Rand) error {
	r, lines, err := m.rows(random, 1)
	if err != nil {
		return err
	}
	last := append(bytes.TrimSuffix(lines[len(lines)-1], []byte("\n")), '\n')
	m.named("repeat the last row of %s", r.rowsKey)
	return m.write(r.rowsKey, append(append(bytes.Join(lines, nil), '\n'), last...))
}

func (m *Mutation) addRevision(random *rand.Rand) error {
	r, err := m.revision(random, func(r Revision) bool { return r.IsLatest })
	if err != nil {
		return err
	}
	file := []archive.DayFile{archive.DayRecordFile, archive.DayRowsFile}[random.IntN(2)]
	key, err := archive.DayKey(m.archive.Prefix, workflows.Day{BotID: r.Record.BotID, Date: r.Record.Date}, r.Record.Revision+2+random.IntN(9), file)
	if err != nil {
		return err
	}
	m.named("put %s where the log has no revision", key)
	return m.write(key, m.read(r.key))
}

func (m *Mutation) addObject(random *rand.Rand) error {
	r, err := m.revision(random, func(r Revision) bool { return r.IsLatest })
	if err != nil {
		return err
	}
	key := path.Dir(r.key) + "/" + []string{"r0.json", "r01.json", "x.txt", "R1.json", "r1.json.bak"}[random.IntN(5)]
	m.named("put %s beside the days", key)
	return m.write(key, []byte("x"))
}

// entryOf returns the entry of a revision that was changed.
func entryOf(record dayrecord.Record) []byte {
	entry, err := json.Marshal(dayrecord.EntryOf(record, hexSHA256(encodeRecord(record))))
	if err != nil {
		panic(fmt.Sprint(err))
	}
	return entry
}
