package smartassist

import (
	"fmt"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"
)

const (
	// TokenLife is how long a token is valid. Under "Enforce JTI" the vendor
	// refuses more than 1 hour; a permit that is older has lost its place in
	// the call budget anyway.
	TokenLife = 5 * time.Minute

	// clockSkew is how far the vendor's clock may be behind ours.
	clockSkew = 30 * time.Second
)

// Credentials are those of the JWT app that the customer made in the
// SmartAssist console.
type Credentials struct {
	// ClientID goes into every token, in the clear. Required.
	ClientID string

	// ClientSecret signs the tokens by HS256. Required.
	ClientSecret string
}

// claims are the documented minimum, "appId" (spelt exactly so) and "sub",
// and what "Enforce JTI" adds.
type claims struct {
	AppID string `json:"appId"`
	jwt.RegisteredClaims
}

// Mint makes a token that is good for one request about botID, and says until
// when it is valid.
func (c Credentials) Mint(botID string, now time.Time) (token string, expiresAt time.Time, err error) {
	id, err := uuid.NewRandom()
	if err != nil {
		return "", time.Time{}, fmt.Errorf("no random number for the token's id: %w", err)
	}
	expiresAt = now.Add(TokenLife).Truncate(time.Second)
	token, err = jwt.NewWithClaims(jwt.SigningMethodHS256, claims{
		AppID: c.ClientID,
		RegisteredClaims: jwt.RegisteredClaims{
			Subject:   botID,
			IssuedAt:  jwt.NewNumericDate(now.Add(-clockSkew)),
			ExpiresAt: jwt.NewNumericDate(expiresAt),
			ID:        id.String(),
		},
	}).SignedString([]byte(c.ClientSecret))
	if err != nil {
		return "", time.Time{}, fmt.Errorf("the token could not be signed: %w", err)
	}
	return token, expiresAt, nil
}
