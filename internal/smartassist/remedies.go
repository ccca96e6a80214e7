package smartassist

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
)

// Where an operator corrects what a remedy names.
const (
	addressSetting    = "SMARTASSIST_URL or CALLVAULT_CONFIG"
	botSetting        = "SMARTASSIST_BOT_ID or CALLVAULT_CONFIG"
	accountIDSetting  = "SMARTASSIST_ACCOUNT_ID or CALLVAULT_CONFIG"
	credentialSetting = "SMARTASSIST_CLIENT_ID, SMARTASSIST_CLIENT_SECRET or CALLVAULT_CONFIG"
)

const (
	credentialsRemedy = "check the client id, the key and the algorithm (" + credentialSetting + "), and that the JWT app belongs to this bot"
	botRemedy         = "check " + botSetting + ", and that the JWT app belongs to this bot"
	addressRemedy     = "the API is not at this address: check " + addressSetting
	otherRemedy       = "something other than the API responded: check " + addressSetting + ", and any proxy or firewall in between"
)

// Cause is why the vendor refuses a token, as far as its text says.
type Cause string

// The causes.
const (
	// CauseReplay: the jti of the token was used before.
	CauseReplay Cause = "replay"
	// CauseRules: the token breaks a rule of "Enforce JTI", or is not valid at the vendor's time.
	CauseRules Cause = "rules"
	// CauseForm: it is not the kind of token that the app takes, a JWT or a JWE.
	CauseForm Cause = "form"
	// CauseCredentials: there was no token, or its signature is wrong, or the bot is unknown, or
	// has no such app: the vendor has one text for them all.
	CauseCredentials Cause = "credentials"
	// CauseScope: the app lacks the scope of the endpoint.
	CauseScope Cause = "scope"
)

// vendorTexts are the credential errors that public clients received, most
// specific first, and what to do about each. A scope is that of the endpoint.
var vendorTexts = []struct {
	text   string
	cause  Cause
	remedy string
}{
	{"replay", CauseReplay, "a token was used twice: check for another client that shares the JWT app, or for a proxy that repeats requests"},
	{"error verifying the jwt", CauseRules, `the app's "Enforce JTI" rules refuse the token: check this machine's clock, and that the app's algorithm is the one in use here (HS256 unless configured)`},
	{"invalid jwt token", CauseForm, `the token is not of the form that the app enforces: check whether its "Enforce JWE" is on and configured here, and for a proxy that alters the header "auth"`},
	{"invalid sdk credentials", CauseCredentials, credentialsRemedy},
}

// namesScope reports whether the upstream says that the app lacks the scope.
func (a answer) namesScope() bool { return strings.Contains(a.text, "scope") }

// cause returns which of the vendor's refusals it is; empty for others.
func (a answer) cause() Cause {
	if a.namesScope() {
		return CauseScope
	}
	for _, known := range vendorTexts {
		if strings.Contains(a.text, known.text) {
			return known.cause
		}
	}
	return ""
}

// vendorRemedy returns what to do about one of the vendorTexts; "" for others.
func (a answer) vendorRemedy() string {
	if a.namesScope() {
		return fmt.Sprintf("grant the JWT app the scope %q and publish the bot", a.endpoint.scope)
	}
	for _, known := range vendorTexts {
		if strings.Contains(a.text, known.text) {
			return known.remedy + a.accountHint(known.remedy)
		}
	}
	return ""
}

// accountHint adds to the remedy for refused credentials that the account's id may be wrong, where one was sent: the
// vendor says no more of it (inferred from an unknown bot).
func (a answer) accountHint(remedy string) string {
	if a.endpoint.ofAccount && remedy == credentialsRemedy {
		return "; or the account's id is wrong: check " + accountIDSetting
	}
	return ""
}

// credentialRemedy returns what to do about refused credentials.
func (a answer) credentialRemedy() string {
	if remedy := a.vendorRemedy(); remedy != "" {
		return remedy
	}
	return credentialsRemedy + a.accountHint(credentialsRemedy)
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
