package smartassist

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/golang-jwt/jwt/v5"
)

// Bounds of the extra claims. A token is a request's header, which servers bound
// as well, many at 8 KiB; encryption and base64 double what is here.
const (
	maxClaims      = 20
	maxClaimsBytes = 4 << 10
)

// ownClaims make a token one for one request.
var ownClaims = []string{"jti", "iat", "exp", "nbf"}

// replaceableClaims have a meaning that is known. "appId" is spelt exactly so.
var replaceableClaims = []string{"appId", "iss", "sub", "aud"}

// claims are the documented minimum, "appId" and "sub", changed by c.Claims.
func (c Credentials) claims(botID string) jwt.MapClaims {
	claims := jwt.MapClaims{"appId": c.ClientID, "sub": botID}
	maps.Copy(claims, c.Claims)
	maps.DeleteFunc(claims, func(_ string, value any) bool { return value == nil })
	return claims
}

// checkClaims returns what is wrong with extra claims. The errors name claims and
// show no value.
func checkClaims(claims map[string]any) []error {
	if len(claims) > maxClaims {
		return []error{fmt.Errorf("there are %d claims, and at most %d are allowed: remove some", len(claims), maxClaims)}
	}
	encoded, err := json.Marshal(claims)
	if err != nil {
		return []error{errors.New("the claims cannot be written as JSON: use texts, numbers, booleans, and lists and maps of them")}
	}
	if len(encoded) > maxClaimsBytes {
		return []error{fmt.Errorf("the claims are %d bytes as JSON, and at most %d are allowed: shorten them", len(encoded), maxClaimsBytes)}
	}
	var found []error
	for _, name := range slices.Sorted(maps.Keys(claims)) {
		if err := checkClaim(name, claims[name]); err != nil {
			found = append(found, err)
		}
	}
	if appID, set := claims["appId"]; set && appID == nil && claims["iss"] == nil {
		found = append(found, errors.New("the claim appId is left out, and there is no iss: set iss to the client id, or remove appId from the claims"))
	}
	return found
}

func checkClaim(name string, value any) error {
	if slices.Contains(ownClaims, name) {
		return fmt.Errorf("the claim %s cannot be replaced, because each token is for one request and expires: remove it", name)
	}
	for _, known := range slices.Concat(ownClaims, replaceableClaims) {
		if name != known && strings.EqualFold(name, known) {
			return fmt.Errorf("the claim %q is spelt %q: correct it", name, known)
		}
	}
	switch name {
	case "":
		return errors.New("a claim has no name: name or remove it")
	case "sub":
		if !isText(value) {
			return errors.New("the claim sub is not a text, and the API requires one: set a text, or remove it for the bot's id")
		}
	case "appId", "iss":
		if value != nil && !isText(value) {
			return fmt.Errorf("the claim %s is not a text: put the client id in quotes", name)
		}
	case "aud":
		if value != nil && !isText(value) && !isTexts(value) {
			return errors.New("the claim aud is neither a text nor a list of texts: correct it")
		}
	}
	return nil
}

func isText(value any) bool {
	text, ok := value.(string)
	return ok && text != ""
}

func isTexts(value any) bool {
	if texts, ok := value.([]string); ok {
		return len(texts) > 0 && !slices.Contains(texts, "")
	}
	list, ok := value.([]any)
	return ok && len(list) > 0 && !slices.ContainsFunc(list, func(one any) bool { return !isText(one) })
}
