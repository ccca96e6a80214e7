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

func TestTheDocumentedMinimumIsAccepted(t *testing.T) {
	w := newWorld(t, Config{})
	token := sign(t, jwt.SigningMethodHS256, jwt.MapClaims{"appId": DefaultClientID, "sub": "x"}, []byte(DefaultClientSecret))
	require.Equal(t, http.StatusOK, w.askWith(token).status)
	require.Equal(t, http.StatusOK, w.askWith(token).status, "without Enforce JTI a token may be used again")
}

func TestTheFormOfTheClientInTheFieldIsAccepted(t *testing.T) {
	w := newWorld(t, Config{})
	token := w.token(jwt.MapClaims{"appId": nil, "jti": nil, "iss": DefaultClientID, "sub": DefaultBotID, "aud": "https://idproxy.kore.ai/authorize"})
	require.Equal(t, http.StatusOK, w.askWith(token).status)
}

func TestTokensThatAreRefused(t *testing.T) {
	w := newWorld(t, Config{})
	other := []byte("some other secret")
	claims := jwt.MapClaims{"appId": DefaultClientID, "sub": "x"}
	good := w.token(nil)
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
		{"none at all", "", 4002, msgInvalidCredentials, ReasonNoToken},
		{"with Bearer", "Bearer " + good, 4002, msgInvalidToken, ReasonNotJWT},
		{"a password", "letmein", 4002, msgInvalidToken, ReasonNotJWT},
		{"two parts", head + "." + strings.SplitN(rest, ".", 2)[0], 4002, msgInvalidToken, ReasonNotJWT},
		{"a padded part", good + "=", 4002, msgInvalidToken, ReasonNotJWT},
		{"a payload that is no object", head + ".W10.AAAA", 4002, msgInvalidToken, ReasonNotJWT},
		{"another secret", sign(t, jwt.SigningMethodHS256, claims, other), 4002, msgInvalidCredentials, ReasonSignature},
		{"alg none", sign(t, jwt.SigningMethodNone, claims, jwt.UnsafeAllowNoneSignatureType), 4002, msgInvalidCredentials, ReasonSignature},
		{"HS384, right secret", sign(t, jwt.SigningMethodHS384, claims, []byte(DefaultClientSecret)), 4002, msgInvalidCredentials, ReasonSignature},
		{"HS512, right secret", sign(t, jwt.SigningMethodHS512, claims, []byte(DefaultClientSecret)), 4002, msgInvalidCredentials, ReasonSignature},
		{"a changed signature", changed, 4002, msgInvalidCredentials, ReasonSignature},
		{"appid in lower case", w.token(jwt.MapClaims{"appId": nil, "appid": DefaultClientID}), 4002, msgInvalidCredentials, ReasonClient},
		{"AppId", w.token(jwt.MapClaims{"appId": nil, "AppId": DefaultClientID}), 4002, msgInvalidCredentials, ReasonClient},
		{"another app", w.token(jwt.MapClaims{"appId": "cs-other"}), 4002, msgInvalidCredentials, ReasonClient},
		{"another app, though iss is right", w.token(jwt.MapClaims{"appId": "cs-other", "iss": DefaultClientID}), 4002, msgInvalidCredentials, ReasonClient},
		{"a number as app", w.token(jwt.MapClaims{"appId": 7}), 4002, msgInvalidCredentials, ReasonClient},
		{"no sub", w.token(jwt.MapClaims{"sub": nil}), 4002, msgInvalidCredentials, ReasonSubject},
		{"expired this second", w.token(jwt.MapClaims{"exp": in(0)}), 401, msgVerifying + "jwt expired", ReasonExpired},
		{"exp as text", w.token(jwt.MapClaims{"exp": fmt.Sprint(in(time.Minute))}), 401, msgVerifying + "invalid exp value", ReasonClaims},
		{"exp null", w.token(jwt.MapClaims{"exp": jsonNull{}}), 401, msgVerifying + "invalid exp value", ReasonClaims},
		{"not valid yet", w.token(jwt.MapClaims{"nbf": in(time.Second)}), 401, msgVerifying + "jwt not active", ReasonNotYet},
		{"iat two minutes ahead", w.token(jwt.MapClaims{"iat": in(2 * time.Minute)}), 401, msgVerifying + "jwt issued in the future", ReasonNotYet},
		{"iat in milliseconds", w.token(jwt.MapClaims{"iat": noon.UnixMilli()}), 401, msgVerifying + "jwt issued in the future", ReasonNotYet},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := w.askWith(c.token)
			calls := w.Calls()
			requireError(t, a, http.StatusUnauthorized, c.code, c.msg)
			require.Equal(t, c.reason, calls[len(calls)-1].Reason)
		})
	}
	require.Zero(t, w.Counts().Accepted)
}

type jsonNull struct{}

func (jsonNull) MarshalJSON() ([]byte, error) { return []byte("null"), nil }

func TestOnlyTheHeaderAuthCounts(t *testing.T) {
	w := newWorld(t, Config{})
	target := w.recordingsURL("?sessionId=65e7133a3242653c58d70000")
	requireError(t, w.get(target, "Authorization", "Bearer "+w.token(nil)), 401, 4002, msgInvalidCredentials)
	requireError(t, w.get(target+"&auth="+w.token(nil)), 401, 4002, msgInvalidCredentials)
	requireError(t, w.get(target, "auth", w.token(nil), "auth", w.token(nil)), 401, 4002, msgInvalidToken)
}

func TestAnUnknownBotIsUnauthorizedNotMissing(t *testing.T) {
	w := newWorld(t, Config{})
	target := w.server.URL + "/api/public/bot/st-ffffffff-43af-544d-8082-831bc09c0009/v2/recordings?sessionId=65e7133a3242653c58d70000"
	requireError(t, w.get(target, "auth", w.token(nil)), 401, 4002, msgInvalidCredentials)
	require.Equal(t, 1, w.Counts().Refused[ReasonUnknownBot])
}

func TestEnforceJTI(t *testing.T) {
	w := newWorld(t, Config{EnforceJTI: true})
	in := func(d time.Duration) int64 { return noon.Add(d).Unix() }

	token := w.token(nil)
	require.Equal(t, 200, w.askWith(token).status)
	requireError(t, w.askWith(token), 401, 401, "error verifying the jwt: possibly a replay")
	requireError(t, w.askWith(w.token(jwt.MapClaims{"jti": "jti-x", "exp": nil})), 401, 401, "error verifying the jwt: exp is missing")
	requireError(t, w.askWith(w.token(jwt.MapClaims{"jti": nil})), 401, 401, "error verifying the jwt: jti is missing")
	requireError(t, w.askWith(w.token(jwt.MapClaims{"jti": 7})), 401, 401, "error verifying the jwt: jti is missing")
	require.Equal(t, 200, w.askWith(w.token(jwt.MapClaims{"exp": in(time.Hour)})).status, "an hour ahead is the most")
	requireError(t, w.askWith(w.token(jwt.MapClaims{"exp": in(time.Hour + time.Second)})), 401, 401,
		"error verifying the jwt: exp should not be more than 1 hour from the current time")
	require.Equal(t, map[Reason]int{ReasonReplay: 1, ReasonJTIMissing: 2, ReasonJTILifetime: 2}, w.Counts().Refused)
}

func TestAJTIIsBurntByACallThatIsRefusedLater(t *testing.T) {
	w := newWorld(t, Config{EnforceJTI: true, CallsPerMinute: 1})
	w.SetScope(false)
	token := w.token(nil)
	requireError(t, w.askWith(token), 401, 4002, "Permission denied. Scope is incorrect!")
	w.SetScope(true)
	requireError(t, w.askWith(token), 401, 401, "error verifying the jwt: possibly a replay")

	require.Equal(t, 200, w.askWith(w.token(nil)).status)
	token = w.token(nil)
	require.Equal(t, 429, w.askWith(token).status)
	w.clock.Move(time.Minute)
	requireError(t, w.askWith(token), 401, 401, "error verifying the jwt: possibly a replay")
}

func TestABadTokenBurnsNothing(t *testing.T) {
	w := newWorld(t, Config{EnforceJTI: true})
	forged := sign(t, jwt.SigningMethodHS256, jwt.MapClaims{"appId": DefaultClientID, "sub": "x", "jti": "mine", "exp": noon.Add(time.Minute).Unix()}, []byte("guess"))
	require.Equal(t, 401, w.askWith(forged).status)
	require.Equal(t, 200, w.askWith(w.token(jwt.MapClaims{"jti": "mine"})).status)
}

func TestBlockedThenMended(t *testing.T) {
	w := newWorld(t, Config{})
	id := w.call(Session{})

	w.SetClientSecret("rotated")
	requireError(t, w.ask(id), 401, 4002, msgInvalidCredentials)
	w.SetClientSecret("")
	require.Equal(t, 200, w.ask(id).status)

	w.SetClientID("cs-other")
	requireError(t, w.ask(id), 401, 4002, msgInvalidCredentials)
	w.SetClientID("")
	require.Equal(t, 200, w.ask(id).status)

	w.SetScope(false)
	requireError(t, w.ask(id), 401, 4002, msgScope)
	w.SetScope(true)
	require.Equal(t, 200, w.ask(id).status)

	w.SetEnforceJTI(true)
	token := w.token(nil)
	require.Equal(t, 200, w.askWith(token).status)
	require.Equal(t, 401, w.askWith(token).status)
}

func TestOtherAlgorithmsOfTheAppSettings(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	claims := jwt.MapClaims{"appId": DefaultClientID, "sub": "x"}
	for _, method := range []jwt.SigningMethod{jwt.SigningMethodHS512, jwt.SigningMethodRS256, jwt.SigningMethodRS512} {
		t.Run(method.Alg(), func(t *testing.T) {
			w := newWorld(t, Config{Algorithm: method.Alg(), PublicKey: &key.PublicKey})
			var signer any = key
			if method == jwt.SigningMethodHS512 {
				signer = []byte(DefaultClientSecret)
			}
			require.Equal(t, 200, w.askWith(sign(t, method, claims, signer)).status)
			requireError(t, w.askWith(w.token(nil)), 401, 4002, msgInvalidCredentials)
		})
	}
}

func TestReplayMemoryIsBoundedAndForgets(t *testing.T) {
	m := newReplayMemory(3)
	for i := range 3 {
		require.True(t, m.burn(fmt.Sprint(i), 100+float64(i), 0))
		require.False(t, m.burn(fmt.Sprint(i), 100+float64(i), 0))
	}
	require.True(t, m.burn("3", 50, 0), "full: the one that expires first goes")
	require.Len(t, m.used, 3)
	require.Len(t, m.queue, 3)
	require.False(t, m.burn("2", 102, 60))
	require.Len(t, m.used, 2, "what expired at 50 is gone at 60")
	require.True(t, m.burn("new", 2000, 1000))
	require.Len(t, m.used, 1)
}
