package simulator

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"slices"
	"time"
)

// changes reports whether the fault gives the file other content.
func (f Fault) changes() bool {
	return f.Kind == Change || f.Kind == HiddenChange || f.Kind == IgnoreIfRange
}

// change gives the file other content, of which the beginning stays, so that it has the same format. The caller holds the
// simulator's mutex.
func (f *fileState) change(fault Fault) {
	f.past = append(f.past, *f)
	if f.Raw != nil {
		f.Raw = changed(f.Raw, fault.Bytes)
	} else {
		f.Seed += 2 // it stays odd, so it is never zero
		if fault.Bytes > 0 {
			f.Size = f.headerBytes() + f.dataBytes() + fault.Bytes
		}
	}
	if fault.Kind != HiddenChange {
		f.etag = f.entityTag()
		f.modified = f.modified.Add(time.Minute)
	}
}

// changed returns other bytes, more by the given number. Repeated changes of a file give different bytes each.
func changed(raw []byte, more int64) []byte {
	out := append(bytes.Clone(raw), make([]byte, more)...)
	for i := min(wavHeaderBytes, len(out)/2); i < len(out); i++ {
		out[i]++
	}
	return out
}

// validators returns what a response names the content of the file by: an empty ETag and a zero time are not sent.
func (f *fileState) validators(none bool) (etag string, modified time.Time) {
	switch {
	case none || f.Validator == NoValidator:
		return "", time.Time{}
	case f.Validator == LastModified:
		return "", f.modified
	case f.Validator == WeakETag:
		return "W/" + f.etag, f.modified
	}
	return f.etag, f.modified
}

// SHA256 returns the digests of each file of a session, in lower-case hex and in the order of Session.Files: of each content
// that the file has had, the present one last; none for an unknown session. A Short or Long that stays for good is
// the file's content; other faults do not count.
func (s *Simulator) SHA256(botID, sessionID string) ([][]string, error) {
	s.mu.Lock()
	var files [][]fileState
	if st := s.sessions[sessionKey{botID, sessionID}]; st != nil {
		for _, f := range st.files {
			files = append(files, append(slices.Clone(f.past), *f))
		}
	}
	s.mu.Unlock()

	digests := make([][]string, len(files))
	for i, contents := range files {
		for j := range contents {
			digest, err := s.digest(&contents[j])
			if err != nil {
				return nil, fmt.Errorf("simulator: the SHA-256 of session %s, file %d: %w", sessionID, i, err)
			}
			digests[i] = append(digests[i], digest)
		}
	}
	return digests, nil
}

func (s *Simulator) digest(f *fileState) (string, error) {
	content, err := s.sounds.open(f)
	if err != nil {
		return "", err
	}
	content = changeLength(content, f.lastingFault())
	hash := sha256.New()
	if _, err := io.Copy(hash, io.NewSectionReader(content, 0, content.Size())); err != nil {
		return "", err
	}
	return hex.EncodeToString(hash.Sum(nil)), nil
}

// lastingFault returns the fault that all requests have from now on.
func (f *fileState) lastingFault() Fault {
	if f.fault < len(f.Faults) && f.Faults[f.fault].Times < 0 {
		return f.Faults[f.fault]
	}
	return Fault{Kind: None}
}
