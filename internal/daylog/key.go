package daylog

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"golang.org/x/mod/sumdb/note"
)

// MaxNameBytes bounds the name of a key.
const MaxNameBytes = 200

var namePattern = regexp.MustCompile(`^[0-9A-Za-z][0-9A-Za-z._/-]*$`)

// Key signs the checkpoints of a log.
type Key struct {
	signer   note.Signer
	verifier note.Verifier
	public   string
}

// Name returns the name of the key, which is the log's origin.
func (k *Key) Name() string { return k.signer.Name() }

// Public returns the public key as a text, as [ParsePublicKey] takes it.
func (k *Key) Public() string { return k.public }

// Verifier returns the public key.
func (k *Key) Verifier() note.Verifier { return k.verifier }

// CheckName returns an error that says what is wrong with the name of a key.
func CheckName(name string) error {
	if len(name) > MaxNameBytes || !namePattern.MatchString(name) {
		return fmt.Errorf("%.100q is not a name for a log: want up to %d letters, digits, dots, slashes, underscores and hyphens, such as acme.example/recordings", name, MaxNameBytes)
	}
	return nil
}

// NewKey returns a new key of that name: the text that is to be kept secret, which [ParseKey]
// takes, and the public one.
func NewKey(name string) (secret, public string, err error) {
	if err := CheckName(name); err != nil {
		return "", "", err
	}
	return note.GenerateKey(rand.Reader, name)
}

var errNoKey = errors.New("it is not the private key of a log (PRIVATE+KEY+…): have one made by log keygen")

// ParseKey returns the key of a text of [NewKey]. Its errors do not show the text.
func ParseKey(text string) (*Key, error) {
	text = strings.TrimSpace(text)
	signer, err := note.NewSigner(text)
	if err != nil {
		return nil, errNoKey
	}
	if err := CheckName(signer.Name()); err != nil {
		return nil, err
	}
	parts := strings.SplitN(text, "+", 5) // PRIVATE, KEY, the name, the id; base64 has + itself.
	seed, err := base64.StdEncoding.DecodeString(parts[len(parts)-1])
	if err != nil || len(seed) != 1+ed25519.SeedSize {
		return nil, errNoKey
	}
	publicKey, isEd25519 := ed25519.NewKeyFromSeed(seed[1:]).Public().(ed25519.PublicKey)
	if !isEd25519 {
		return nil, errNoKey
	}
	public, err := note.NewEd25519VerifierKey(signer.Name(), publicKey)
	if err != nil {
		return nil, err
	}
	verifier, err := note.NewVerifier(public)
	if err != nil || verifier.KeyHash() != signer.KeyHash() {
		return nil, errNoKey
	}
	return &Key{signer, verifier, public}, nil
}

// ParsePublicKey returns the public key of a text, {name}+{key id}+{base64}.
func ParsePublicKey(text string) (note.Verifier, error) {
	text = strings.TrimSpace(text)
	if strings.HasPrefix(text, "PRIVATE+KEY+") {
		return nil, errors.New("it is the private key of a log, which is not needed here and should stay where it is used: give the public one")
	}
	verifier, err := note.NewVerifier(text)
	if err != nil {
		return nil, errors.New("it is not the public key of a log: want {name}+{8 hexadecimal digits}+{base64}, as log keygen has printed it")
	}
	return verifier, nil
}
