package smartassist

import "net/http"

// endpoint is one operation of the API, about one bot.
type endpoint struct {
	method string
	// path follows the bot's id.
	path string
	// scope is the one that the JWT app needs, as the console shows it.
	scope string
	// arguments are what to check if the API rejects the request as invalid.
	arguments string
	// personal reports whether its body holds data of persons beyond the ids that
	// were asked for, so that no part of a body is shown.
	personal bool
}

var (
	// recordings is the vendor's "Fetch Call Recording (Version 2)".
	recordings = endpoint{method: http.MethodGet, path: "/v2/recordings", scope: "SmartAssist Recordings", arguments: "botId, sessionId and userId"}

	// sessionList is the vendor's "Sessions History". Its rows hold users' ids, and
	// telephone numbers in their tags.
	sessionList = endpoint{method: http.MethodPost, path: "/getSessions", scope: "Bot Sessions", arguments: "botId and the session ids", personal: true}
)
