package smartassist

import (
	"cmp"
	"errors"
	"fmt"

	"github.com/go-jose/go-jose/v4"

	"github.com/callvault/callvault/internal/secret"
)

// Encryption is how the signed token is nested in a compact JWE (RFC 7516), for an
// app whose setting "Enforce JWE" is on.
type Encryption struct {
	// Key is the platform's public key as the console shows it under "Enforce
	// JWE": a JWK with its kid, or a set of one; RSA of 2,048 to 8,192 bits.
	// Required.
	Key *secret.Source

	// KeyAlgorithm encrypts the content's key: RSA-OAEP or RSA1_5. Defaults to
	// RSA-OAEP.
	KeyAlgorithm string

	// ContentEncryption encrypts the token: A256GCM, A128GCM or A128CBC-HS256.
	// Defaults to A256GCM.
	ContentEncryption string
}

// The algorithms that "Enforce JWE" offers.
const (
	RSAOAEP      = string(jose.RSA_OAEP)
	RSA15        = string(jose.RSA1_5)
	A256GCM      = string(jose.A256GCM)
	A128GCM      = string(jose.A128GCM)
	A128CBCHS256 = string(jose.A128CBC_HS256)
)

// encrypt nests the signed token (RFC 7519, 5.2: its content type is JWT).
func (e *Encryption) encrypt(signed string) (string, error) {
	keyAlgorithm, keyErr := e.keyAlgorithm()
	contentEncryption, contentErr := e.contentEncryption()
	key, err := e.platformKey()
	if err = errors.Join(keyErr, contentErr, err); err != nil {
		return "", err
	}
	recipient := jose.Recipient{Algorithm: keyAlgorithm, Key: key.public, KeyID: key.id}
	encrypter, err := jose.NewEncrypter(contentEncryption, recipient, new(jose.EncrypterOptions).WithContentType("JWT"))
	if err != nil {
		return "", fmt.Errorf("the token could not be encrypted: %w", err)
	}
	encrypted, err := encrypter.Encrypt([]byte(signed))
	if err != nil {
		return "", fmt.Errorf("the token could not be encrypted: %w", err)
	}
	return encrypted.CompactSerialize()
}

func (e *Encryption) keyAlgorithm() (jose.KeyAlgorithm, error) {
	switch algorithm := cmp.Or(e.KeyAlgorithm, RSAOAEP); algorithm {
	case RSAOAEP, RSA15:
		return jose.KeyAlgorithm(algorithm), nil
	}
	return "", notOneOf("key algorithm", e.KeyAlgorithm, RSAOAEP, RSA15)
}

func (e *Encryption) contentEncryption() (jose.ContentEncryption, error) {
	switch encryption := cmp.Or(e.ContentEncryption, A256GCM); encryption {
	case A256GCM, A128GCM, A128CBCHS256:
		return jose.ContentEncryption(encryption), nil
	}
	return "", notOneOf("content encryption", e.ContentEncryption, A256GCM, A128GCM, A128CBCHS256)
}

func (e *Encryption) platformKey() (platformKey, error) {
	if e.Key == nil {
		return platformKey{}, errors.New("the platform's public key is not set: " + platformKeyRemedy)
	}
	text, err := e.Key.Read()
	if err != nil {
		return platformKey{}, err
	}
	return parsePlatformKey(text)
}
