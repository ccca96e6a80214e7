package simulator

import (
	"crypto/rsa"
	"encoding/base64"
	"strings"

	"github.com/go-jose/go-jose/v4"
)

// openJWE decrypts a compact JWE (RFC 7516) of RSA-OAEP with A256GCM or A128GCM, the combinations of the app's setting
// "Enforce JWE" that are simulated. The header must name the key with kid (vendor docs) and must not have zip or crit.
func openJWE(compact string, key *rsa.PrivateKey, kid string) (signed string, ok bool) {
	jwe, err := jose.ParseEncryptedCompact(compact, []jose.KeyAlgorithm{jose.RSA_OAEP}, []jose.ContentEncryption{jose.A256GCM, jose.A128GCM})
	if err != nil || !isStrictJWE(compact) || jwe.Header.KeyID != kid || jwe.Header.ExtraHeaders["zip"] != nil {
		return "", false
	}
	plain, err := jwe.Decrypt(key) // refuses crit
	return string(plain), err == nil
}

// isStrictJWE reports what the library does not check: canonical base64url, and a tag of exactly 128 bits (RFC 7518, 5.3).
func isStrictJWE(compact string) bool {
	parts := strings.Split(compact, ".")
	for _, part := range parts {
		if _, err := base64.RawURLEncoding.Strict().DecodeString(part); err != nil {
			return false
		}
	}
	return len(parts[len(parts)-1]) == base64.RawURLEncoding.EncodedLen(16)
}
