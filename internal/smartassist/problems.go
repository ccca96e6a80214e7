package smartassist

import (
	"errors"
	"fmt"
	"strings"
)

// Problem is one thing that is wrong with [Credentials].
type Problem struct {
	// Field is "algorithm", "key", "claims", "encryption.key",
	// "encryption.keyAlgorithm" or "encryption.contentEncryption".
	Field string

	// Text names the cause and the remedy. It holds nothing of a key.
	Text string
}

// Problems returns all that is wrong with the credentials, except for the client
// id; none if tokens can be minted. It reads the keys, and makes no request.
func (c Credentials) Problems() []Problem {
	var found []Problem
	add := func(field string, err error) {
		if err != nil {
			found = append(found, Problem{field, err.Error()})
		}
	}
	method, err := signingMethod(c.Algorithm)
	add("algorithm", err)
	if err == nil { // which keys are right depends on it
		_, err = signingKey(method, c.Key)
		add("key", err)
	}
	for _, err := range checkClaims(c.Claims) {
		add("claims", err)
	}
	if c.Encryption == nil {
		return found
	}
	_, err = c.Encryption.platformKey()
	add("encryption.key", err)
	_, err = c.Encryption.keyAlgorithm()
	add("encryption.keyAlgorithm", err)
	_, err = c.Encryption.contentEncryption()
	add("encryption.contentEncryption", err)
	return found
}

// maxShownBytes is up to which length a value is shown that should have been a
// name: what is longer may be a secret in the wrong place.
const maxShownBytes = 16

func notOneOf(what, value string, names ...string) error {
	shown := fmt.Sprintf("%q ", value)
	if len(value) > maxShownBytes {
		shown = ""
	}
	return errors.New("the " + what + " " + shown + "is not one of " + strings.Join(names, ", ") + ": set the one that the JWT app shows in the console")
}
