package smartassist

import "strings"

// remedyFor returns what to do about refused credentials.
func remedyFor(text string) string {
	switch {
	case strings.Contains(text, "scope"):
		return `grant the JWT app the scope "SmartAssist Recordings" and publish the bot`
	case strings.Contains(text, "replay"):
		return "a token was used twice: check for another client that shares the JWT app, or for a proxy that repeats requests"
	case strings.Contains(text, "error verifying the jwt"):
		return `the app's "Enforce JTI" rules refuse the token: check this machine's clock, and that the app signs with HS256`
	case strings.Contains(text, "invalid jwt token"):
		return "the token arrived corrupted: check for a proxy that alters the header \"auth\""
	default:
		return "check SMARTASSIST_CLIENT_ID, SMARTASSIST_CLIENT_SECRET and that the JWT app belongs to this bot"
	}
}
