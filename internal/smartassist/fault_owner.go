package smartassist

import (
	"net/http"
	"regexp"
	"slices"
	"strings"
)

// sessionStatuses are the HTTP statuses that may concern one session. The vendor
// documents no response for a session that the API does not know; that it is
// one of these, with the API's own error body, is inferred.
var sessionStatuses = []int{http.StatusForbidden, http.StatusNotFound, http.StatusConflict, http.StatusGone}

// The texts that are searched in a lower-case message. A text that is mistaken
// for one about the installation blocks a fetch until an operator has read it.
// The opposite mistake ends fetches that could have been archived. So in doubt
// these patterns match.
var (
	// The rate-limit texts of public clients all contain "rate limit"; the
	// others are inferred.
	rateLimitPattern = anyOf(`rate.?limit`, `too many (requests|calls)`, `throttl`)

	// "Invalid SDK credentials", "Invalid JWT token", "Permission denied. Scope
	// is incorrect!" and "error verifying the jwt: …" were received by public
	// clients; the others are inferred.
	credentialPattern = anyOf(
		`credential`, `token`, `jwt`, `jwe`, `\bjti\b`, `signature`, `secret`, `api[ _]?key`, `client[ _]?id`,
		`\bapp(s|[ _]?ids?)?\b`, `application`,
		`scope`, `permission`, `permitted`, `privilege`, `auth`, `forbidden`, `denied`, `not allowed`, `\baccess\b`,
		`\blog[ -]?in\b`, `\bsign[ -]?in\b`, `session (has |is )?(expired|timed out)`,
		`licen[cs]e`, `subscription`, `\bplan\b`, `quota`,
		`\bip\b`, `white[ -]?list`, `allow[ -]?list`, `firewall`, `captcha`, `blocked`,
	)

	// The one reason to be blocked that is the recording's.
	retentionPattern = regexp.MustCompile(`\bblocked (by|due to|under|for)( an?| the| its)?( \w+)? retention\b`)

	// A text about a condition that passes without anyone's action; inferred.
	passingPattern = anyOf(
		`try (again|later)`, `please retry`, `temporar`, `\bnot ready`, `\byet\b`,
		`maintenance`, `internal( server)? error`, `overload`, `\bbusy\b`, `concurrent`, `time-?out`, `timed out`,
		`in progress`, `(being|still) process`, `still active`,
	)

	// A text about the bot, the stream or the account; inferred, since the API
	// responds to an unknown bot with 401 and "Invalid SDK credentials".
	placePattern = regexp.MustCompile(`\b(bot|stream|account|tenant|workspace|organi[sz]ation)(s|[ _]?ids?)?\b`)

	// It is about the session after all if it says so before it names a place:
	// "Session not found for bot …", "Recordings not found for botId …".
	unknownSessionPattern = anyOf(
		`\b(no|such|unknown|invalid) (session|conversation|call)`,
		`\b(session|conversation|call)[^.]{0,60}(not found|not be found|not exist|n't exist|unknown|no longer|deleted|purged)`,
		`\bno (such )?(call |voice )?(recording|media|data)s?( files?)?( (was|were|is|are|could be))? (found|available|stored|exists?|for|of|in|on|with)\b`,
		`\b(recording|media|data)s?\b[^.]{0,60}(not found|not be found|not exist|n't exist|no longer (available|exist|stored|there))`,
		`\b(recording|media|data)s?( files?)?( (is|are|was|were|has been|have been))? (unknown|deleted|purged|removed|gone)\b`,
	)

	// Or if it says so of the recording after the place, and does not object to
	// anything else before: "For botId … no recordings found".
	noRecordingPattern = anyOf(
		`\bno (such )?(call |voice )?(recording|media|data)s?( files?)?( (was|were|is|are|could be))? (found|available|stored|exists?)\b`,
		`\b(recording|media)s?( files?)? ((is|are|was|were|has been|have been|could|can|does|do|did) ?)?(not found|not be found|not exist|n't exist|deleted|purged|removed)\b`,
	)
	negationPattern = anyOf(`\bnot?\b`, `n't\b`, `unknown`, `invalid`, `missing`, `wrong`, `incorrect`, `disabled`, `deleted`, `suspended`, `expired`)

	// A text about the address that was requested, or of a proxy; inferred.
	addressPattern = anyOf(
		`\bcannot (get|head|post)\b`, `\broutes?\b`, `endpoint`, `\bhost(name)?\b`, `upstream`, `gateway`, `backend`, `proxy`,
		`\bapis?\b`, `\bmethod\b`, `deprecated`,
	)

	// The same in {"error": "…"}, a form that is not the vendor's alone.
	genericPattern = anyOf(`resource`, `\bpage\b`, `\bpath\b`, `\bur[il]\b`, `\bservice\b`)
)

func anyOf(patterns ...string) *regexp.Regexp {
	return regexp.MustCompile(strings.Join(patterns, "|"))
}

// isRateLimit reports whether the call budget is spent, by the status or by the
// text alone.
func (a answer) isRateLimit() bool {
	return a.status == http.StatusTooManyRequests || rateLimitPattern.MatchString(a.text)
}

// concernsSession reports whether the API itself responded, and says that it has
// nothing for this session. Everything else concerns the installation: its
// credentials, its bot, its address, or something between it and the API.
func (a answer) concernsSession() bool {
	if !slices.Contains(sessionStatuses, a.rules) || a.error.form == noEnvelope || a.isRateLimit() {
		return false
	}
	return !a.isPassing() && !a.namesCredentials() && !a.namesPlace() && !a.namesAddress()
}

// isPassing reports whether the API itself responded with one of the
// sessionStatuses, and describes a condition that passes: the response says
// nothing final about the session, and needs no operator action either.
func (a answer) isPassing() bool {
	return slices.Contains(sessionStatuses, a.rules) && a.error.form != noEnvelope && !a.isRateLimit() &&
		!a.namesCredentials() && passingPattern.MatchString(a.text)
}

func (a answer) namesCredentials() bool {
	return a.error.refusesCredentials || credentialPattern.MatchString(retentionPattern.ReplaceAllString(a.text, ""))
}

func (a answer) namesPlace() bool {
	place := placePattern.FindStringIndex(a.text)
	if place == nil || unknownSessionPattern.MatchString(a.text[:place[0]]) {
		return false
	}
	noRecording := noRecordingPattern.FindStringIndex(a.text)
	return noRecording == nil || negationPattern.MatchString(a.text[:noRecording[0]])
}

func (a answer) namesAddress() bool {
	if addressPattern.MatchString(a.text) {
		return true
	}
	if a.error.form != errorText {
		return false
	}
	// {"error": "Not Found"} is what web frameworks write about a route that
	// they do not have.
	onlyPhrases := !slices.ContainsFunc(a.error.texts, func(text string) bool { return !isStatusPhrase(text) })
	return onlyPhrases || genericPattern.MatchString(a.text)
}

// isStatusPhrase reports whether text only names an HTTP status.
func isStatusPhrase(text string) bool {
	return slices.ContainsFunc(sessionStatuses, func(code int) bool {
		return strings.EqualFold(strings.Trim(text, " .!"), http.StatusText(code))
	})
}
