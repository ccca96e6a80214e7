package simulator

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"encoding/base64"
	"fmt"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"github.com/stretchr/testify/require"
)

func TestEnforceJWE(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	otherKey, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	h := newHarness(t, Config{DecryptionKey: key, DecryptionKeyID: "k1"})
	// library makes tokens that the library itself would decrypt; only the simulator's own settings refuse them.
	library := func(alg jose.KeyAlgorithm, enc jose.ContentEncryption, kid string, options jose.EncrypterOptions) string {
		encrypter, err := jose.NewEncrypter(enc, jose.Recipient{Algorithm: alg, Key: &key.PublicKey, KeyID: kid}, &options)
		require.NoError(t, err)
		jwe, err := encrypter.Encrypt([]byte(h.token(nil)))
		require.NoError(t, err)
		compact, err := jwe.CompactSerialize()
		require.NoError(t, err)
		return compact
	}

	good := seal(t, h.token(nil), &key.PublicKey, "k1", "A256GCM", 32, 16)
	require.Equal(t, 200, h.getStatusWith(good).status)
	require.Equal(t, 200, h.getStatusWith(seal(t, h.token(nil), &key.PublicKey, "k1", "A128GCM", 16, 16)).status)
	require.Equal(t, 200, h.getStatusWith(library(jose.RSA_OAEP, jose.A256GCM, "k1", jose.EncrypterOptions{})).status)
	for name, token := range map[string]string{
		"not encrypted":     h.token(nil),
		"for another key":   seal(t, h.token(nil), &otherKey.PublicKey, "k1", "A256GCM", 32, 16),
		"another kid":       seal(t, h.token(nil), &key.PublicKey, "k2", "A256GCM", 32, 16),
		"no kid":            library(jose.RSA_OAEP, jose.A256GCM, "", jose.EncrypterOptions{}),
		"wrong key size":    seal(t, h.token(nil), &key.PublicKey, "k1", "A256GCM", 16, 16),
		"unknown enc":       seal(t, h.token(nil), &key.PublicKey, "k1", "A192GCM", 24, 16),
		"A128CBC-HS256":     library(jose.RSA_OAEP, jose.A128CBC_HS256, "k1", jose.EncrypterOptions{}),
		"RSA1_5":            library(jose.RSA1_5, jose.A256GCM, "k1", jose.EncrypterOptions{}),
		"RSA-OAEP-256":      library(jose.RSA_OAEP_256, jose.A256GCM, "k1", jose.EncrypterOptions{}),
		"compressed":        library(jose.RSA_OAEP, jose.A256GCM, "k1", jose.EncrypterOptions{Compression: jose.DEFLATE}),
		"crit":              library(jose.RSA_OAEP, jose.A256GCM, "k1", *new(jose.EncrypterOptions).WithHeader("crit", []string{"exp"})),
		"no JWT inside":     seal(t, "hello", &key.PublicKey, "k1", "A256GCM", 32, 16),
		"tampered":          seal(t, h.token(nil), &key.PublicKey, "k1", "A256GCM", 32, 16) + "A",
		"17-byte tag":       seal(t, h.token(nil), &key.PublicKey, "k1", "A256GCM", 32, 17),
		"non-zero pad bits": good[:len(good)-1] + string(good[len(good)-1]+1),
		"five empty parts":  "....",
	} {
		t.Run(name, func(t *testing.T) { requireError(t, h.getStatusWith(token), 401, 4002, msgInvalidToken) })
	}
}

// seal encrypts without the library, so that the format is checked independently. The last tagBytes bytes become the tag;
// AES-GCM makes 16.
func seal(t *testing.T, signed string, key *rsa.PublicKey, kid, enc string, keyBytes, tagBytes int) string {
	t.Helper()
	b64 := base64.RawURLEncoding.EncodeToString
	header := b64(fmt.Appendf(nil, `{"alg":"RSA-OAEP","enc":%q,"kid":%q,"cty":"JWT"}`, enc, kid))
	cek, nonce := make([]byte, keyBytes), make([]byte, 12)
	_, _ = rand.Read(cek)
	_, _ = rand.Read(nonce)
	wrapped, err := rsa.EncryptOAEP(sha1.New(), rand.Reader, key, cek, nil)
	require.NoError(t, err)
	block, err := aes.NewCipher(cek)
	require.NoError(t, err)
	gcm, err := cipher.NewGCM(block)
	require.NoError(t, err)
	sealed := gcm.Seal(nil, nonce, []byte(signed), []byte(header))
	body, tag := sealed[:len(sealed)-tagBytes], sealed[len(sealed)-tagBytes:]
	return header + "." + b64(wrapped) + "." + b64(nonce) + "." + b64(body) + "." + b64(tag)
}
