package simulator

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strings"

	"github.com/go-jose/go-jose/v4"
)

// The algorithms of the app's setting "Enforce JWE" (vendor docs).
var (
	keyAlgorithms      = []jose.KeyAlgorithm{jose.RSA_OAEP, jose.RSA1_5}
	contentEncryptions = []jose.ContentEncryption{jose.A256GCM, jose.A128GCM, jose.A128CBC_HS256}
)

// checkJWESettings accepts an empty setting, which stands for all algorithms.
func checkJWESettings(keyAlgorithm, contentEncryption string) error {
	if keyAlgorithm != "" && !slices.Contains(keyAlgorithms, jose.KeyAlgorithm(keyAlgorithm)) {
		return fmt.Errorf("simulator: KeyAlgorithm %q is not one of %v", keyAlgorithm, keyAlgorithms)
	}
	if contentEncryption != "" && !slices.Contains(contentEncryptions, jose.ContentEncryption(contentEncryption)) {
		return fmt.Errorf("simulator: ContentEncryption %q is not one of %v", contentEncryption, contentEncryptions)
	}
	return nil
}

// openJWE decrypts a compact JWE (RFC 7516) of the algorithms that the configuration enforces. Its header must name the key
// with kid (vendor docs) and the content with cty "JWT" (RFC 7519, 5.2), and must not have zip or crit.
func openJWE(compact string, config Config) (signed string, ok bool) {
	keys, contents := keyAlgorithms, contentEncryptions
	if config.KeyAlgorithm != "" {
		keys = []jose.KeyAlgorithm{jose.KeyAlgorithm(config.KeyAlgorithm)}
	}
	if config.ContentEncryption != "" {
		contents = []jose.ContentEncryption{jose.ContentEncryption(config.ContentEncryption)}
	}
	jwe, err := jose.ParseEncryptedCompact(compact, keys, contents)
	if err != nil || !isStrictJWE(compact) || jwe.Header.KeyID != config.DecryptionKeyID || jwe.Header.ExtraHeaders["zip"] != nil {
		return "", false
	}
	if contentType, _ := jwe.Header.ExtraHeaders[jose.HeaderContentType].(string); !strings.EqualFold(contentType, "JWT") {
		return "", false
	}
	plain, err := jwe.Decrypt(config.DecryptionKey) // refuses crit
	return string(plain), err == nil
}

// isStrictJWE reports what the library does not check: canonical base64url, and a tag of exactly 128 bits (RFC 7518, 5.2.3
// and 5.3).
func isStrictJWE(compact string) bool {
	parts := strings.Split(compact, ".")
	for _, part := range parts {
		if _, err := base64.RawURLEncoding.Strict().DecodeString(part); err != nil {
			return false
		}
	}
	return len(parts[len(parts)-1]) == base64.RawURLEncoding.EncodedLen(16)
}
