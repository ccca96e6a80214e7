package config

import (
	"strings"

	"github.com/callvault/callvault/internal/smartassist"
)

// credentials validates those of the JWT app.
func (p *problems) credentials(w *written) smartassist.Credentials {
	c := smartassist.Credentials{
		ClientID:  p.required(w, "token.clientId", "the client id of the JWT app, from the console's API settings"),
		Algorithm: w.get("token.algorithm").text,
		Claims:    w.given["token.claims"].claims,
	}
	key, what := p.signingKey(w, c.Algorithm)
	c.Key = p.secret(w, key, what)
	p.swapped(w, c)
	places := map[string]place{
		"algorithm": w.place("token.algorithm"),
		"claims":    w.place("token.claims"),
	}
	if c.Key != nil {
		places["key"] = w.place(givenOf(w, key))
	}
	if w.hasSection("token.encryption") {
		c.Encryption = &smartassist.Encryption{
			Key:               p.secret(w, "token.encryption.key", "the platform's public key, which the console shows"),
			KeyAlgorithm:      w.get("token.encryption.keyAlgorithm").text,
			ContentEncryption: w.get("token.encryption.contentEncryption").text,
		}
		places["encryption.keyAlgorithm"] = w.place("token.encryption.keyAlgorithm")
		places["encryption.contentEncryption"] = w.place("token.encryption.contentEncryption")
		if c.Encryption.Key != nil {
			places["encryption.key"] = w.place(givenOf(w, "token.encryption.key"))
		}
	}
	for _, problem := range c.Problems() {
		if at, found := places[problem.Field]; found { // A key without one has been reported.
			p.add(at, "%s", problem.Text)
		}
	}
	return c
}

// signingKey returns the name of the secret that signs the tokens, and what it is:
// the client secret, or a private key.
func (p *problems) signingKey(w *written, algorithm string) (name, what string) {
	const client, private = "token.clientSecret", "token.privateKey"
	used, unused := client, private
	switch algorithm {
	case smartassist.RS256, smartassist.RS512:
		used, unused = private, client
	case smartassist.HS256, smartassist.HS512:
	default: // It is reported. Either secret may be the right one.
		unused = ""
		if !hasSecret(w, client) && hasSecret(w, private) {
			used = private
		}
	}
	if unused != "" && hasSecret(w, unused) {
		p.add(w.place(givenOf(w, unused)), "is not used with %s: remove it, or correct %s", algorithm, w.nameOf("token.algorithm"))
	}
	if used == private {
		return used, "the private key whose public key the JWT app has"
	}
	return used, "the client secret of the JWT app"
}

// clientIDPrefix is what the vendor's client ids begin with.
const clientIDPrefix = "cs-"

// swapped reports a client id in the place of the secret. The secret would be in
// every token, and as the account's name in workflow ids.
func (p *problems) swapped(w *written, c smartassist.Credentials) {
	if c.Key == nil || strings.HasPrefix(c.ClientID, clientIDPrefix) {
		return
	}
	if key, err := c.Key.Read(); err == nil && strings.HasPrefix(key, clientIDPrefix) {
		p.add(w.place("token.clientId"), "holds no client id (%q), but the client secret is one: swap them", clientIDPrefix+"…")
	}
}
