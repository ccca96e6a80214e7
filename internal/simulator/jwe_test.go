package simulator

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"math/big"
	"slices"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"github.com/stretchr/testify/require"
)

func TestEnforceJWE(t *testing.T) {
	key, otherKey := newKey(t), newKey(t)
	h := newHarness(t, Config{DecryptionKey: key, DecryptionKeyID: "k1"})
	// library makes tokens that the library itself would decrypt; only the simulator's own settings refuse them.
	library := func(alg jose.KeyAlgorithm, enc jose.ContentEncryption, kid string, options jose.EncrypterOptions) string {
		if options.ExtraHeaders[jose.HeaderContentType] == nil {
			options.WithContentType("JWT")
		}
		encrypter, err := jose.NewEncrypter(enc, jose.Recipient{Algorithm: alg, Key: &key.PublicKey, KeyID: kid}, &options)
		require.NoError(t, err)
		jwe, err := encrypter.Encrypt([]byte(h.token(nil)))
		require.NoError(t, err)
		compact, err := jwe.CompactSerialize()
		require.NoError(t, err)
		return compact
	}
	sealed := func(change func(*form)) string {
		f := form{key: &key.PublicKey, kid: "k1", cty: "JWT", alg: "RSA-OAEP", enc: "A256GCM", keyBytes: 32, tagBytes: 16}
		change(&f)
		return f.seal(t, h.token(nil))
	}

	good := sealed(func(*form) {})
	require.Equal(t, 200, h.getStatusWith(good).status)
	require.Equal(t, 200, h.getStatusWith(library(jose.RSA_OAEP, jose.A256GCM, "k1", jose.EncrypterOptions{})).status)
	require.Equal(t, 200, h.getStatusWith(sealed(func(f *form) { f.cty = "jwt" })).status, "media types have no case")
	for name, token := range map[string]string{
		"not encrypted":      h.token(nil),
		"for another key":    sealed(func(f *form) { f.key = &otherKey.PublicKey }),
		"another kid":        sealed(func(f *form) { f.kid = "k2" }),
		"no kid":             library(jose.RSA_OAEP, jose.A256GCM, "", jose.EncrypterOptions{}),
		"no content type":    sealed(func(f *form) { f.cty = "" }),
		"other content type": sealed(func(f *form) { f.cty = "json" }),
		"wrong key size":     sealed(func(f *form) { f.keyBytes = 16 }),
		"unknown enc":        sealed(func(f *form) { f.enc, f.keyBytes = "A192GCM", 24 }),
		"A256CBC-HS512":      library(jose.RSA_OAEP, jose.A256CBC_HS512, "k1", jose.EncrypterOptions{}),
		"RSA-OAEP-256":       library(jose.RSA_OAEP_256, jose.A256GCM, "k1", jose.EncrypterOptions{}),
		"compressed":         library(jose.RSA_OAEP, jose.A256GCM, "k1", jose.EncrypterOptions{Compression: jose.DEFLATE}),
		"crit":               library(jose.RSA_OAEP, jose.A256GCM, "k1", *new(jose.EncrypterOptions).WithHeader("crit", []string{"exp"})),
		"no JWT inside":      form{key: &key.PublicKey, kid: "k1", cty: "JWT", alg: "RSA-OAEP", enc: "A256GCM", keyBytes: 32, tagBytes: 16}.seal(t, "hello"),
		"tampered":           good + "A",
		"17-byte tag":        sealed(func(f *form) { f.tagBytes = 17 }),
		"15-byte tag":        sealed(func(f *form) { f.enc, f.tagBytes = "A128CBC-HS256", 15 }),
		"non-zero pad bits":  good[:len(good)-1] + string(good[len(good)-1]+1),
		"five empty parts":   "....",
	} {
		t.Run(name, func(t *testing.T) { requireError(t, h.getStatusWith(token), 401, 4002, msgInvalidToken) })
	}
}

func TestEnforceJWEAcceptsExactlyTheDocumentedAlgorithmsThatItIsSetTo(t *testing.T) {
	key := newKey(t)
	type combination struct{ alg, enc string }
	var all []combination
	for _, alg := range []string{"RSA-OAEP", "RSA1_5"} {
		for _, enc := range []string{"A256GCM", "A128GCM", "A128CBC-HS256"} {
			all = append(all, combination{alg, enc})
		}
	}
	accepted := func(t *testing.T, config Config) (accepted []combination) {
		config.DecryptionKey, config.DecryptionKeyID = key, "k1"
		h := newHarness(t, config)
		for _, one := range all {
			keyBytes := 32
			if one.enc == "A128GCM" {
				keyBytes = 16
			}
			token := form{&key.PublicKey, "k1", "JWT", one.alg, one.enc, keyBytes, 16}.seal(t, h.token(nil))
			if resp := h.getStatusWith(token); resp.status != 200 {
				requireError(t, resp, 401, 4002, msgInvalidToken)
				require.Equal(t, ReasonNotJWT, h.Calls()[len(h.Calls())-1].Reason)
				continue
			}
			accepted = append(accepted, one)
		}
		return accepted
	}

	require.Equal(t, all, accepted(t, Config{}), "neither is set")
	require.Equal(t, all[3:], accepted(t, Config{KeyAlgorithm: "RSA1_5"}))
	require.Equal(t, []combination{all[1], all[4]}, accepted(t, Config{ContentEncryption: "A128GCM"}))
	for _, one := range all {
		require.Equal(t, []combination{one}, accepted(t, Config{KeyAlgorithm: one.alg, ContentEncryption: one.enc}))
	}
}

func TestEncryptedTokenIsNoJWTWithoutEnforceJWE(t *testing.T) {
	h := newHarness(t, Config{})
	token := form{&newKey(t).PublicKey, "k1", "JWT", "RSA-OAEP", "A256GCM", 32, 16}.seal(t, h.token(nil))
	requireError(t, h.getStatusWith(token), 401, 4002, msgInvalidToken)
}

func newKey(t *testing.T) *rsa.PrivateKey {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	return key
}

// form is how a token is encrypted without the library, so that the format is checked independently.
type form struct {
	key                *rsa.PublicKey
	kid, cty, alg, enc string
	// keyBytes is the size of the content's key. The last tagBytes bytes become the tag; both kinds of encryption make 16.
	keyBytes, tagBytes int
}

// seal encrypts as RFC 7516 and RFC 7518 say.
func (f form) seal(t *testing.T, signed string) string {
	t.Helper()
	b64 := base64.RawURLEncoding.EncodeToString
	contentType := ""
	if f.cty != "" {
		contentType = fmt.Sprintf(`,"cty":%q`, f.cty)
	}
	header := b64(fmt.Appendf(nil, `{"alg":%q,"enc":%q,"kid":%q%s}`, f.alg, f.enc, f.kid, contentType))
	contentKey := make([]byte, f.keyBytes)
	_, _ = rand.Read(contentKey)
	wrapped, err := rsa.EncryptOAEP(sha1.New(), rand.Reader, f.key, contentKey, nil)
	if f.alg == "RSA1_5" {
		wrapped = encryptPKCS1(f.key, contentKey)
	}
	require.NoError(t, err)
	seal := sealGCM
	if f.enc == "A128CBC-HS256" {
		seal = sealCBC
	}
	nonce, sealed := seal(t, contentKey, []byte(signed), []byte(header))
	body, tag := sealed[:len(sealed)-f.tagBytes], sealed[len(sealed)-f.tagBytes:]
	return header + "." + b64(wrapped) + "." + b64(nonce) + "." + b64(body) + "." + b64(tag)
}

// encryptPKCS1 is RFC 8017, 7.2.1: 0, 2, random bytes that are not 0, 0, the message.
func encryptPKCS1(key *rsa.PublicKey, message []byte) []byte {
	padded := make([]byte, key.Size())
	_, _ = rand.Read(padded)
	for i, b := range padded {
		padded[i] = max(1, b)
	}
	padded[0], padded[1] = 0, 2
	padded[len(padded)-len(message)-1] = 0
	copy(padded[len(padded)-len(message):], message)
	encrypted := new(big.Int).Exp(new(big.Int).SetBytes(padded), big.NewInt(int64(key.E)), key.N)
	return encrypted.FillBytes(padded)
}

func sealGCM(t *testing.T, key, plain, header []byte) (nonce, sealed []byte) {
	block, err := aes.NewCipher(key)
	require.NoError(t, err)
	gcm, err := cipher.NewGCM(block)
	require.NoError(t, err)
	nonce = make([]byte, gcm.NonceSize())
	_, _ = rand.Read(nonce)
	return nonce, gcm.Seal(nil, nonce, plain, header)
}

// sealCBC is RFC 7518, 5.2: the first half of the key signs, the second encrypts.
func sealCBC(t *testing.T, key, plain, header []byte) (iv, sealed []byte) {
	block, err := aes.NewCipher(key[16:])
	require.NoError(t, err)
	iv = make([]byte, aes.BlockSize)
	_, _ = rand.Read(iv)
	padding := aes.BlockSize - len(plain)%aes.BlockSize
	sealed = append(slices.Clone(plain), bytes.Repeat([]byte{byte(padding)}, padding)...)
	cipher.NewCBCEncrypter(block, iv).CryptBlocks(sealed, sealed)
	mac := hmac.New(sha256.New, key[:16])
	for _, part := range [][]byte{header, iv, sealed, binary.BigEndian.AppendUint64(nil, uint64(len(header))*8)} {
		mac.Write(part)
	}
	return iv, append(sealed, mac.Sum(nil)[:16]...)
}
