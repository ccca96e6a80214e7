package smartassist

import (
	"fmt"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"

	"github.com/callvault/callvault/internal/timing"
)

// Credentials are those of the customer's JWT app in the SmartAssist console.
type Credentials struct {
	// ClientID is part of every token, unencrypted. Required.
	ClientID string

	// ClientSecret signs the tokens with HS256. Required.
	ClientSecret string
}

// claims are the documented minimum, "appId" (with this spelling) and "sub",
// and what "Enforce JTI" adds.
type claims struct {
	AppID string `json:"appId"`
	jwt.RegisteredClaims
}

// Mint returns a token for one request about botID, and when it expires.
func (c Credentials) Mint(botID string, now time.Time) (token string, expiresAt time.Time, err error) {
	id, err := uuid.NewRandom()
	if err != nil {
		return "", time.Time{}, fmt.Errorf("the token's id could not be generated: %w", err)
	}
	expiresAt = now.Add(timing.TokenLife).Truncate(time.Second)
	token, err = jwt.NewWithClaims(jwt.SigningMethodHS256, claims{
		AppID: c.ClientID,
		RegisteredClaims: jwt.RegisteredClaims{
			Subject:   botID,
			IssuedAt:  jwt.NewNumericDate(now.Add(-timing.ClockSkew)),
			ExpiresAt: jwt.NewNumericDate(expiresAt),
			ID:        id.String(),
		},
	}).SignedString([]byte(c.ClientSecret))
	if err != nil {
		return "", time.Time{}, fmt.Errorf("the token could not be signed: %w", err)
	}
	return token, expiresAt, nil
}
