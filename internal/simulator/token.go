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
	// jtiLifetime is how far ahead exp may lie under "Enforce JTI" (vendor docs).
	jtiLifetime = time.Hour
	// iatTolerance lets a client's clock run a little ahead; an iat in milliseconds is still caught.
	iatTolerance = time.Minute
)

// authenticate checks the header "auth" of a call for botID and returns nil when the call may go on. It burns the jti.
func (s *Simulator) authenticate(header http.Header, botID string, now time.Time) *refusal {
	// The platform's server joins a header sent twice, which makes it no token at all.
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
	if _, known := s.bots[botID]; !known {
		return unauthorized(ReasonUnknownBot, msgInvalidCredentials)
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
	if !s.scopeGranted {
		return unauthorized(ReasonScope, msgScope)
	}
	return nil
}

// unwrap opens the JWE of an app that enforces one. What comes out is still to be verified.
func (s *Simulator) unwrap(raw string) (string, *refusal) {
	if s.config.DecryptionKey == nil {
		return raw, nil
	}
	signed, err := openJWE(raw, s.config.DecryptionKey, s.config.DecryptionKeyID)
	if err != nil {
		return "", unauthorized(ReasonNotJWT, msgInvalidToken)
	}
	return signed, nil
}

// verify checks the form and the signature; the error is jwt.ErrTokenMalformed when it is no JWT at all. The caller
// holds s.mu.
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

// checkIdentity takes the documented form, appId spelt exactly so, and the one that a client in the field uses, iss. Where
// appId is there it alone counts. Both need a sub; any will do (vendor docs).
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

// checkTimes applies exp, nbf and iat where they are present; without "Enforce JTI" a token needs none of them.
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

// checkJTI applies "Enforce JTI" (vendor docs) and burns the jti. The caller holds s.mu.
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
	if !s.replays.burn(jti, exp, unix) {
		return unverified(ReasonReplay, "possibly a replay")
	}
	return nil
}

var errNotANumber = errors.New("not a number")

// timeClaim reads a NumericDate: a JSON number of seconds, never a string.
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

// unixSeconds is whole, as the platform's clock is when it compares tokens.
func unixSeconds(t time.Time) float64 { return float64(t.Unix()) }
