package smartassist

import (
	"net/http"
	"net/url"
)

// endpoint is one operation of the API, about one bot.
type endpoint struct {
	method string
	// path follows the bot's id, or the account's if the endpoint is the account's.
	path string
	// ofAccount reports whether the path names the account, and headers name it and the bot.
	ofAccount bool
	// scope is the one that the JWT app needs, as the console shows it.
	scope string
	// arguments are what to check if the API rejects the request as invalid.
	arguments string
	// personal reports whether its body holds data of persons beyond the ids that
	// were asked for, so that no part of a body is shown.
	personal bool
	// maxBytes bounds the response; maxResponseBytes if it is 0.
	maxBytes int64
}

var (
	// recordings is the vendor's "Fetch Call Recording (Version 2)".
	recordings = endpoint{method: http.MethodGet, path: "/v2/recordings", scope: "SmartAssist Recordings", arguments: "botId, sessionId and userId"}

	// sessionList is the vendor's "Sessions History". Its rows hold users' ids, and
	// telephone numbers in their tags.
	sessionList = endpoint{method: http.MethodPost, path: "/getSessions", scope: "Bot Sessions", arguments: "botId and the session ids", personal: true}

	// sessionPages is the same one, asked for the sessions of a time.
	sessionPages = endpoint{method: http.MethodPost, path: "/getSessions", scope: "Bot Sessions", arguments: "botId and the times", personal: true, maxBytes: maxPageBytes}

	// interactionDetails is the vendor's "Get All Conversations Data – Call Details", version 2. Its rows hold names,
	// addresses and telephone numbers.
	interactionDetails = endpoint{method: http.MethodPost, path: "/v2/interactionDetails", ofAccount: true, scope: "SmartAssist Analytics",
		arguments: accountIDSetting + ", botId and the times", personal: true, maxBytes: maxPageBytes}

	// voicemail is the vendor's "Fetch Voicemail Recording".
	voicemail = endpoint{method: http.MethodGet, path: "/voicemail", scope: "SmartAssist Voicemail", arguments: "botId and sessionId", personal: true}

	// conversationHistory is version 2 of the vendor's "Conversation History". Its messages are
	// what was said.
	conversationHistory = endpoint{method: http.MethodPost, path: "/getMessagesV2", scope: "Chat History", arguments: "botId, sessionId and the times",
		personal: true, maxBytes: MaxMessageBytes}
)

// The paths that end with the id of a bot or of an account.
const (
	botPath     = "/api/public/bot/"
	accountPath = "/agentassist/api/public/analytics/account/"
)

// path returns the path of the call below the base URL, plain and escaped. An id stays one segment of it.
func (c call) path() (plain, escaped string) {
	prefix, id := botPath, c.botID
	if c.endpoint.ofAccount {
		prefix, id = accountPath, c.accountID
	}
	return prefix + id + c.endpoint.path, prefix + url.PathEscape(id) + c.endpoint.path
}
