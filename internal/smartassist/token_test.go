package smartassist_test

import (
	"encoding/json"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/internal/failure"
	"github.com/callvault/callvault/internal/secret"
	"github.com/callvault/callvault/internal/simulator"
	"github.com/callvault/callvault/internal/smartassist"
	"github.com/callvault/callvault/workflows"
)

var noon = time.Date(2026, 3, 5, 12, 0, 0, 999, time.UTC)

func TestTokenHoldsOnlyTheDocumentedClaims(t *testing.T) {
	minted, expiresAt, err := smartassist.Credentials{ClientID: "cs-1", Key: secret.Value("secret")}.Mint(botID, noon)
	require.NoError(t, err)

	parsed, err := jwt.NewParser(jwt.WithValidMethods([]string{"HS256"}), jwt.WithTimeFunc(func() time.Time { return noon }), jwt.WithJSONNumber()).
		Parse(minted, func(*jwt.Token) (any, error) { return []byte("secret"), nil })
	require.NoError(t, err)
	require.Equal(t, map[string]any{"alg": "HS256", "typ": "JWT"}, parsed.Header)
	claims := parsed.Claims.(jwt.MapClaims)
	require.NotEmpty(t, claims["jti"])
	delete(claims, "jti")
	second := noon.Truncate(time.Second).Unix()
	require.Equal(t, jwt.MapClaims{
		"appId": "cs-1", // with this spelling
		"sub":   botID,
		"iat":   number(second - 30), // the vendor's clock may be behind
		"exp":   number(second + 300),
	}, claims)
	require.Equal(t, second+300, expiresAt.Unix())
}

func number(n int64) json.Number { raw, _ := json.Marshal(n); return json.Number(raw) }

func TestTokenOfAnotherSecretIsRefused(t *testing.T) {
	minted, _, err := smartassist.Credentials{ClientID: "cs-1", Key: secret.Value("secret")}.Mint(botID, time.Now())
	require.NoError(t, err)
	_, err = jwt.Parse(minted, func(*jwt.Token) (any, error) { return []byte("Secret"), nil })
	require.ErrorIs(t, err, jwt.ErrTokenSignatureInvalid)
}

func TestTokenIDsAreUnique(t *testing.T) {
	seen := make(map[string]bool)
	for range 1000 {
		minted, _, err := smartassist.Credentials{ClientID: "cs-1", Key: secret.Value("secret")}.Mint(botID, noon)
		require.NoError(t, err)
		var claims jwt.RegisteredClaims
		_, _, err = jwt.NewParser().ParseUnverified(minted, &claims)
		require.NoError(t, err)
		require.False(t, seen[claims.ID])
		seen[claims.ID] = true
	}
}

func TestEnforceJTIAcceptsATokenOnlyOnce(t *testing.T) {
	upstream, err := simulator.New(simulator.Config{EnforceJTI: true})
	require.NoError(t, err)
	require.NoError(t, upstream.AddSession(simulator.Session{BotID: simulator.DefaultBotID, SessionID: sessionID, Files: []simulator.File{{}}}))
	server := httptest.NewServer(upstream)
	t.Cleanup(server.Close)
	base, err := url.Parse(server.URL)
	require.NoError(t, err)
	client := smartassist.NewClient(smartassist.Config{BaseURL: base})
	credentials := smartassist.Credentials{ClientID: simulator.DefaultClientID, Key: secret.Value(simulator.DefaultClientSecret)}

	for range 3 {
		minted, _, err := credentials.Mint(simulator.DefaultBotID, time.Now())
		require.NoError(t, err)
		resp, err := client.FetchRecordings(t.Context(), minted, workflows.Session{BotID: simulator.DefaultBotID, SessionID: sessionID}, "")
		require.NoError(t, err)
		require.Len(t, resp.Files, 1)

		_, err = client.FetchRecordings(t.Context(), minted, workflows.Session{BotID: simulator.DefaultBotID, SessionID: sessionID}, "")
		var got *smartassist.Error
		require.ErrorAs(t, err, &got)
		require.Equal(t, failure.Blocked, got.Kind)
		require.Contains(t, got.Text, "used twice")
	}
}
