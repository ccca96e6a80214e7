package simulator

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rsa"
	"crypto/sha1"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
)

var errNotOurJWE = errors.New("simulator: not a compact JWE for this app's key")

// openJWE decrypts a compact JWE (RFC 7516) of RSA-OAEP with A256GCM or A128GCM, the combinations of the app's setting
// "Enforce JWE" that are simulated; the header must name the key (vendor docs). The error tells no more than the answer may.
func openJWE(compact string, key *rsa.PrivateKey, kid string) (string, error) {
	parts := strings.Split(compact, ".")
	if len(parts) != 5 {
		return "", errNotOurJWE
	}
	var raw [5][]byte
	for i, part := range parts {
		var err error
		if raw[i], err = base64.RawURLEncoding.Strict().DecodeString(part); err != nil {
			return "", errNotOurJWE
		}
	}
	// A map, because encoding/json would take a field spelt in another case.
	header := map[string]any{}
	if json.Unmarshal(raw[0], &header) != nil || header["alg"] != "RSA-OAEP" || header["kid"] != kid || header["zip"] != nil || header["crit"] != nil {
		return "", errNotOurJWE
	}
	keyBytes, known := map[any]int{"A256GCM": 32, "A128GCM": 16}[header["enc"]]
	if !known {
		return "", errNotOurJWE
	}
	// SHA-1 is what the name RSA-OAEP means (RFC 7518, 4.3).
	cek, err := rsa.DecryptOAEP(sha1.New(), nil, key, raw[1], nil)
	if err != nil || len(cek) != keyBytes {
		return "", errNotOurJWE
	}
	block, err := aes.NewCipher(cek)
	if err != nil {
		return "", errNotOurJWE
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil || len(raw[2]) != gcm.NonceSize() || len(raw[4]) != gcm.Overhead() {
		return "", errNotOurJWE
	}
	signed, err := gcm.Open(nil, raw[2], append(raw[3], raw[4]...), []byte(parts[0]))
	if err != nil {
		return "", errNotOurJWE
	}
	return string(signed), nil
}
