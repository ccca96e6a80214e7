package smartassist_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/internal/failure"
	"github.com/callvault/callvault/internal/secret"
	"github.com/callvault/callvault/internal/simulator"
	"github.com/callvault/callvault/internal/smartassist"
)

// form is a form of token that an app may enforce.
type form struct{ algorithm, keyAlgorithm, contentEncryption string }

func (f form) String() string {
	return strings.Join([]string{f.algorithm, f.keyAlgorithm, f.contentEncryption}, " ")
}

func allForms() []form {
	var all []form
	for _, algorithm := range []string{smartassist.HS256, smartassist.HS512, smartassist.RS256, smartassist.RS512} {
		all = append(all, form{algorithm, "", ""})
		for _, keyAlgorithm := range []string{smartassist.RSAOAEP, smartassist.RSA15} {
			for _, contentEncryption := range []string{smartassist.A256GCM, smartassist.A128GCM, smartassist.A128CBCHS256} {
				all = append(all, form{algorithm, keyAlgorithm, contentEncryption})
			}
		}
	}
	return all
}

// app is one JWT app: what the simulator and the credentials have in common.
type app struct {
	signing, platform *rsa.PrivateKey
	keyID             string
}

func newApp(t testing.TB) app { return app{newKey(t, 2048), newKey(t, 2048), "kid-1"} }

// upstream returns a simulator that accepts tokens of one form.
func (a app) upstream(t *testing.T, f form) *simulator.Simulator {
	t.Helper()
	config := simulator.Config{Algorithm: f.algorithm, PublicKey: &a.signing.PublicKey, EnforceJTI: true,
		CallsPerMinute: simulator.Unlimited, CallsPerHour: simulator.Unlimited}
	if f.keyAlgorithm != "" {
		config.DecryptionKey, config.DecryptionKeyID = a.platform, a.keyID
		config.KeyAlgorithm, config.ContentEncryption = f.keyAlgorithm, f.contentEncryption
	}
	upstream, err := simulator.New(config)
	require.NoError(t, err)
	return upstream
}

func (a app) credentials(f form) smartassist.Credentials {
	c := smartassist.Credentials{ClientID: simulator.DefaultClientID, Algorithm: f.algorithm, Key: secret.Value(simulator.DefaultClientSecret)}
	if strings.HasPrefix(f.algorithm, "RS") {
		c.Key = secret.Value(pkcs8(a.signing))
	}
	if f.keyAlgorithm != "" {
		c.Encryption = &smartassist.Encryption{Key: secret.Value(jwkOf(a.platform, a.keyID)), KeyAlgorithm: f.keyAlgorithm, ContentEncryption: f.contentEncryption}
	}
	return c
}

// send sends a new token, and returns the HTTP status.
func send(t *testing.T, upstream http.Handler, c smartassist.Credentials) int {
	t.Helper()
	return sendToken(upstream, mint(t, c))
}

func mint(t *testing.T, c smartassist.Credentials) string {
	t.Helper()
	minted, _, err := c.Mint(simulator.DefaultBotID, time.Now())
	require.NoError(t, err)
	return minted
}

func sendToken(upstream http.Handler, minted string) int {
	request := httptest.NewRequest(http.MethodGet, "/api/public/bot/"+simulator.DefaultBotID+"/v2/recordings?sessionId="+sessionID, nil)
	request.Header.Set("auth", minted)
	response := httptest.NewRecorder()
	upstream.ServeHTTP(response, request)
	return response.Code
}

func TestEveryFormOfTokenIsAcceptedByTheAppThatEnforcesItAndByNoOther(t *testing.T) {
	app := newApp(t)
	tokens := make(map[form]string)
	for _, sent := range allForms() {
		tokens[sent] = mint(t, app.credentials(sent))
	}
	require.Len(t, tokens, 4*(1+2*3))
	for _, enforced := range allForms() {
		upstream := app.upstream(t, enforced)
		for sent, minted := range tokens {
			want := http.StatusUnauthorized
			if sent == enforced {
				want = http.StatusOK
			}
			require.Equal(t, want, sendToken(upstream, minted), "the app enforces %s, sent was %s", enforced, sent)
		}
	}
}

func TestEveryFormOfCredentialsHasNoProblem(t *testing.T) {
	app := newApp(t)
	for _, f := range allForms() {
		require.Empty(t, app.credentials(f).Problems(), f)
	}
}

func TestEmptySettingsAreHS256AndRSAOAEPWithA256GCM(t *testing.T) {
	app := newApp(t)
	c := app.credentials(form{"", "", ""})
	require.Equal(t, http.StatusOK, send(t, app.upstream(t, form{"HS256", "", ""}), c))
	c.Encryption = &smartassist.Encryption{Key: secret.Value(jwkOf(app.platform, app.keyID))}
	require.Equal(t, http.StatusOK, send(t, app.upstream(t, form{"HS256", "RSA-OAEP", "A256GCM"}), c))
	require.Empty(t, c.Problems())
}

func TestPrivateKeyMayBePKCS1OrPKCS8AndBesideOtherBlocks(t *testing.T) {
	app := newApp(t)
	upstream := app.upstream(t, form{"RS256", "", ""})
	pkcs1 := pemOf("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(app.signing))
	public, err := x509.MarshalPKIXPublicKey(&app.signing.PublicKey)
	require.NoError(t, err)
	for name, text := range map[string]string{
		"PKCS#1":                     pkcs1,
		"PKCS#8":                     pkcs8(app.signing),
		"after the public key":       pemOf("PUBLIC KEY", public) + pkcs1,
		"after what openssl reports": "Bag Attributes\n    friendlyName: app\n" + pkcs8(app.signing),
		"with CRLF":                  strings.ReplaceAll(pkcs1, "\n", "\r\n"),
		"without the last line end":  strings.TrimSpace(pkcs1),
	} {
		c := app.credentials(form{"RS256", "", ""})
		c.Key = secret.Value(text)
		require.Empty(t, c.Problems(), name)
		require.Equal(t, http.StatusOK, send(t, upstream, c), name)
	}
}

func TestPlatformKeyMayBeASetOfOne(t *testing.T) {
	app := newApp(t)
	f := form{"HS256", "RSA-OAEP", "A256GCM"}
	c := app.credentials(f)
	c.Encryption.Key = secret.Value(`{"keys":[` + jwkOf(app.platform, app.keyID) + `]}`)
	require.Empty(t, c.Problems())
	require.Equal(t, http.StatusOK, send(t, app.upstream(t, f), c))
}

// What a vendor adds to a JWK decides nothing: whether its certificates match,
// for example.
func TestPlatformKeyMayHaveOtherParameters(t *testing.T) {
	app := newApp(t)
	f := form{"HS256", "RSA-OAEP", "A256GCM"}
	c := app.credentials(f)
	c.Encryption.Key = secret.Value(strings.Replace(jwkOf(app.platform, app.keyID), "{", `{"use":"enc","alg":"RSA-OAEP","x5t":"?","x5c":["?"],"ext":true,`, 1))
	require.Empty(t, c.Problems())
	require.Equal(t, http.StatusOK, send(t, app.upstream(t, f), c))
}

func TestEncryptedTokenNamesItsKeyAndContent(t *testing.T) {
	app := newApp(t)
	minted, _, err := app.credentials(form{"HS256", "RSA1_5", "A128GCM"}).Mint(botID, noon)
	require.NoError(t, err)
	require.Len(t, strings.Split(minted, "."), 5)
	header, err := base64.RawURLEncoding.DecodeString(strings.Split(minted, ".")[0])
	require.NoError(t, err)
	require.JSONEq(t, `{"alg":"RSA1_5","enc":"A128GCM","kid":"kid-1","cty":"JWT"}`, string(header))
}

func TestEncryptedTokenIsRedacted(t *testing.T) {
	minted, _, err := newApp(t).credentials(form{"RS512", "RSA-OAEP", "A128CBC-HS256"}).Mint(botID, noon)
	require.NoError(t, err)
	require.Equal(t, "token [redacted] refused", smartassist.Redact("token "+minted+" refused"))
}

func TestRotatedKeysAreUsedWithoutNewCredentials(t *testing.T) {
	before, after := newApp(t), newApp(t)
	after.keyID = "kid-2"
	synctest.Test(t, func(t *testing.T) {
		f := form{"RS256", "RSA-OAEP", "A256GCM"}
		folder := t.TempDir()
		keyFile, platformKeyFile := filepath.Join(folder, "key.pem"), filepath.Join(folder, "platform.jwk")
		c := before.credentials(f)
		c.Key, c.Encryption.Key = secret.File(keyFile), secret.File(platformKeyFile)

		for _, app := range []app{before, after} {
			require.NoError(t, os.WriteFile(keyFile, []byte(pkcs8(app.signing)), 0o600))
			require.NoError(t, os.WriteFile(platformKeyFile, []byte(jwkOf(app.platform, app.keyID)), 0o600))
			time.Sleep(time.Second) // of the test's own clock
			require.Equal(t, http.StatusOK, send(t, app.upstream(t, f), c))
		}
	})
}

func TestRotatedClientSecretIsUsedWithoutNewCredentials(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "secret.txt")
		c := smartassist.Credentials{ClientID: simulator.DefaultClientID, Key: secret.File(file)}
		upstream, err := simulator.New(simulator.Config{})
		require.NoError(t, err)
		for _, clientSecret := range []string{"first", "second"} {
			require.NoError(t, os.WriteFile(file, []byte(clientSecret+"\n"), 0o600))
			time.Sleep(time.Second) // of the test's own clock
			upstream.SetClientSecret(clientSecret)
			require.Equal(t, http.StatusOK, send(t, upstream, c))
		}
	})
}

func TestTokenThatCannotBeMintedBlocksWithTheRemedy(t *testing.T) {
	missing := secret.File(filepath.Join(t.TempDir(), "no.txt"))
	app := newApp(t)
	for name, row := range map[string]struct {
		change func(*smartassist.Credentials)
		says   string
	}{
		"no key":             {func(c *smartassist.Credentials) { c.Key = nil }, "the key is not set"},
		"key file missing":   {func(c *smartassist.Credentials) { c.Key = missing }, "no.txt"},
		"unknown algorithm":  {func(c *smartassist.Credentials) { c.Algorithm = "none" }, "HS256, HS512"},
		"reserved claim":     {func(c *smartassist.Credentials) { c.Claims = map[string]any{"jti": "x"} }, "the claim jti cannot be replaced"},
		"no platform key":    {func(c *smartassist.Credentials) { c.Encryption.Key = nil }, "the platform's public key is not set"},
		"unknown encryption": {func(c *smartassist.Credentials) { c.Encryption.ContentEncryption = "A192GCM" }, "A256GCM, A128GCM"},
	} {
		c := app.credentials(form{"HS256", "RSA-OAEP", "A256GCM"})
		row.change(&c)
		minted, expiresAt, err := c.Mint(botID, noon)
		require.ErrorContains(t, err, "no token can be minted: ", name)
		require.ErrorContains(t, err, row.says, name)
		require.Empty(t, minted, name)
		require.Zero(t, expiresAt, name)
		failed, ok := failure.Of(err)
		require.True(t, ok, name)
		require.Equal(t, failure.Blocked, failed.FailureKind(), name)
		require.NotEmpty(t, c.Problems(), name)
	}
}

func BenchmarkMint(b *testing.B) {
	app := newApp(b)
	for _, f := range []form{{"HS256", "", ""}, {"RS512", "", ""}, {"RS512", "RSA-OAEP", "A256GCM"}} {
		b.Run(f.String(), func(b *testing.B) {
			c := app.credentials(f)
			for b.Loop() {
				if _, _, err := c.Mint(botID, noon); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func newKey(t testing.TB, bits int) *rsa.PrivateKey {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, bits)
	require.NoError(t, err)
	return key
}

func pemOf(kind string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

func pkcs8(key any) string {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		panic(err)
	}
	return pemOf("PRIVATE KEY", der)
}

// jwkOf returns the public key as RFC 7517 and RFC 7518, 6.3, write it.
func jwkOf(key *rsa.PrivateKey, id string) string {
	text, err := json.Marshal(jwkFields(key, id))
	if err != nil {
		panic(err)
	}
	return string(text)
}

func jwkFields(key *rsa.PrivateKey, id string) map[string]any {
	return map[string]any{"kty": "RSA", "kid": id, "n": base64url(key.N), "e": base64url(big.NewInt(int64(key.E)))}
}

func base64url(n *big.Int) string { return base64.RawURLEncoding.EncodeToString(n.Bytes()) }
