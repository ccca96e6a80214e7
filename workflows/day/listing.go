package day

// The activities that list a day, by the names that are recorded in histories.
const (
	// ListInteractions lists it from the vendor's list of interactions, interactionDetails, which needs the account's id and the scope
	// SmartAssist Analytics.
	ListInteractions = "ListInteractions"
	// ListSessions lists it from the vendor's session list, getSessions, which needs the scope Bot Sessions.
	ListSessions = "ListSessions"
)

// ListInput is a day of a bot to list. An attempt goes on behind the windows that are in the folder.
//
// The activity runs on [ListTaskQueue], beats at least every 8 seconds, and takes a second for each of its calls if the
// budget is the usual one: a day of 50,000 calls some 530. Its errors are retried by Temporal, except for those of invalid
// input, of a bot that the worker does not serve, and of an archive that needs operator action.
type ListInput struct {
	// BotID is the bot's stream id. Required.
	BotID string `json:"botId"`

	// Date is the day in UTC, such as "2026-11-20": the calls whose ids' times are in it. Required.
	Date string `json:"date"`

	// Folder begins the keys of the objects that are written, which daylist.ReadRows reads, and ends with a slash: at most 512
	// bytes. They are personal data, and working files, which a lifecycle rule removes. Each listing of a day
	// needs a folder of its own. Required.
	Folder string `json:"folder"`

	// HintsFolder is the folder of a listing by [ListSessions] of the same day, which may be the same one: with the times at
	// which its calls began, [ListInteractions] takes fewer calls. Defaults to none.
	HintsFolder string `json:"hintsFolder,omitempty"`
}

// ListResult is what was listed.
type ListResult struct {
	// Sessions are the calls of the day, each once, and Open those of them that are not closed.
	Sessions int `json:"sessions"`
	Open     int `json:"open,omitempty"`

	// OtherChannels are sessions of the day that are no calls, OtherBots the rows of other bots of the account, and Unusable
	// those without a valid session id, of which Incomplete tells as well.
	OtherChannels int `json:"otherChannels,omitempty"`
	OtherBots     int `json:"otherBots,omitempty"`
	Unusable      int `json:"unusable,omitempty"`

	// Calls are the calls of the vendor's API that were spent, by all attempts.
	Calls int `json:"calls"`

	// Incomplete says what could not be listed, with numbers and without ids: at most 20 texts of at most 200 bytes. Empty if
	// all was listed that the list shows.
	Incomplete []string `json:"incomplete,omitempty"`

	// Unavailable says why the list cannot be used, and what to do about it: the account's id is not configured, or the vendor
	// refuses the app. Then nothing else counts.
	Unavailable string `json:"unavailable,omitempty"`
}
