// Package seal encrypts the secrets that are passed through Temporal's histories:
// tokens and media URLs, which are bearer credentials.
//
// A sealed text can be opened only by a worker that has the same client
// secret, only for the workflow and the purpose it was sealed for, and only
// until it expires.
//
// The key is derived from the client secret, so there is nothing to configure; a
// payload codec, which would encrypt everything, would need key management. The
// primitives are the standard library's HKDF-SHA-256 and AES-256-GCM.
package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"
)

// version begins every sealed text and every key derivation, so that a later
// scheme can coexist with this one.
const version = "cv1"

// Purpose keeps one kind of secret from being opened as another.
type Purpose string

// The purposes.
const (
	Token    Purpose = "token"
	MediaURL Purpose = "media-url"
	Resume   Purpose = "resume"
)

var (
	// ErrExpired means that the text was sealed until an earlier time.
	ErrExpired = errors.New("the sealed text has expired")
	// ErrNotOurs means that the text was altered, or sealed for another workflow or
	// purpose, or with another client secret.
	ErrNotOurs = errors.New("the sealed text cannot be opened: it was sealed with another client secret, or altered; give all workers of the account the same client secret or private key")
)

// Secret is where the secret is from which the keys are derived. It may change
// while the process runs.
type Secret interface {
	Read() (string, error)
}

// Sealer seals and opens. It is safe for concurrent use.
type Sealer struct {
	secret Secret

	mu sync.Mutex
	// current and previous are the last two secrets, so that what was sealed
	// before a change can still be opened.
	current, previous string
}

// New returns a Sealer whose keys are derived from secret.
func New(secret Secret) *Sealer { return &Sealer{secret: secret} }

// secrets returns the current secret and the one before it, if there was one.
func (s *Sealer) secrets() ([]string, error) {
	secret, err := s.secret.Read()
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil && s.current == "" {
		return nil, err
	}
	// While it is being replaced, the last one is good enough.
	if err == nil && secret != s.current {
		s.current, s.previous = secret, s.current
	}
	if s.previous == "" {
		return []string{s.current}, nil
	}
	return []string{s.current, s.previous}, nil
}

// Seal encrypts text for one workflow until expiresAt, which is readable in
// the result.
func (s *Sealer) Seal(purpose Purpose, workflowID, text string, expiresAt time.Time) (string, error) {
	secrets, err := s.secrets()
	if err != nil {
		return "", err
	}
	aead, err := newAEAD(secrets[0], purpose, workflowID)
	if err != nil {
		return "", err
	}
	header := version + "." + strconv.FormatInt(expiresAt.Unix(), 10)
	sealed := aead.Seal(nil, nil, []byte(text), []byte(header))
	return header + "." + base64.RawURLEncoding.EncodeToString(sealed), nil
}

// Open decrypts what Seal returned. Its errors are [ErrNotOurs], [ErrExpired], and that
// the secret cannot be read.
func (s *Sealer) Open(purpose Purpose, workflowID, sealed string, now time.Time) (string, error) {
	last := strings.LastIndexByte(sealed, '.')
	if last < 0 {
		return "", ErrNotOurs
	}
	header, encoded := sealed[:last], sealed[last+1:]
	seconds, found := strings.CutPrefix(header, version+".")
	expiresAt, err := strconv.ParseInt(seconds, 10, 64)
	if err != nil || !found {
		return "", ErrNotOurs
	}
	ciphertext, err := base64.RawURLEncoding.DecodeString(encoded)
	if err != nil {
		return "", ErrNotOurs
	}
	secrets, err := s.secrets()
	if err != nil {
		return "", err
	}
	for _, secret := range secrets {
		aead, err := newAEAD(secret, purpose, workflowID)
		if err != nil {
			return "", err
		}
		text, err := aead.Open(nil, nil, ciphertext, []byte(header))
		switch {
		case err != nil: // Perhaps it was sealed with the secret before.
		case !now.Before(time.Unix(expiresAt, 0)):
			return "", ErrExpired
		default:
			return string(text), nil
		}
	}
	return "", ErrNotOurs
}

// newAEAD derives a key for each workflow and purpose. So the additional data needs
// only the version and the expiry, and no key is used for nearly as many texts as
// random nonces allow.
func newAEAD(secret string, purpose Purpose, workflowID string) (cipher.AEAD, error) {
	info := version + "\x00" + string(purpose) + "\x00" + workflowID
	key, err := hkdf.Key(sha256.New, []byte(secret), nil, info, 32)
	if err != nil {
		return nil, fmt.Errorf("derive the sealing key: %w", err)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("create the sealing cipher: %w", err)
	}
	return cipher.NewGCMWithRandomNonce(block)
}
