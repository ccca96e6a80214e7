package daylog

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// MaxSize is the most entries that a log may have. Sizes up to it are safe to calculate with.
const MaxSize = 1 << 40

// MaxCheckpointBytes bounds a checkpoint with its signatures.
const MaxCheckpointBytes = 16 << 10

// Checkpoint is what is signed of a log.
type Checkpoint struct {
	// Size is the number of entries.
	Size int64
	// Root is the root hash of their tree.
	Root tlog.Hash
}

// Sign returns the checkpoint as a signed note.
func (k *Key) Sign(c Checkpoint) ([]byte, error) {
	text := fmt.Sprintf("%s\n%d\n%s\n", k.Name(), c.Size, c.Root)
	return note.Sign(&note.Note{Text: text}, k.signer)
}

// OpenCheckpoint returns a checkpoint that has one signature of the key, which is right.
// Signatures of other keys, and further lines of the checkpoint, are ignored.
func OpenCheckpoint(signed []byte, key note.Verifier) (Checkpoint, error) {
	if len(signed) > MaxCheckpointBytes {
		return Checkpoint{}, fmt.Errorf("it has more than %d bytes", MaxCheckpointBytes)
	}
	text, err := openNote(signed, key)
	if err != nil {
		return Checkpoint{}, err
	}
	origin, checkpoint, err := ParseCheckpoint(text)
	if err == nil && origin != key.Name() {
		err = errors.New("it is not a checkpoint of the log that the key is named after")
	}
	return checkpoint, err
}

// ParseCheckpoint returns the origin and the content of a checkpoint from its text without
// signatures, which proves nothing.
func ParseCheckpoint(text string) (origin string, c Checkpoint, err error) {
	lines := strings.Split(text, "\n")
	if len(lines) < 4 {
		return "", Checkpoint{}, errors.New("it does not have the three lines of a checkpoint")
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil || size < 0 || size > MaxSize || lines[1] != strconv.FormatInt(size, 10) {
		return "", Checkpoint{}, fmt.Errorf("its number of entries is not one from 0 to %d", int64(MaxSize))
	}
	root, err := tlog.ParseHash(lines[2])
	if err != nil || root.String() != lines[2] {
		return "", Checkpoint{}, errors.New("its root hash is not valid")
	}
	return lines[0], Checkpoint{size, root}, nil
}
