package smartassist_test

import (
	"context"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/internal/secret"
	"github.com/callvault/callvault/internal/smartassist"
	"github.com/callvault/callvault/workflows"
)

const (
	botID     = "st-fd81a2b1-43af-544d-8082-831bc09c0001"
	sessionID = "65e7133a3242653c58d7aaaa"
	userID    = "canary.user@example.com"
)

var session = workflows.Session{BotID: botID, SessionID: sessionID}

// token is a real one, so that redaction is tested on the real format.
var token = func() string {
	minted, _, err := smartassist.Credentials{ClientID: "cs-1", Key: secret.Value("canary-secret")}.Mint(botID, time.Now())
	if err != nil {
		panic(err)
	}
	return minted
}()

// serve starts an upstream that runs handler, and returns a client for it.
func serve(t *testing.T, handler http.HandlerFunc) *smartassist.Client {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return clientOf(t, server.URL, nil)
}

func clientOf(t *testing.T, address string, transport http.RoundTripper) *smartassist.Client {
	t.Helper()
	base, err := url.Parse(address)
	require.NoError(t, err)
	if transport == nil {
		own := &http.Transport{}
		t.Cleanup(own.CloseIdleConnections)
		transport = own
	}
	return smartassist.NewClient(smartassist.Config{BaseURL: base, Transport: transport})
}

// ask makes one call. No test is expected to reach the deadline.
func ask(t *testing.T, client *smartassist.Client) (*smartassist.Response, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	return client.FetchRecordings(ctx, token, session, userID)
}

// requireFailure makes one call, which must fail without revealing a secret.
func requireFailure(t *testing.T, client *smartassist.Client) *smartassist.Error {
	t.Helper()
	resp, err := ask(t, client)
	require.Error(t, err)
	require.Nil(t, resp)
	var got *smartassist.Error
	require.ErrorAs(t, err, &got)
	requireNoSecret(t, got.Text)
	return got
}

// requireNoSecret requires that text contains neither the token, nor a part of
// it, nor the query, which has the user's id.
func requireNoSecret(t *testing.T, text string) {
	t.Helper()
	for _, secret := range []string{token, token[:40], token[len(token)-20:], "eyJ", userID, url.QueryEscape(userID), "sessionId=", "canary"} {
		require.NotContains(t, text, secret)
	}
	require.LessOrEqual(t, len(text), 700, "an error text is bounded")
}

func responding(status int, body string, headers ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i < len(headers); i += 2 {
			w.Header().Set(headers[i], headers[i+1])
		}
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}
}

// serveRaw starts a server and returns its URL.
func serveRaw(t *testing.T, handler http.HandlerFunc) string {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return server.URL
}

// discardLog keeps expected error messages of a server out of the output.
var discardLog = log.New(io.Discard, "", 0)
