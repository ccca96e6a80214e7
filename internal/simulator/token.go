package simulator

import (
	"encoding/json"
	"errors"
	"math"
	"net/http"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

const (
	// jtiLifetime is how far ahead exp may be under "Enforce JTI" (vendor docs).
	jtiLifetime = time.Hour
	// iatTolerance allows for a client's clock that is slightly ahead; an iat in milliseconds is still refused.
	iatTolerance = time.Minute
)

// authenticate checks the header "auth" of an API call and returns nil if the call may proceed. It uses up the jti, which
// is then used for every endpoint.
func (s *Simulator) authenticate(header http.Header, to route, now time.Time) *refusal {
	// The platform's server joins repeated headers, and the result is not a valid token.
	raw := strings.Join(header.Values("auth"), ", ")
	if raw == "" {
		return unauthorized(ReasonNoToken, msgInvalidCredentials)
	}

	s.mu.Lock()
	defer s.mu.Unlock()
	signed, refused := s.unwrap(raw)
	if refused != nil {
		return refused
	}
	claims, err := s.verify(signed)
	if errors.Is(err, jwt.ErrTokenMalformed) {
		return unauthorized(ReasonNotJWT, msgInvalidToken)
	}
	if _, known := s.bots[to.botID]; !known {
		return unauthorized(ReasonUnknownBot, msgInvalidCredentials)
	}
	if to.kind == KindInteractions && (to.accountID != s.config.AccountID || header.Get("accountId") != s.config.AccountID) {
		return unauthorized(ReasonAccount, msgInvalidCredentials)
	}
	if err != nil {
		return unauthorized(ReasonSignature, msgInvalidCredentials)
	}
	if refused := checkIdentity(claims, s.config.ClientID); refused != nil {
		return refused
	}
	if refused := checkTimes(claims, now); refused != nil {
		return refused
	}
	if s.config.EnforceJTI {
		if refused := s.checkJTI(claims, now); refused != nil {
			return refused
		}
	}
	if !s.granted[to.kind] {
		return unauthorized(ReasonScope, msgScope)
	}
	return nil
}

// unwrap decrypts the JWE if the app enforces one. The result is not verified yet.
func (s *Simulator) unwrap(raw string) (string, *refusal) {
	if s.config.DecryptionKey == nil {
		return raw, nil
	}
	signed, ok := openJWE(raw, s.config)
	if !ok {
		return "", unauthorized(ReasonNotJWT, msgInvalidToken)
	}
	return signed, nil
}

// verify checks the form and the signature; the error is jwt.ErrTokenMalformed if it is not a JWT. The caller holds s.mu.
func (s *Simulator) verify(signed string) (jwt.MapClaims, error) {
	parser := jwt.NewParser(jwt.WithValidMethods([]string{s.config.Algorithm}), jwt.WithoutClaimsValidation(), jwt.WithStrictDecoding(), jwt.WithJSONNumber())
	claims := jwt.MapClaims{}
	_, err := parser.ParseWithClaims(signed, claims, func(*jwt.Token) (any, error) {
		if strings.HasPrefix(s.config.Algorithm, "RS") {
			return s.config.PublicKey, nil
		}
		return []byte(s.config.ClientSecret), nil
	})
	return claims, err
}

// checkIdentity accepts the documented claim appId, case-sensitive, and iss, which an existing client uses. If appId is
// present, iss is ignored. Both forms need a sub, with any value (vendor docs).
func checkIdentity(claims jwt.MapClaims, clientID string) *refusal {
	client, documented := claims["appId"]
	if !documented {
		client = claims["iss"]
	}
	if client != clientID {
		return unauthorized(ReasonClient, msgInvalidCredentials)
	}
	if sub, _ := claims["sub"].(string); sub == "" {
		return unauthorized(ReasonSubject, msgInvalidCredentials)
	}
	return nil
}

// checkTimes checks exp, nbf and iat if they are present; without "Enforce JTI" a token needs none of them.
func checkTimes(claims jwt.MapClaims, now time.Time) *refusal {
	unix := unixSeconds(now)
	for _, name := range []string{"exp", "nbf", "iat"} {
		at, present, err := timeClaim(claims, name)
		switch {
		case err != nil:
			return unverified(ReasonClaims, "invalid "+name+" value")
		case !present:
		case name == "exp" && unix >= at:
			return unverified(ReasonExpired, "jwt expired")
		case name == "nbf" && unix < at:
			return unverified(ReasonNotYet, "jwt not active")
		case name == "iat" && at > unix+iatTolerance.Seconds():
			return unverified(ReasonNotYet, "jwt issued in the future")
		}
	}
	return nil
}

// checkJTI applies "Enforce JTI" (vendor docs) and uses up the jti. The caller holds s.mu.
func (s *Simulator) checkJTI(claims jwt.MapClaims, now time.Time) *refusal {
	jti, _ := claims["jti"].(string)
	if jti == "" {
		return unverified(ReasonJTIMissing, "jti is missing")
	}
	unix := unixSeconds(now)
	exp, present, _ := timeClaim(claims, "exp")
	if !present {
		return unverified(ReasonJTILifetime, "exp is missing")
	}
	if exp > unix+jtiLifetime.Seconds() {
		return unverified(ReasonJTILifetime, "exp should not be more than 1 hour from the current time")
	}
	if !s.replays.markUsed(jti, exp, unix) {
		return unverified(ReasonReplay, "possibly a replay")
	}
	return nil
}

var errNotANumber = errors.New("not a number")

// timeClaim reads a NumericDate, which must be a JSON number of seconds, not a string.
func timeClaim(claims jwt.MapClaims, name string) (seconds float64, present bool, err error) {
	v, present := claims[name]
	if !present {
		return 0, false, nil
	}
	n, isNumber := v.(json.Number)
	if !isNumber {
		return 0, true, errNotANumber
	}
	seconds, err = n.Float64()
	if err == nil && math.IsInf(seconds, 0) {
		err = errNotANumber
	}
	return seconds, true, err
}

// unixSeconds returns whole seconds, as the platform uses when it checks tokens.
func unixSeconds(t time.Time) float64 { return float64(t.Unix()) }
