package archive

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/callvault/callvault/internal/failure"
	"github.com/callvault/callvault/workflows"
)

// openedFolder holds the records, after the prefix. It is not in workingFolder, which operators
// give a lifecycle rule that deletes what is old.
const openedFolder = "opened"

// openingVersion is the version of the format of [Opening].
const openingVersion = 1

const (
	// maxOpeningBytes bounds a record.
	maxOpeningBytes = 16 << 10
	// maxOpenings bounds how many records of a session are listed.
	maxOpenings = 10_000
)

// Opening records that somebody was given a link to a recording: who, as the machine says,
// and when. It does not hold the link.
type Opening struct {
	Version int       `json:"version"`
	At      time.Time `json:"at"`
	workflows.Session
	Key    string `json:"key"`
	SHA256 string `json:"sha256"`

	// ExpiresAt is when the link ends.
	ExpiresAt time.Time `json:"expiresAt"`

	// User is the name of the account on the machine, Host the machine's; neither is proved.
	User string `json:"user"`
	Host string `json:"host"`

	// Reason is what the user said; empty if nothing.
	Reason string `json:"reason,omitempty"`
}

// openingsPrefix returns the common prefix of the records of a session, ending with a slash.
func (s *Store) openingsPrefix(session workflows.Session) (string, error) {
	if _, err := s.Folder(session); err != nil { // It is not valid.
		return "", err
	}
	return s.prefix + openedFolder + "/" + session.BotID + "/" + session.SessionID + "/", nil
}

// RecordOpening writes a record, which is kept as a manifest is, and returns its key. It
// never replaces another.
func (s *Store) RecordOpening(ctx context.Context, o Opening) (key string, err error) {
	prefix, err := s.openingsPrefix(o.Session)
	if err != nil {
		return "", err
	}
	var random [8]byte
	_, _ = rand.Read(random[:]) // It never fails.
	o.Version = openingVersion
	body, err := json.MarshalIndent(o, "", "  ")
	switch {
	case err != nil:
		return "", fmt.Errorf("encode the record: %w", err)
	case len(body) >= maxOpeningBytes: // Nobody could read it.
		return "", failure.Wrap(failure.InvalidInput, fmt.Errorf("the record would have %d bytes, more than %d: shorten the names of the user and the host, and the reason", len(body), maxOpeningBytes))
	}
	key = prefix + o.At.UTC().Format("20060102T150405Z-") + hex.EncodeToString(random[:]) + ".json"
	written, err := s.WriteObject(ctx, key, "application/json", append(body, '\n'), "")
	if err == nil && !written {
		err = fmt.Errorf("write s3://%s/%s: %w", s.bucket, key, ErrConflict)
	}
	return key, err
}

// Openings returns the last records of a session, at most so many, oldest first, and how
// many there are; of more than ten thousand it knows the first alone.
func (s *Store) Openings(ctx context.Context, session workflows.Session, most int) (last []Opening, total int, err error) {
	prefix, err := s.openingsPrefix(session)
	if err != nil {
		return nil, 0, err
	}
	var keys []string
	for key, err := range s.ListKeys(ctx, prefix) {
		if err != nil {
			return nil, 0, err
		}
		if strings.HasSuffix(key, ".json") {
			keys = append(keys, key)
			total++
		}
		keys = keys[max(0, len(keys)-most):]
		if total >= maxOpenings {
			break
		}
	}
	for _, key := range keys {
		body, _, err := s.ReadObject(ctx, key, maxOpeningBytes)
		if err != nil {
			return nil, 0, err
		}
		var o Opening
		if err := json.Unmarshal(body, &o); err != nil || o.Session != session {
			return nil, 0, fmt.Errorf("%w: s3://%s/%s is no record of who opened the session: find out who wrote it, and move it away", ErrBlocked, s.bucket, key)
		}
		last = append(last, o)
	}
	return last, total, nil
}
