package smartassist

import (
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/big"
)

// platformKey is the vendor's public key.
type platformKey struct {
	public *rsa.PublicKey
	id     string
}

const platformKeyRemedy = `copy the JWK that the console shows under "Enforce JWE", {"kty":"RSA","kid":"…","n":"…","e":"AQAB"}`

// maxKeyIDBytes bounds the kid, which is in the header of every token.
const maxKeyIDBytes = 256

// jwk is what a JWK (RFC 7517) or a set of them has that matters here. What else
// a vendor writes beside the key, such as certificates, decides nothing.
type jwk struct {
	Keys []json.RawMessage `json:"keys"`

	Type     string `json:"kty"`
	ID       string `json:"kid"`
	Modulus  string `json:"n"`
	Exponent string `json:"e"`

	// Private and Secret are in private and in symmetric keys.
	Private string `json:"d"`
	Secret  string `json:"k"`
}

// parsePlatformKey reads a JWK or a set of one. Its errors hold nothing of it.
func parsePlatformKey(text string) (platformKey, error) {
	parsed, err := parseJWK([]byte(text))
	if err != nil {
		return platformKey{}, err
	}
	switch {
	case parsed.Private != "" || parsed.Secret != "":
		return platformKey{}, errors.New("the platform's public key is a private or secret one, which nobody but its owner should have: " + platformKeyRemedy)
	case parsed.Type == "":
		return platformKey{}, errNotJWK
	case parsed.Type != "RSA":
		return platformKey{}, errors.New("the platform's public key is not an RSA key: " + platformKeyRemedy)
	case parsed.ID == "":
		return platformKey{}, errors.New("the platform's public key has no kid, by which the platform finds it: " + platformKeyRemedy)
	case len(parsed.ID) > maxKeyIDBytes:
		return platformKey{}, fmt.Errorf("the kid of the platform's public key is longer than %d bytes: %s", maxKeyIDBytes, platformKeyRemedy)
	}
	public, err := parsed.publicKey()
	if err != nil {
		return platformKey{}, err
	}
	return platformKey{public, parsed.ID}, nil
}

var errNotJWK = errors.New("the platform's public key is not a JWK: " + platformKeyRemedy)

func parseJWK(text []byte) (jwk, error) {
	var parsed jwk
	if json.Unmarshal(text, &parsed) != nil {
		return jwk{}, errNotJWK
	}
	if parsed.Keys == nil {
		return parsed, nil
	}
	if len(parsed.Keys) != 1 {
		return jwk{}, fmt.Errorf("the platform's public key is a set of %d keys: leave the one that the console shows under \"Enforce JWE\"", len(parsed.Keys))
	}
	var only jwk
	if json.Unmarshal(parsed.Keys[0], &only) != nil {
		return jwk{}, errNotJWK
	}
	return only, nil
}

func (k jwk) publicKey() (*rsa.PublicKey, error) {
	modulus, modulusErr := base64.RawURLEncoding.DecodeString(k.Modulus)
	exponent, exponentErr := base64.RawURLEncoding.DecodeString(k.Exponent)
	n, e := new(big.Int).SetBytes(modulus), new(big.Int).SetBytes(exponent)
	odd := n.Bit(0) == 1 && e.Bit(0) == 1
	if modulusErr != nil || exponentErr != nil || !odd || e.Cmp(big.NewInt(3)) < 0 || e.Cmp(big.NewInt(math.MaxInt32)) > 0 {
		return nil, errors.New("the platform's public key is damaged: " + platformKeyRemedy)
	}
	if err := checkKeySize("the platform's public key", n, platformKeyRemedy); err != nil {
		return nil, err
	}
	return &rsa.PublicKey{N: n, E: int(e.Int64())}, nil
}
