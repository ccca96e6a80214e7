package main

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/callvault/callvault/internal/secret"
	"github.com/callvault/callvault/internal/simulator"
	"github.com/callvault/callvault/internal/smartassist"
	"github.com/callvault/callvault/workflows"
)

// app is a JWT app with the keys of one run.
type app struct {
	clientSecret      string
	signing, platform *rsa.PrivateKey
}

func newApp() (*app, error) {
	signing, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, err
	}
	platform, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, err
	}
	return &app{rand.Text(), signing, platform}, nil
}

// keyID is the kid of the platform's key.
const keyID = "interop-1"

// jwk returns the platform's public key as the console shows it.
func (a *app) jwk() string {
	n, e := a.platform.N.Bytes(), big.NewInt(int64(a.platform.E)).Bytes()
	return fmt.Sprintf(`{"kty":"RSA","kid":%q,"n":%q,"e":%q}`, keyID, base64.RawURLEncoding.EncodeToString(n), base64.RawURLEncoding.EncodeToString(e))
}

// pemOf returns a key as openssl writes it.
func pemOf(key *rsa.PrivateKey) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)}))
}

// credentials are those for tokens of one form.
func (a *app) credentials(f form) smartassist.Credentials {
	c := smartassist.Credentials{ClientID: simulator.DefaultClientID, Algorithm: f.Algorithm, Key: secret.Value(a.clientSecret)}
	if strings.HasPrefix(f.Algorithm, "RS") {
		c.Key = secret.Value(pemOf(a.signing))
	}
	if f.KeyAlgorithm != "" {
		c.Encryption = &smartassist.Encryption{Key: secret.Value(a.jwk()), KeyAlgorithm: f.KeyAlgorithm, ContentEncryption: f.ContentEncryption}
	}
	return c
}

// send sends a token over HTTP to a simulator that enforces its form.
func send(ctx context.Context, a *app, one tokenOf) error {
	config := simulator.Config{ClientSecret: a.clientSecret, Algorithm: one.Algorithm, PublicKey: &a.signing.PublicKey, EnforceJTI: true}
	if one.KeyAlgorithm != "" {
		config.DecryptionKey, config.DecryptionKeyID = a.platform, keyID
		config.KeyAlgorithm, config.ContentEncryption = one.KeyAlgorithm, one.ContentEncryption
	}
	upstream, err := simulator.New(config)
	if err != nil {
		return err
	}
	defer upstream.Close()
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	server := &http.Server{Handler: upstream, ReadHeaderTimeout: time.Minute}
	go func() { _ = server.Serve(listener) }() // until Close
	defer server.Close()

	client := smartassist.NewClient(smartassist.Config{BaseURL: &url.URL{Scheme: "http", Host: listener.Addr().String()}})
	session := workflows.Session{BotID: simulator.DefaultBotID, SessionID: "65e7133a3242653c58d7aaaa"}
	_, err = client.FetchRecordings(ctx, one.Token, session, "")
	return err
}
