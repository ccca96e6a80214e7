package smartassist_test

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"maps"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/internal/secret"
	"github.com/callvault/callvault/internal/smartassist"
)

func TestUnusablePrivateKeyIsNamedWithTheRemedy(t *testing.T) {
	key := newKey(t, 2048)
	pkcs1 := pemOf("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(key))
	public, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	require.NoError(t, err)
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	ecDER, err := x509.MarshalECPrivateKey(ec)
	require.NoError(t, err)
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	protected := string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Headers: map[string]string{"Proc-Type": "4,ENCRYPTED", "DEK-Info": "AES-256-CBC,00"}, Bytes: []byte("canary")}))
	small := newKey(t, 2047)
	for name, row := range map[string]struct {
		text string
		says []string
	}{
		"not PEM":            {"canary", []string{"not a private key in PEM", "line breaks"}},
		"PEM on one line":    {strings.ReplaceAll(pkcs1, "\n", `\n`), []string{"not a private key in PEM", "line breaks"}},
		"cut off":            {pkcs1[:len(pkcs1)-40], []string{"not a private key in PEM"}},
		"public key":         {pemOf("PUBLIC KEY", public), []string{"public one", "set the private key"}},
		"old public key":     {pemOf("RSA PUBLIC KEY", x509.MarshalPKCS1PublicKey(&key.PublicKey)), []string{"public one"}},
		"certificate":        {pemOf("CERTIFICATE", public), []string{"public one"}},
		"passphrase, PKCS#1": {protected, []string{"passphrase", "openssl pkey"}},
		"passphrase, PKCS#8": {pemOf("ENCRYPTED PRIVATE KEY", []byte("canary")), []string{"passphrase"}},
		"OpenSSH":            {pemOf("OPENSSH PRIVATE KEY", []byte("canary")), []string{"OpenSSH", "ssh-keygen -p -m PEM"}},
		"EC":                 {pemOf("EC PRIVATE KEY", ecDER), []string{"not an RSA key", "openssl genpkey"}},
		"EC, PKCS#8":         {pkcs8(ec), []string{"not an RSA key"}},
		"Ed25519":            {pkcs8(ed), []string{"not an RSA key"}},
		"damaged, PKCS#1":    {pemOf("RSA PRIVATE KEY", []byte("canary")), []string{"damaged"}},
		"damaged, PKCS#8":    {pemOf("PRIVATE KEY", []byte("canary")), []string{"damaged"}},
		"too small":          {pkcs8(small), []string{"2047 bits", "2048 to 8192", "rsa_keygen_bits:2048"}},
	} {
		t.Run(name, func(t *testing.T) {
			problems := smartassist.Credentials{Algorithm: "RS256", Key: secret.Value(row.text)}.Problems()
			requireProblem(t, problems, "key", row.says...)
			requireNothingOf(t, row.text, problems)
		})
	}
}

func TestPEMWithASymmetricAlgorithmIsAProblem(t *testing.T) {
	text := pkcs8(newKey(t, 2048))
	for _, algorithm := range []string{"", "HS256", "HS512"} {
		problems := smartassist.Credentials{Algorithm: algorithm, Key: secret.Value(text)}.Problems()
		requireProblem(t, problems, "key", "is a PEM file", "set the algorithm to RS256 or RS512")
		requireNothingOf(t, text, problems)
	}
}

func TestUnreadableKeyIsAProblem(t *testing.T) {
	path := filepath.Join(t.TempDir(), "no.pem")
	for _, algorithm := range []string{"HS256", "RS256"} {
		requireProblem(t, smartassist.Credentials{Algorithm: algorithm}.Problems(), "key", "the key is not set", "client secret", "private key")
		requireProblem(t, smartassist.Credentials{Algorithm: algorithm, Key: secret.Value(" ")}.Problems(), "key", "is empty")
		requireProblem(t, smartassist.Credentials{Algorithm: algorithm, Key: secret.File(path)}.Problems(), "key", path, "no such file")
	}
	require.NoError(t, os.WriteFile(path, []byte(pkcs8(newKey(t, 2048))), 0o600))
	require.Empty(t, smartassist.Credentials{Algorithm: "RS256", Key: secret.File(path)}.Problems())
}

func TestUnknownAlgorithmIsAProblem(t *testing.T) {
	for _, algorithm := range []string{"none", "hs256", "HS384", "RS384", "ES256", "PS256"} {
		requireProblem(t, smartassist.Credentials{Algorithm: algorithm, Key: secret.Value("x")}.Problems(),
			"algorithm", `"`+algorithm+`" is not one of HS256, HS512, RS256, RS512`, "console")
	}
}

// A secret in the place of a name is not shown.
func TestLongNameIsNotShown(t *testing.T) {
	const canary = "canary-client-secret"
	c := smartassist.Credentials{Algorithm: canary, Key: secret.Value("x"),
		Encryption: &smartassist.Encryption{Key: secret.Value(jwkOf(newKey(t, 2048), "k")), KeyAlgorithm: canary, ContentEncryption: canary}}
	problems := c.Problems()
	require.Len(t, problems, 3)
	requireNothingOf(t, canary, problems)
}

func TestUnusablePlatformKeyIsNamedWithWhatTheConsoleShows(t *testing.T) {
	key := newKey(t, 2048)
	with := func(name string, value any) string {
		fields := jwkFields(key, "k1")
		fields[name] = value
		text, err := json.Marshal(fields)
		require.NoError(t, err)
		return string(text)
	}
	without := func(name string) string {
		fields := jwkFields(key, "k1")
		maps.DeleteFunc(fields, func(key string, _ any) bool { return key == name })
		text, err := json.Marshal(fields)
		require.NoError(t, err)
		return string(text)
	}
	public, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	require.NoError(t, err)
	small := newKey(t, 2047)
	const console = `the JWK that the console shows under "Enforce JWE"`
	for name, row := range map[string]struct {
		text string
		says []string
	}{
		"PEM":              {pemOf("PUBLIC KEY", public), []string{"is not a JWK", console}},
		"text":             {"canary", []string{"is not a JWK", console}},
		"a JSON text":      {`"canary"`, []string{"is not a JWK", console}},
		"an empty object":  {"{}", []string{"is not a JWK", console}},
		"null":             {"null", []string{"is not a JWK", console}},
		"more after it":    {jwkOf(key, "k1") + "{}", []string{"is not a JWK", console}},
		"private":          {with("d", base64url(key.D)), []string{"private or secret", console}},
		"symmetric":        {`{"kty":"oct","kid":"k1","k":"Y2FuYXJ5"}`, []string{"private or secret", console}},
		"EC":               {`{"kty":"EC","kid":"k1","crv":"P-256","x":"AA","y":"AA"}`, []string{"not an RSA key", console}},
		"no kid":           {without("kid"), []string{"no kid", console}},
		"long kid":         {with("kid", strings.Repeat("canary", 50)), []string{"longer than 256 bytes", console}},
		"number as kid":    {with("kid", 7), []string{"is not a JWK", console}},
		"no modulus":       {without("n"), []string{"damaged", console}},
		"no exponent":      {without("e"), []string{"damaged", console}},
		"exponent 1":       {with("e", base64url(big.NewInt(1))), []string{"damaged", console}},
		"even exponent":    {with("e", base64url(big.NewInt(65536))), []string{"damaged", console}},
		"huge exponent":    {with("e", base64url(big.NewInt(1<<31+1))), []string{"damaged", console}},
		"even modulus":     {with("n", base64url(new(big.Int).Lsh(big.NewInt(1), 2047))), []string{"damaged", console}},
		"not base64url":    {with("n", "canary+/="), []string{"damaged", console}},
		"exponent as text": {with("e", "65537!"), []string{"damaged", console}},
		"too small":        {jwkOf(small, "k1"), []string{"2047 bits", "2048 to 8192", console}},
		"too large":        {with("n", base64url(new(big.Int).SetBit(big.NewInt(1), 8192, 1))), []string{"8193 bits", console}},
		"empty set":        {`{"keys":[]}`, []string{"set of 0 keys", `"Enforce JWE"`}},
		"set of two":       {`{"keys":[` + jwkOf(key, "k1") + "," + jwkOf(key, "k2") + `]}`, []string{"set of 2 keys", "leave the one"}},
		"set of a set":     {`{"keys":[{"keys":[` + jwkOf(key, "k1") + `]}]}`, []string{"is not a JWK"}},
		"set of a text":    {`{"keys":["canary"]}`, []string{"is not a JWK"}},
		"set of a private": {`{"keys":[` + with("d", base64url(key.D)) + `]}`, []string{"private or secret"}},
		"empty":            {"", []string{"is empty"}},
	} {
		t.Run(name, func(t *testing.T) {
			c := smartassist.Credentials{Key: secret.Value("x"), Encryption: &smartassist.Encryption{Key: secret.Value(row.text)}}
			problems := c.Problems()
			requireProblem(t, problems, "encryption.key", row.says...)
			requireNothingOf(t, row.text, problems)
			_, _, err := c.Mint(botID, noon)
			require.ErrorContains(t, err, problems[0].Text)
		})
	}
}

func TestUnknownEncryptionIsAProblem(t *testing.T) {
	good := secret.Value(jwkOf(newKey(t, 2048), "k1"))
	c := smartassist.Credentials{Key: secret.Value("x"), Encryption: &smartassist.Encryption{Key: good, KeyAlgorithm: "RSA-OAEP-256"}}
	requireProblem(t, c.Problems(), "encryption.keyAlgorithm", `"RSA-OAEP-256" is not one of RSA-OAEP, RSA1_5`, "console")
	c.Encryption = &smartassist.Encryption{Key: good, ContentEncryption: "A192GCM"}
	requireProblem(t, c.Problems(), "encryption.contentEncryption", `"A192GCM" is not one of A256GCM, A128GCM, A128CBC-HS256`, "console")
	c.Encryption = &smartassist.Encryption{}
	requireProblem(t, c.Problems(), "encryption.key", "the platform's public key is not set", "console")
}

func TestAllProblemsAreReportedAtOnce(t *testing.T) {
	c := smartassist.Credentials{
		Algorithm: "RS256", Key: secret.Value("x"), Claims: map[string]any{"jti": "x"},
		Encryption: &smartassist.Encryption{KeyAlgorithm: "x", ContentEncryption: "x"},
	}
	var fields []string
	for _, problem := range c.Problems() {
		fields = append(fields, problem.Field)
	}
	require.Equal(t, []string{"key", "claims", "encryption.key", "encryption.keyAlgorithm", "encryption.contentEncryption"}, fields)
}

// requireProblem requires exactly one problem, of the field and with the texts.
func requireProblem(t *testing.T, problems []smartassist.Problem, field string, says ...string) {
	t.Helper()
	require.Len(t, problems, 1)
	require.Equal(t, field, problems[0].Field)
	for _, text := range says {
		require.Contains(t, problems[0].Text, text)
	}
	require.LessOrEqual(t, len(problems[0].Text), 400, "a text is bounded")
}

// requireNothingOf requires that no text holds 12 bytes in a row of the secret,
// the names of PEM blocks and of a JWK's parameters aside.
func requireNothingOf(t *testing.T, text string, problems []smartassist.Problem) {
	t.Helper()
	for _, problem := range problems {
		require.NotContains(t, problem.Text, "canary")
		for i := 0; i+12 <= len(text); i++ {
			if part := text[i : i+12]; !strings.ContainsAny(part, `- :"`) {
				require.NotContains(t, problem.Text, part)
			}
		}
	}
}
