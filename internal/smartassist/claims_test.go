package smartassist_test

import (
	"fmt"
	"math"
	"net/http"
	"strings"
	"testing"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/internal/secret"
	"github.com/callvault/callvault/internal/simulator"
	"github.com/callvault/callvault/internal/smartassist"
)

func withClaims(claims map[string]any) smartassist.Credentials {
	return smartassist.Credentials{ClientID: simulator.DefaultClientID, Key: secret.Value(simulator.DefaultClientSecret), Claims: claims}
}

func TestClaimsAreAddedReplacedAndLeftOut(t *testing.T) {
	for name, row := range map[string]struct{ claims, want map[string]any }{
		"none":                  {nil, map[string]any{"appId": simulator.DefaultClientID, "sub": botID}},
		"empty":                 {map[string]any{}, map[string]any{"appId": simulator.DefaultClientID, "sub": botID}},
		"added":                 {map[string]any{"tenant": "t-1", "level": 3.5, "tags": []any{"a", true, nil}}, map[string]any{"appId": simulator.DefaultClientID, "sub": botID, "tenant": "t-1", "level": 3.5, "tags": []any{"a", true, nil}}},
		"replaced":              {map[string]any{"appId": "cs-2", "sub": "anything"}, map[string]any{"appId": "cs-2", "sub": "anything"}},
		"iss in place of appId": {map[string]any{"appId": nil, "iss": "cs-1", "aud": "https://idproxy.kore.ai/authorize"}, map[string]any{"iss": "cs-1", "sub": botID, "aud": "https://idproxy.kore.ai/authorize"}},
		"several audiences":     {map[string]any{"aud": []any{"a", "b"}}, map[string]any{"appId": simulator.DefaultClientID, "sub": botID, "aud": []any{"a", "b"}}},
		"nothing to leave out":  {map[string]any{"aud": nil, "tenant": nil}, map[string]any{"appId": simulator.DefaultClientID, "sub": botID}},
	} {
		t.Run(name, func(t *testing.T) {
			c := withClaims(row.claims)
			require.Empty(t, c.Problems())
			minted, _, err := c.Mint(botID, noon)
			require.NoError(t, err)
			claims := jwt.MapClaims{}
			_, _, err = jwt.NewParser().ParseUnverified(minted, claims)
			require.NoError(t, err)
			for _, own := range []string{"jti", "iat", "exp"} {
				require.NotEmpty(t, claims[own])
				delete(claims, own)
			}
			require.Equal(t, jwt.MapClaims(row.want), claims)
		})
	}
}

func TestMintingLeavesTheConfiguredClaimsAsTheyAre(t *testing.T) {
	claims := map[string]any{"appId": nil, "iss": "cs-1"}
	_, _, err := withClaims(claims).Mint(botID, noon)
	require.NoError(t, err)
	require.Equal(t, map[string]any{"appId": nil, "iss": "cs-1"}, claims)
}

func TestTokenWithIssuerInPlaceOfAppIDIsAccepted(t *testing.T) {
	app := newApp(t)
	c := withClaims(map[string]any{"appId": nil, "iss": simulator.DefaultClientID})
	require.Equal(t, http.StatusOK, send(t, app.upstream(t, form{"HS256", "", ""}), c))
	c.Claims["iss"] = "cs-other"
	require.Equal(t, http.StatusUnauthorized, send(t, app.upstream(t, form{"HS256", "", ""}), c))
}

func TestUnusableClaimsAreNamedWithTheRemedy(t *testing.T) {
	many := func(n int) map[string]any {
		claims := make(map[string]any)
		for i := range n {
			claims[fmt.Sprint("claim", i)] = "canary"
		}
		return claims
	}
	for name, row := range map[string]struct {
		claims map[string]any
		says   []string
	}{
		"jti":                     {map[string]any{"jti": "canary"}, []string{"claim jti cannot be replaced", "remove it"}},
		"iat":                     {map[string]any{"iat": 1}, []string{"claim iat cannot be replaced"}},
		"exp":                     {map[string]any{"exp": nil}, []string{"claim exp cannot be replaced"}},
		"nbf":                     {map[string]any{"nbf": 1}, []string{"claim nbf cannot be replaced"}},
		"appId in lower case":     {map[string]any{"appid": "canary"}, []string{`"appid" is spelt "appId"`}},
		"Sub":                     {map[string]any{"Sub": "canary"}, []string{`"Sub" is spelt "sub"`}},
		"JTI":                     {map[string]any{"JTI": "canary"}, []string{`"JTI" is spelt "jti"`}},
		"no name":                 {map[string]any{"": "canary"}, []string{"a claim has no name"}},
		"sub left out":            {map[string]any{"sub": nil}, []string{"claim sub is not a text", "requires one"}},
		"empty sub":               {map[string]any{"sub": ""}, []string{"claim sub is not a text"}},
		"number as sub":           {map[string]any{"sub": 12345}, []string{"claim sub is not a text"}},
		"number as appId":         {map[string]any{"appId": 12345}, []string{"claim appId is not a text", "in quotes"}},
		"empty iss":               {map[string]any{"iss": ""}, []string{"claim iss is not a text"}},
		"number as aud":           {map[string]any{"aud": 1}, []string{"claim aud is neither"}},
		"empty aud":               {map[string]any{"aud": ""}, []string{"claim aud is neither"}},
		"list of numbers":         {map[string]any{"aud": []any{"a", 1}}, []string{"claim aud is neither"}},
		"empty list":              {map[string]any{"aud": []any{}}, []string{"claim aud is neither"}},
		"empty list of texts":     {map[string]any{"aud": []string{}}, []string{"claim aud is neither"}},
		"list of an empty one":    {map[string]any{"aud": []string{"a", ""}}, []string{"claim aud is neither"}},
		"no client id":            {map[string]any{"appId": nil}, []string{"appId is left out", "set iss to the client id"}},
		"no client id, no iss":    {map[string]any{"appId": nil, "iss": nil}, []string{"appId is left out"}},
		"not JSON":                {map[string]any{"x": math.NaN()}, []string{"cannot be written as JSON"}},
		"a map that is no object": {map[string]any{"x": map[any]any{1: "canary"}}, []string{"cannot be written as JSON"}},
		"too many":                {many(21), []string{"21 claims", "at most 20"}},
		"too large":               {map[string]any{"x": strings.Repeat("canary", 700)}, []string{"4208 bytes", "at most 4096", "shorten"}},
	} {
		t.Run(name, func(t *testing.T) {
			c := withClaims(row.claims)
			problems := c.Problems()
			require.Len(t, problems, 1)
			require.Equal(t, "claims", problems[0].Field)
			_, _, err := c.Mint(botID, noon)
			for _, text := range row.says {
				require.Contains(t, problems[0].Text, text)
				require.ErrorContains(t, err, text)
			}
			require.NotContains(t, problems[0].Text, "canary")
		})
	}
	require.Empty(t, withClaims(many(20)).Problems(), "20 claims")
	require.Empty(t, withClaims(map[string]any{"x": strings.Repeat("a", 4096-len(`{"x":""}`))}).Problems(), "4 KiB")
	require.Len(t, withClaims(map[string]any{"x": strings.Repeat("a", 4097-len(`{"x":""}`))}).Problems(), 1)
	require.Empty(t, withClaims(map[string]any{"aud": []string{"a", "b"}}).Problems())
}

func TestEachUnusableClaimIsAProblemOfItsOwn(t *testing.T) {
	problems := withClaims(map[string]any{"jti": "x", "appid": "x", "aud": 1}).Problems()
	require.Len(t, problems, 3)
	require.Contains(t, problems[0].Text, "appid", "sorted by name")
	require.Contains(t, problems[1].Text, "aud")
	require.Contains(t, problems[2].Text, "jti")
}
