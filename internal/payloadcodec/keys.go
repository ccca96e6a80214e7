package payloadcodec

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/base64"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"sync"
)

const (
	keyBytes = 32
	maxKeys  = 100
)

var keyID = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)

// key is one key with its id.
type key struct {
	id   string
	aead cipher.AEAD
}

// parseKeys reads one key a line: its id and 32 bytes in base64. Empty lines and those that
// begin with # do not count. Its errors hold nothing of a key.
func parseKeys(text string) ([]key, error) {
	var keys []key
	known := make(map[string]bool)
	number := 0
	for line := range strings.Lines(text) {
		number++
		fields := strings.Fields(line)
		if len(fields) == 0 || strings.HasPrefix(fields[0], "#") {
			continue
		}
		if len(fields) != 2 || !keyID.MatchString(fields[0]) {
			return nil, fmt.Errorf("line %d is not a key: want an id of up to 64 letters, digits, . _ and -, a space, and 32 bytes in base64", number)
		}
		secret, err := base64.StdEncoding.DecodeString(fields[1])
		switch {
		case err != nil || len(secret) != keyBytes:
			return nil, fmt.Errorf("line %d: what follows the id is not 32 bytes in base64: make a key by openssl rand -base64 32", number) // Not the id, which may be the key.
		case known[fields[0]]:
			return nil, fmt.Errorf("line %d: there is a key %q already: give this one another id", number, fields[0])
		case len(keys) == maxKeys:
			return nil, fmt.Errorf("line %d: there are more than %d keys: remove those that no history in the namespace needs", number, maxKeys)
		}
		aead, err := newAEAD(secret)
		if err != nil {
			return nil, err
		}
		known[fields[0]] = true
		keys = append(keys, key{id: fields[0], aead: aead})
	}
	if len(keys) == 0 {
		return nil, errors.New("it has no key: want lines with an id and 32 bytes in base64")
	}
	return keys, nil
}

func newAEAD(secret []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(secret)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}

// source is where the keys are, which may change while the process runs.
type source struct {
	read func() (string, error)

	mu   sync.Mutex
	text string
	keys []key
}

// current returns the keys. While the file is being replaced, or is wrong, those that were
// read last are good enough.
func (s *source) current() ([]key, error) {
	text, err := s.read()
	s.mu.Lock()
	defer s.mu.Unlock()
	if err == nil && (text != s.text || s.keys == nil) {
		var keys []key
		if keys, err = parseKeys(text); err == nil {
			s.text, s.keys = text, keys
		}
	}
	if s.keys != nil {
		return s.keys, nil
	}
	return nil, err
}
