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
	require.NotContains(t, log.String(), "account=fine", "its store lacks nothing")

	err := prepareArchives(t.Context(), []*account.Account{down, down}, logger)
	require.ErrorContains(t, err, "cannot be reached")
	require.ErrorContains(t, err, "archive.endpoint")
}

func TestStoreThatCannotBeTrustedIsNotWrittenTo(t *testing.T) {
	server, other := s3test.New(t, "recordings"), s3test.New(t, "recordings")
	server.Lacks = map[s3test.Feature]bool{s3test.IfNoneMatch: true}
	unfit, fine := openAccount(t, "unfit", server.URL, nil), openAccount(t, "fine", other.URL, nil)
	var log strings.Builder
	logger := slog.New(slog.NewTextHandler(&log, nil))
	err := prepareArchives(t.Context(), []*account.Account{unfit}, logger)
	require.ErrorContains(t, err, "account unfit: the store ignores If-None-Match")
	require.NotErrorIs(t, unfit.Store.CreateFile(t.Context(), "k", "text/plain", strings.NewReader("x"), 1), archive.ErrBlocked, "a batch's list is no recording")
	_, err = unfit.Store.Put(t.Context(), archive.Upload{Key: "calls/a.wav", Length: 1})
	require.ErrorIs(t, err, archive.ErrBlocked)

	log.Reset()
	require.NoError(t, prepareArchives(t.Context(), []*account.Account{unfit, fine}, logger), "the other account's work goes on")
	require.Contains(t, log.String(), "account=unfit")
	require.NotContains(t, log.String(), "account=fine")
}

func TestLackOfAStoreIsLoggedAndAccepted(t *testing.T) {
	server := s3test.New(t, "recordings")
	server.Lacks = map[s3test.Feature]bool{s3test.ListedParts: true, s3test.ReturnedChecksum: true}
	a := openAccount(t, "acme", server.URL, nil)
	var log strings.Builder
	logger := slog.New(slog.NewTextHandler(&log, nil))
	require.NoError(t, prepareArchives(t.Context(), []*account.Account{a}, logger))
	require.Contains(t, log.String(), "the store does not list the parts of an upload")
	require.Contains(t, log.String(), "the store does not return the SHA-256")
	require.Contains(t, log.String(), "account=acme")
}

func TestStoreThatCannotBeProbedKeepsNoWorkerFromStarting(t *testing.T) {
	server := s3test.New(t, "recordings")
	server.Add(s3test.Rule{Operation: s3test.PutObject, Status: http.StatusForbidden, Code: "AccessDenied", Always: true})
	var log strings.Builder
	logger := slog.New(slog.NewTextHandler(&log, nil))
	require.NoError(t, prepareArchives(t.Context(), []*account.Account{openAccount(t, "acme", server.URL, nil)}, logger))
	require.Contains(t, log.String(), "could not be found out")
	require.Contains(t, log.String(), "s3:PutObject")
}
