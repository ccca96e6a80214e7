package smartassist

import (
	"errors"
	"fmt"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"

	"github.com/callvault/callvault/internal/failure"
	"github.com/callvault/callvault/internal/secret"
	"github.com/callvault/callvault/internal/timing"
)

// Credentials are those of the customer's JWT app in the SmartAssist console.
type Credentials struct {
	// ClientID is in every token, readable unless the token is encrypted. Required.
	ClientID string

	// Algorithm is the one that the app shows: HS256, HS512, RS256 or RS512.
	// Defaults to HS256.
	Algorithm string

	// Key signs the tokens. For HS256 and HS512 it is the client secret; for RS256
	// and RS512 the private key whose public key was uploaded to the app: RSA of
	// 2,048 to 8,192 bits, PEM, PKCS#1 or PKCS#8. Required.
	Key *secret.Source

	// Claims are added to those of every token, at most 20 and 4 KiB as JSON.
	// They may replace iss, sub, aud and appId; nil leaves a claim out, so that
	// {"appId": nil, "iss": "cs-…"} is a token with iss in place of appId. They
	// may not replace jti, iat, exp and nbf. Defaults to none.
	Claims map[string]any

	// Encryption is how tokens are encrypted, for an app with "Enforce JWE".
	// Defaults to nil: they are not.
	Encryption *Encryption
}

// Mint returns a token for one request about botID, and when it expires. An error
// of kind [failure.Blocked] says what is wrong with the credentials, and holds
// nothing of a key.
func (c Credentials) Mint(botID string, now time.Time) (token string, expiresAt time.Time, err error) {
	id, err := uuid.NewRandom()
	if err != nil {
		return "", time.Time{}, fmt.Errorf("the token's id could not be generated: %w", err)
	}
	expiresAt = now.Add(timing.TokenLife).Truncate(time.Second)
	claims := c.claims(botID)
	// Last: one token, one request, whatever the other claims are.
	claims["jti"] = id.String()
	claims["iat"] = now.Add(-timing.ClockSkew).Unix()
	claims["exp"] = expiresAt.Unix()
	token, err = c.sign(claims)
	if err == nil && c.Encryption != nil {
		token, err = c.Encryption.encrypt(token)
	}
	if err != nil {
		return "", time.Time{}, failure.Wrap(failure.Blocked, fmt.Errorf("no token can be minted: %w", err))
	}
	return token, expiresAt, nil
}

func (c Credentials) sign(claims jwt.MapClaims) (string, error) {
	if err := errors.Join(checkClaims(c.Claims)...); err != nil {
		return "", err
	}
	method, err := signingMethod(c.Algorithm)
	if err != nil {
		return "", err
	}
	key, err := signingKey(method, c.Key)
	if err != nil {
		return "", err
	}
	token, err := jwt.NewWithClaims(method, claims).SignedString(key)
	if err != nil {
		return "", fmt.Errorf("the token could not be signed: %w", err)
	}
	return token, nil
}
