package worker

import (
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/minio/minio-go/v7/pkg/credentials"
	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/internal/account"
	"github.com/callvault/callvault/internal/archive"
	"github.com/callvault/callvault/internal/archive/s3test"
	"github.com/callvault/callvault/internal/secret"
	"github.com/callvault/callvault/internal/smartassist"
	"github.com/callvault/callvault/workflows"
)

// deadStore stands for a store that does not respond.
type deadStore struct{}

func (deadStore) RoundTrip(*http.Request) (*http.Response, error) {
	return nil, errors.New("connection refused")
}

func openAccount(t *testing.T, name string, endpoint *url.URL, transport http.RoundTripper) *account.Account {
	t.Helper()
	opened, err := account.Open(account.Settings{
		Name: name, API: &url.URL{Scheme: "https", Host: "not-called.example.com"}, BotIDs: []string{"st-" + name},
		Credentials: smartassist.Credentials{ClientID: "cs-1", Key: secret.Value("secret")},
		Budget:      account.Budget{Scope: account.PerBot, Windows: []workflows.CallWindow{{Calls: 60, Span: 60e9}}},
		Archive: archive.Config{
			Endpoint: endpoint, Bucket: "recordings", Region: "us-east-1", Transport: transport,
			Credentials: credentials.NewStaticV4("key", "secret", ""),
		},
	})
	require.NoError(t, err)
	return opened
}

func TestStoreThatIsDownKeepsNoOtherAccountFromStarting(t *testing.T) {
	server := s3test.New(t, "another")
	fine := openAccount(t, "fine", server.URL, nil)
	down := openAccount(t, "down", &url.URL{Scheme: "https", Host: "s3.example.com"}, deadStore{})
	var log strings.Builder
	logger := slog.New(slog.NewTextHandler(&log, nil))
	require.NoError(t, prepareArchives(t.Context(), []*account.Account{down, fine}, logger))
	require.Contains(t, server.Buckets(), "recordings", "the bucket of the other one is created")
	require.Contains(t, log.String(), "account down")

	err := prepareArchives(t.Context(), []*account.Account{down, down}, logger)
	require.ErrorContains(t, err, "cannot be reached")
	require.ErrorContains(t, err, "archive.endpoint")
}
