// Package seal encrypts what has to cross Temporal's histories unread: tokens
// and media URLs, which are bearer credentials.
//
// A sealed text can be opened only by a worker that has the same client
// secret, only for the workflow and the purpose it was sealed for, and only
// until it expires. The key follows from the client secret, so there is
// nothing to configure.
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
	"time"
)

// version leads every sealed text and every key derivation, so that a later
// scheme can stand beside this one.
const version = "cv1"

// Purpose keeps one kind of secret from being opened as another.
type Purpose string

// The purposes.
const (
	Token    Purpose = "token"
	MediaURL Purpose = "media-url"
)

var (
	// ErrExpired says that the text was sealed for a time that is over.
	ErrExpired = errors.New("the sealed text has expired")
	// ErrNotOurs says that the text was altered, or sealed for another workflow or
	// purpose, or under another client secret.
	ErrNotOurs = errors.New("the sealed text does not open: it was sealed under another client secret, or altered; give all workers of the namespace the same SMARTASSIST_CLIENT_SECRET")
)

// Sealer seals and opens. It is safe for concurrent use.
type Sealer struct {
	secret []byte
}

// New returns a Sealer whose keys follow from secret.
func New(secret string) *Sealer {
	return &Sealer{secret: []byte(secret)}
}

// Seal encrypts text for one workflow until expiresAt, which is readable in
// the result.
func (s *Sealer) Seal(purpose Purpose, workflowID, text string, expiresAt time.Time) (string, error) {
	aead, err := s.aead(purpose, workflowID)
	if err != nil {
		return "", err
	}
	header := version + "." + strconv.FormatInt(expiresAt.Unix(), 10)
	sealed := aead.Seal(nil, nil, []byte(text), []byte(header))
	return header + "." + base64.RawURLEncoding.EncodeToString(sealed), nil
}

// Open decrypts what Seal returned. It answers [ErrNotOurs] or [ErrExpired].
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
	aead, err := s.aead(purpose, workflowID)
	if err != nil {
		return "", err
	}
	text, err := aead.Open(nil, nil, ciphertext, []byte(header))
	switch {
	case err != nil:
		return "", ErrNotOurs
	case !now.Before(time.Unix(expiresAt, 0)):
		return "", ErrExpired
	}
	return string(text), nil
}

// aead derives a key for each workflow and purpose. So the additional data of
// the ciphertext need hold the expiry alone, and no key ever comes near the
// number of texts that random nonces allow.
func (s *Sealer) aead(purpose Purpose, workflowID string) (cipher.AEAD, error) {
	info := version + "\x00" + string(purpose) + "\x00" + workflowID
	key, err := hkdf.Key(sha256.New, s.secret, nil, info, 32)
	if err != nil {
		return nil, fmt.Errorf("derive the sealing key: %w", err)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("make the sealing cipher: %w", err)
	}
	return cipher.NewGCMWithRandomNonce(block)
}
