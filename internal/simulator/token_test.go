package simulator

import (
	"crypto/rand"
	"crypto/rsa"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"
)

func TestMinimalDocumentedTokenIsAccepted(t *testing.T) {
	h := newHarness(t, Config{})
	token := sign(t, jwt.SigningMethodHS256, jwt.MapClaims{"appId": DefaultClientID, "sub": "x"}, []byte(DefaultClientSecret))
	require.Equal(t, http.StatusOK, h.getStatusWith(token).status)
	require.Equal(t, http.StatusOK, h.getStatusWith(token).status, "without Enforce JTI a token may be used again")
}

func TestTokenWithIssuerInsteadOfAppIDIsAccepted(t *testing.T) {
	h := newHarness(t, Config{})
	token := h.token(jwt.MapClaims{"appId": nil, "jti": nil, "iss": DefaultClientID, "sub": DefaultBotID, "aud": "https://idproxy.kore.ai/authorize"})
	require.Equal(t, http.StatusOK, h.getStatusWith(token).status)
}

func TestInvalidTokenIsRefused(t *testing.T) {
	h := newHarness(t, Config{})
	other := []byte("some other secret")
	claims := jwt.MapClaims{"appId": DefaultClientID, "sub": "x"}
	good := h.token(nil)
	head, rest, _ := strings.Cut(good, ".")
	dot := strings.LastIndexByte(good, '.')
	changed := good[:dot+1] + map[bool]string{true: "B", false: "A"}[good[dot+1] == 'A'] + good[dot+2:]
	in := func(d time.Duration) int64 { return noon.Add(d).Unix() }
	for _, c := range []struct {
		name, token string
		code        int
		msg         string
		reason      Reason
	}{
		{"none", "", 4002, msgInvalidCredentials, ReasonNoToken},
		{"with Bearer", "Bearer " + good, 4002, msgInvalidToken, ReasonNotJWT},
		{"a password", "letmein", 4002, msgInvalidToken, ReasonNotJWT},
		{"two parts", head + "." + strings.SplitN(rest, ".", 2)[0], 4002, msgInvalidToken, ReasonNotJWT},
		{"padded part", good + "=", 4002, msgInvalidToken, ReasonNotJWT},
		{"payload is not an object", head + ".W10.AAAA", 4002, msgInvalidToken, ReasonNotJWT},
		{"another secret", sign(t, jwt.SigningMethodHS256, claims, other), 4002, msgInvalidCredentials, ReasonSignature},
		{"alg none", sign(t, jwt.SigningMethodNone, claims, jwt.UnsafeAllowNoneSignatureType), 4002, msgInvalidCredentials, ReasonSignature},
		{"HS384, correct secret", sign(t, jwt.SigningMethodHS384, claims, []byte(DefaultClientSecret)), 4002, msgInvalidCredentials, ReasonSignature},
		{"HS512, correct secret", sign(t, jwt.SigningMethodHS512, claims, []byte(DefaultClientSecret)), 4002, msgInvalidCredentials, ReasonSignature},
		{"changed signature", changed, 4002, msgInvalidCredentials, ReasonSignature},
		{"appid in lower case", h.token(jwt.MapClaims{"appId": nil, "appid": DefaultClientID}), 4002, msgInvalidCredentials, ReasonClient},
		{"AppId", h.token(jwt.MapClaims{"appId": nil, "AppId": DefaultClientID}), 4002, msgInvalidCredentials, ReasonClient},
		{"another app", h.token(jwt.MapClaims{"appId": "cs-other"}), 4002, msgInvalidCredentials, ReasonClient},
		{"another app, correct iss", h.token(jwt.MapClaims{"appId": "cs-other", "iss": DefaultClientID}), 4002, msgInvalidCredentials, ReasonClient},
		{"number as app", h.token(jwt.MapClaims{"appId": 7}), 4002, msgInvalidCredentials, ReasonClient},
		{"no sub", h.token(jwt.MapClaims{"sub": nil}), 4002, msgInvalidCredentials, ReasonSubject},
		{"expired this second", h.token(jwt.MapClaims{"exp": in(0)}), 401, msgVerifying + "jwt expired", ReasonExpired},
		{"exp as text", h.token(jwt.MapClaims{"exp": fmt.Sprint(in(time.Minute))}), 401, msgVerifying + "invalid exp value", ReasonClaims},
		{"exp null", h.token(jwt.MapClaims{"exp": jsonNull{}}), 401, msgVerifying + "invalid exp value", ReasonClaims},
		{"not valid yet", h.token(jwt.MapClaims{"nbf": in(time.Second)}), 401, msgVerifying + "jwt not active", ReasonNotYet},
		{"iat two minutes ahead", h.token(jwt.MapClaims{"iat": in(2 * time.Minute)}), 401, msgVerifying + "jwt issued in the future", ReasonNotYet},
		{"iat in milliseconds", h.token(jwt.MapClaims{"iat": noon.UnixMilli()}), 401, msgVerifying + "jwt issued in the future", ReasonNotYet},
	} {
		t.Run(c.name, func(t *testing.T) {
			resp := h.getStatusWith(c.token)
			calls := h.Calls()
			requireError(t, resp, http.StatusUnauthorized, c.code, c.msg)
			require.Equal(t, c.reason, calls[len(calls)-1].Reason)
		})
	}
	require.Zero(t, h.Counts().Accepted)
}

type jsonNull struct{}

func (jsonNull) MarshalJSON() ([]byte, error) { return []byte("null"), nil }

func TestTokenIsReadOnlyFromTheAuthHeader(t *testing.T) {
	h := newHarness(t, Config{})
	target := h.recordingsURL("?sessionId=65e7133a3242653c58d70000")
	requireError(t, h.get(target, "Authorization", "Bearer "+h.token(nil)), 401, 4002, msgInvalidCredentials)
	requireError(t, h.get(target+"&auth="+h.token(nil)), 401, 4002, msgInvalidCredentials)
	requireError(t, h.get(target, "auth", h.token(nil), "auth", h.token(nil)), 401, 4002, msgInvalidToken)
}

func TestUnknownBotIsUnauthorized(t *testing.T) {
	h := newHarness(t, Config{})
	target := h.server.URL + "/api/public/bot/st-ffffffff-43af-544d-8082-831bc09c0009/v2/recordings?sessionId=65e7133a3242653c58d70000"
	requireError(t, h.get(target, "auth", h.token(nil)), 401, 4002, msgInvalidCredentials)
	require.Equal(t, 1, h.Counts().Refused[ReasonUnknownBot])
}

func TestEnforceJTI(t *testing.T) {
	h := newHarness(t, Config{EnforceJTI: true})
	in := func(d time.Duration) int64 { return noon.Add(d).Unix() }

	token := h.token(nil)
	require.Equal(t, 200, h.getStatusWith(token).status)
	requireError(t, h.getStatusWith(token), 401, 401, "error verifying the jwt: possibly a replay")
	requireError(t, h.getStatusWith(h.token(jwt.MapClaims{"jti": "jti-x", "exp": nil})), 401, 401, "error verifying the jwt: exp is missing")
	requireError(t, h.getStatusWith(h.token(jwt.MapClaims{"jti": nil})), 401, 401, "error verifying the jwt: jti is missing")
	requireError(t, h.getStatusWith(h.token(jwt.MapClaims{"jti": 7})), 401, 401, "error verifying the jwt: jti is missing")
	require.Equal(t, 200, h.getStatusWith(h.token(jwt.MapClaims{"exp": in(time.Hour)})).status, "an hour ahead is the limit")
	requireError(t, h.getStatusWith(h.token(jwt.MapClaims{"exp": in(time.Hour + time.Second)})), 401, 401,
		"error verifying the jwt: exp should not be more than 1 hour from the current time")
	require.Equal(t, map[Reason]int{ReasonReplay: 1, ReasonJTIMissing: 2, ReasonJTILifetime: 2}, h.Counts().Refused)
}

func TestRefusedCallUsesUpTheJTI(t *testing.T) {
	h := newHarness(t, Config{EnforceJTI: true, CallsPerMinute: 1})
	h.SetScope(false)
	token := h.token(nil)
	requireError(t, h.getStatusWith(token), 401, 4002, "Permission denied. Scope is incorrect!")
	h.SetScope(true)
	requireError(t, h.getStatusWith(token), 401, 401, "error verifying the jwt: possibly a replay")

	require.Equal(t, 200, h.getStatusWith(h.token(nil)).status)
	token = h.token(nil)
	require.Equal(t, 429, h.getStatusWith(token).status)
	h.clock.Advance(time.Minute)
	requireError(t, h.getStatusWith(token), 401, 401, "error verifying the jwt: possibly a replay")
}

func TestForgedTokenDoesNotUseUpTheJTI(t *testing.T) {
	h := newHarness(t, Config{EnforceJTI: true})
	forged := sign(t, jwt.SigningMethodHS256, jwt.MapClaims{"appId": DefaultClientID, "sub": "x", "jti": "mine", "exp": noon.Add(time.Minute).Unix()}, []byte("guess"))
	require.Equal(t, 401, h.getStatusWith(forged).status)
	require.Equal(t, 200, h.getStatusWith(h.token(jwt.MapClaims{"jti": "mine"})).status)
}

func TestRestoredSettingsAreAcceptedAgain(t *testing.T) {
	h := newHarness(t, Config{})
	id := h.addSession(Session{})

	h.SetClientSecret("rotated")
	requireError(t, h.getStatus(id), 401, 4002, msgInvalidCredentials)
	h.SetClientSecret("")
	require.Equal(t, 200, h.getStatus(id).status)

	h.SetClientID("cs-other")
	requireError(t, h.getStatus(id), 401, 4002, msgInvalidCredentials)
	h.SetClientID("")
	require.Equal(t, 200, h.getStatus(id).status)

	h.SetScope(false)
	requireError(t, h.getStatus(id), 401, 4002, msgScope)
	h.SetScope(true)
	require.Equal(t, 200, h.getStatus(id).status)

	h.SetEnforceJTI(true)
	token := h.token(nil)
	require.Equal(t, 200, h.getStatusWith(token).status)
	require.Equal(t, 401, h.getStatusWith(token).status)
}

func TestOtherSignatureAlgorithms(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	claims := jwt.MapClaims{"appId": DefaultClientID, "sub": "x"}
	for _, method := range []jwt.SigningMethod{jwt.SigningMethodHS512, jwt.SigningMethodRS256, jwt.SigningMethodRS512} {
		t.Run(method.Alg(), func(t *testing.T) {
			h := newHarness(t, Config{Algorithm: method.Alg(), PublicKey: &key.PublicKey})
			var signer any = key
			if method == jwt.SigningMethodHS512 {
				signer = []byte(DefaultClientSecret)
			}
			require.Equal(t, 200, h.getStatusWith(sign(t, method, claims, signer)).status)
			requireError(t, h.getStatusWith(h.token(nil)), 401, 4002, msgInvalidCredentials)
		})
	}
}

func TestReplayMemoryIsBoundedAndDropsExpired(t *testing.T) {
	m := newReplayMemory(3)
	for i := range 3 {
		require.True(t, m.markUsed(fmt.Sprint(i), 100+float64(i), 0))
		require.False(t, m.markUsed(fmt.Sprint(i), 100+float64(i), 0))
	}
	require.True(t, m.markUsed("3", 50, 0), "full: the entry that expires first is dropped")
	require.Len(t, m.used, 3)
	require.Len(t, m.queue, 3)
	require.False(t, m.markUsed("2", 102, 60))
	require.Len(t, m.used, 2, "the entry that expired at 50 is dropped at 60")
	require.True(t, m.markUsed("new", 2000, 1000))
	require.Len(t, m.used, 1)
}
