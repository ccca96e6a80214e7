package daylog

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
)

// pending are the entries that are being appended to a log of base entries. They are written
// down before the first tile, and signed: whoever completes them must not have the log say
// what somebody else has put there. The object is never deleted; once the log has them, it is
// only what was appended last.
type pending struct {
	base    int64
	entries [][]byte
}

// end returns the size of the log that has the entries.
func (p pending) end() int64 { return p.base + int64(len(p.entries)) }

// maxPendingBytes bounds the object: base64 takes a third more.
const maxPendingBytes = maxAppendBytes*3/2 + MaxEntries*4 + MaxCheckpointBytes

// pendingTitle begins the text. An origin has no space, so it is never taken for a checkpoint.
func pendingTitle(origin string) string { return "callvault pending entries of " + origin }

func (k *Key) signPending(p pending) ([]byte, error) {
	var text strings.Builder
	fmt.Fprintf(&text, "%s\n%d\n", pendingTitle(k.Name()), p.base)
	for _, entry := range p.entries {
		fmt.Fprintf(&text, "%s\n", base64.StdEncoding.EncodeToString(entry))
	}
	return note.Sign(&note.Note{Text: text.String()}, k.signer)
}

var errPending = errors.New("it does not have pending entries in their form")

func openPending(signed []byte, key note.Verifier) (pending, error) {
	text, err := openNote(signed, key)
	if err != nil {
		return pending{}, err
	}
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	if len(lines) < 3 || len(lines) > 2+MaxEntries || lines[0] != pendingTitle(key.Name()) {
		return pending{}, errPending
	}
	base, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil || base < 0 || base > MaxSize {
		return pending{}, errPending
	}
	p := pending{base: base}
	for _, line := range lines[2:] {
		entry, err := base64.StdEncoding.DecodeString(line)
		if err != nil || len(entry) == 0 || len(entry) > MaxEntryBytes {
			return pending{}, errPending
		}
		p.entries = append(p.entries, entry)
	}
	return p, nil
}
