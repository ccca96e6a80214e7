package verifytest

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
)

// Mutation is a change of an archive that a verifier has to find.
type Mutation struct {
	// Name says what was done.
	Name string
	// Kept is a checkpoint without which it cannot be found: somebody who has the key has
	// done it. nil if there is no need of one.
	Kept []byte

	archive *Archive
	before  map[string][]byte // nil for an object that there was not
}

// errInapplicable means that the archive has nothing to do this with.
var errInapplicable = errors.New("not applicable")

// kinds are the kinds of mutations.
var kinds = []func(*Mutation, *rand.Rand) error{
	(*Mutation).flip, (*Mutation).flip, (*Mutation).flip, (*Mutation).flip, (*Mutation).remove, (*Mutation).remove, (*Mutation).swap, (*Mutation).truncate, (*Mutation).extend,
	(*Mutation).backdate, (*Mutation).dropSession, (*Mutation).replayRevision, (*Mutation).dropRevision, (*Mutation).replayManifest, (*Mutation).reorderRows,
	(*Mutation).repeatRow, (*Mutation).swapEntries, (*Mutation).addRevision, (*Mutation).addObject, (*Mutation).signWithAnotherKey,
	(*Mutation).fork, (*Mutation).forkWithoutSession, (*Mutation).rollBack, (*Mutation).replayCheckpoint,
}

// Mutate changes the archive in one way, at random. The caller undoes it.
func (a *Archive) Mutate(random *rand.Rand) (*Mutation, error) {
	for {
		m := &Mutation{archive: a, before: make(map[string][]byte)}
		err := kinds[random.IntN(len(kinds))](m, random)
		if !errors.Is(err, errInapplicable) {
			return m, err
		}
		if err := m.Undo(); err != nil {
			return nil, err
		}
	}
}

// Undo puts the archive back as it was.
func (m *Mutation) Undo() error {
	for key, content := range m.before {
		if content == nil {
			if err := os.Remove(m.archive.store.path(key)); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
		} else if err := m.archive.store.write(key, content); err != nil {
			return err
		}
	}
	return nil
}

func (m *Mutation) named(format string, args ...any) { m.Name = fmt.Sprintf(format, args...) }

// read returns an object, or nil.
func (m *Mutation) read(key string) []byte {
	content, err := os.ReadFile(m.archive.store.path(key))
	if err != nil {
		return nil
	}
	return content
}

func (m *Mutation) keep(key string) {
	if _, found := m.before[key]; !found {
		m.before[key] = m.read(key)
	}
}

func (m *Mutation) write(key string, content []byte) error {
	m.keep(key)
	return m.archive.store.write(key, content)
}

func (m *Mutation) delete(key string) error {
	m.keep(key)
	err := os.Remove(m.archive.store.path(key))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// pick returns one of the objects of which every change is found.
func (m *Mutation) pick(random *rand.Rand) (string, []byte) {
	keys := slices.Sorted(maps.Keys(m.archive.Proven))
	key := keys[random.IntN(len(keys))]
	return key, m.read(key)
}

func (m *Mutation) flip(random *rand.Rand) error {
	key, content := m.pick(random)
	if len(content) == 0 {
		return errInapplicable
	}
	at, bit := random.IntN(len(content)), random.IntN(8)
	m.named("flip bit %d of byte %d of %s", bit, at, key)
	content[at] ^= 1 << bit
	return m.write(key, content)
}

func (m *Mutation) remove(random *rand.Rand) error {
	key, _ := m.pick(random)
	if m.archive.Erasable[key] {
		return errInapplicable
	}
	m.named("delete %s", key)
	return m.delete(key)
}

func (m *Mutation) swap(random *rand.Rand) error {
	first, a := m.pick(random)
	second, b := m.pick(random)
	if bytes.Equal(a, b) {
		return errInapplicable
	}
	m.named("swap %s and %s", first, second)
	return errors.Join(m.write(first, b), m.write(second, a))
}

func (m *Mutation) truncate(random *rand.Rand) error {
	key, content := m.pick(random)
	if len(content) == 0 {
		return errInapplicable
	}
	to := random.IntN(len(content))
	m.named("truncate %s to %d bytes", key, to)
	return m.write(key, content[:to])
}

func (m *Mutation) extend(random *rand.Rand) error {
	key, content := m.pick(random)
	more := []byte("\n{} \x00")[random.IntN(5):][:1]
	m.named("append %q to %s", more, key)
	return m.write(key, append(content, more...))
}
