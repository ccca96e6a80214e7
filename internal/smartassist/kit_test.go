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

	"github.com/callvault/callvault/internal/smartassist"
)

const (
	botID     = "st-fd81a2b1-43af-544d-8082-831bc09c0001"
	sessionID = "65e7133a3242653c58d7aaaa"
	userID    = "canary.user@example.com"
)

// token is a real one, so that whatever looks for it finds it in every form.
var token = func() string {
	minted, _, err := smartassist.Credentials{ClientID: "cs-1", ClientSecret: "canary-secret"}.Mint(botID, time.Now())
	if err != nil {
		panic(err)
	}
	return minted
}()

// serve starts an upstream that answers by handler, and a client of it.
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

// ask makes one call; the deadline is a backstop that no test waits for.
func ask(t *testing.T, client *smartassist.Client) (*smartassist.Answer, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	return client.FetchRecordings(ctx, token, botID, sessionID, userID)
}

// refusal asks and wants an error, which must hold nothing secret.
func refusal(t *testing.T, client *smartassist.Client) *smartassist.Error {
	t.Helper()
	answer, err := ask(t, client)
	require.Error(t, err)
	require.Nil(t, answer)
	var failure *smartassist.Error
	require.ErrorAs(t, err, &failure)
	requireNothingSecret(t, failure.Text)
	return failure
}

// requireNothingSecret: neither the token, nor a part of it, nor the query, in
// which the user's id stands.
func requireNothingSecret(t *testing.T, text string) {
	t.Helper()
	for _, secret := range []string{token, token[:40], token[len(token)-20:], "eyJ", userID, url.QueryEscape(userID), "sessionId=", "canary"} {
		require.NotContains(t, text, secret)
	}
	require.LessOrEqual(t, len(text), 700, "an error text is bounded")
}

func answering(status int, body string, headers ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i < len(headers); i += 2 {
			w.Header().Set(headers[i], headers[i+1])
		}
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}
}

// serveRaw starts a server and answers its address.
func serveRaw(t *testing.T, handler http.HandlerFunc) string {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return server.URL
}

// quiet keeps a server's complaints, which a test provokes, out of the output.
var quiet = log.New(io.Discard, "", 0)
