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

	"github.com/stretchr/testify/require"
)

func TestEnforceJWE(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	stranger, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	w := newWorld(t, Config{DecryptionKey: key, DecryptionKeyID: "k1"})

	require.Equal(t, 200, w.askWith(seal(t, w.token(nil), &key.PublicKey, "k1", "A256GCM", 32)).status)
	require.Equal(t, 200, w.askWith(seal(t, w.token(nil), &key.PublicKey, "k1", "A128GCM", 16)).status)
	for name, token := range map[string]string{
		"not encrypted":    w.token(nil),
		"for another key":  seal(t, w.token(nil), &stranger.PublicKey, "k1", "A256GCM", 32),
		"another kid":      seal(t, w.token(nil), &key.PublicKey, "k2", "A256GCM", 32),
		"key of bad size":  seal(t, w.token(nil), &key.PublicKey, "k1", "A256GCM", 16),
		"unknown enc":      seal(t, w.token(nil), &key.PublicKey, "k1", "A192GCM", 24),
		"no JWT inside":    seal(t, "hello", &key.PublicKey, "k1", "A256GCM", 32),
		"tampered":         seal(t, w.token(nil), &key.PublicKey, "k1", "A256GCM", 32) + "A",
		"five empty parts": "....",
	} {
		t.Run(name, func(t *testing.T) { requireError(t, w.askWith(token), 401, 4002, msgInvalidToken) })
	}
}

func seal(t *testing.T, signed string, key *rsa.PublicKey, kid, enc string, bytes int) string {
	t.Helper()
	b64 := base64.RawURLEncoding.EncodeToString
	header := b64(fmt.Appendf(nil, `{"alg":"RSA-OAEP","enc":%q,"kid":%q,"cty":"JWT"}`, enc, kid))
	cek, nonce := make([]byte, bytes), make([]byte, 12)
	_, _ = rand.Read(cek)
	_, _ = rand.Read(nonce)
	wrapped, err := rsa.EncryptOAEP(sha1.New(), rand.Reader, key, cek, nil)
	require.NoError(t, err)
	block, err := aes.NewCipher(cek)
	require.NoError(t, err)
	gcm, err := cipher.NewGCM(block)
	require.NoError(t, err)
	sealed := gcm.Seal(nil, nonce, []byte(signed), []byte(header))
	body, tag := sealed[:len(sealed)-16], sealed[len(sealed)-16:]
	return header + "." + b64(wrapped) + "." + b64(nonce) + "." + b64(body) + "." + b64(tag)
}
