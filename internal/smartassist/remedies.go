package smartassist

import (
	"encoding/json"
	"net/http"
	"strings"
)

const (
	credentialsRemedy = "check SMARTASSIST_CLIENT_ID, SMARTASSIST_CLIENT_SECRET and that the JWT app belongs to this bot"
	botRemedy         = "check SMARTASSIST_BOT_ID and that the JWT app belongs to this bot"
	addressRemedy     = "the API is not at this address: check SMARTASSIST_URL"
	otherRemedy       = "something other than the API responded: check SMARTASSIST_URL, and any proxy or firewall in between"
)

// vendorTexts are the credential errors that public clients received, most
// specific first, and what to do about each.
var vendorTexts = []struct{ text, remedy string }{
	{"scope", `grant the JWT app the scope "SmartAssist Recordings" and publish the bot`},
	{"replay", "a token was used twice: check for another client that shares the JWT app, or for a proxy that repeats requests"},
	{"error verifying the jwt", `the app's "Enforce JTI" rules refuse the token: check this machine's clock, and that the app signs with HS256`},
	{"invalid jwt token", "the token arrived corrupted: check for a proxy that alters the header \"auth\""},
	{"invalid sdk credentials", credentialsRemedy},
}

// vendorRemedy returns what to do about one of the vendorTexts; "" for others.
func (a answer) vendorRemedy() string {
	for _, known := range vendorTexts {
		if strings.Contains(a.text, known.text) {
			return known.remedy
		}
	}
	return ""
}

// credentialRemedy returns what to do about refused credentials.
func (a answer) credentialRemedy() string {
	if remedy := a.vendorRemedy(); remedy != "" {
		return remedy
	}
	return credentialsRemedy
}

// installationRemedy returns what to do about a 403, 404, 409 or 410 that does
// not concern the session. A proxy's HTML page says "Forbidden" too, so only a
// JSON body is searched for more than the vendor's own texts.
func (a answer) installationRemedy() string {
	if remedy := a.vendorRemedy(); remedy != "" {
		return remedy
	}
	if a.rules == http.StatusNotFound && a.namesAddress() {
		return addressRemedy // before the bot: a path may hold that word
	}
	if json.Valid(a.body) && a.namesPlace() {
		return botRemedy
	}
	if json.Valid(a.body) && (a.namesCredentials() || a.rules == http.StatusForbidden) {
		return credentialsRemedy
	}
	if a.rules == http.StatusNotFound || a.namesAddress() {
		return addressRemedy
	}
	return otherRemedy
}
