package config

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// write returns the path of a file that it writes.
func write(t testing.TB, folder, name, content string) string {
	t.Helper()
	path := filepath.Join(folder, name)
	require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
	return path
}

// aKey is made once, since that takes long.
var aKey = sync.OnceValues(func() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, 2048) })

// privatePEM returns a private key, in which "canary" occurs before it.
func privatePEM(t testing.TB) string {
	t.Helper()
	key, err := aKey()
	require.NoError(t, err)
	encoded, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	return "canary\n" + string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: encoded}))
}

// certificatePEM returns a certificate of an authority.
func certificatePEM(t testing.TB) string {
	t.Helper()
	key, err := aKey()
	require.NoError(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), IsCA: true, BasicConstraintsValid: true}
	encoded, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	require.NoError(t, err)
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: encoded}))
}

// platformJWK returns the public key as the console shows it.
func platformJWK(t testing.TB) string {
	t.Helper()
	key, err := aKey()
	require.NoError(t, err)
	return fmt.Sprintf(`{"kty": "RSA", "kid": "1", "n": %q, "e": "AQAB"}`, base64.RawURLEncoding.EncodeToString(key.N.Bytes()))
}

// readFileOf reads a configuration file, given without its indentation by tabs,
// with more variables.
func readFileOf(t testing.TB, folder, content string, variables ...string) (*Config, error) {
	t.Helper()
	content = strings.ReplaceAll(content, "\t", "  ")
	environment := map[string]string{"CALLVAULT_CONFIG": write(t, folder, "accounts.yaml", content), "PATH": "/usr/bin"}
	for i := 0; i < len(variables); i += 2 {
		environment[variables[i]] = variables[i+1]
	}
	return fromMap(environment)
}
