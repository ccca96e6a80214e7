package smartassist

import (
	"cmp"
	"errors"
	"fmt"
	"strings"

	"github.com/golang-jwt/jwt/v5"

	"github.com/callvault/callvault/internal/secret"
)

// The algorithms of signatures that the app's settings offer.
const (
	HS256 = "HS256"
	HS512 = "HS512"
	RS256 = "RS256"
	RS512 = "RS512"
)

// signingMethod returns the method of an algorithm; "" is the default.
func signingMethod(algorithm string) (jwt.SigningMethod, error) {
	switch cmp.Or(algorithm, HS256) {
	case HS256:
		return jwt.SigningMethodHS256, nil
	case HS512:
		return jwt.SigningMethodHS512, nil
	case RS256:
		return jwt.SigningMethodRS256, nil
	case RS512:
		return jwt.SigningMethodRS512, nil
	}
	return nil, notOneOf("algorithm", algorithm, HS256, HS512, RS256, RS512)
}

// signingKey reads the key for a method. It is read for every token, since its
// file may be replaced while the process runs.
func signingKey(method jwt.SigningMethod, source *secret.Source) (any, error) {
	if source == nil {
		return nil, errors.New("the key is not set: set it to the app's client secret, or to the private key for RS256 and RS512")
	}
	text, err := source.Read()
	if err != nil {
		return nil, err
	}
	if _, symmetric := method.(*jwt.SigningMethodHMAC); !symmetric {
		return parsePrivateKey(text)
	}
	if strings.Contains(text, "-----BEGIN ") {
		return nil, fmt.Errorf("the key is a PEM file, and %s signs with the client secret: set the algorithm to RS256 or RS512, or the key to the client secret", method.Alg())
	}
	return []byte(text), nil
}
