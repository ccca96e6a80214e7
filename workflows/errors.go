package workflows

import "time"

// The types of the ApplicationErrors that callvault's activities and
// workflows fail with.
const (
	// ErrorTypeInvalidInput: the request cannot be carried out as it stands.
	// The workflow fails with it.
	ErrorTypeInvalidInput = "InvalidInput"
	// ErrorTypeBotNotServed: the installation has no credentials for the bot.
	// The workflow fails with it.
	ErrorTypeBotNotServed = "BotNotServed"
	// ErrorTypeRejected: the upstream calls the request itself wrong, which no
	// retry mends. The workflow fails with it.
	ErrorTypeRejected = "Rejected"

	// ErrorTypeBlocked: nothing can go on before a person mends something; the
	// message says what. The workflow parks.
	ErrorTypeBlocked = "Blocked"
	// ErrorTypeRateLimited: the upstream's call budget is spent. The error's
	// detail is a [RateLimit].
	ErrorTypeRateLimited = "RateLimited"
	// ErrorTypeTransient: the upstream or its media server is out of order at
	// the moment.
	ErrorTypeTransient = "Transient"
	// ErrorTypeTokenStale: the token could no longer be used; mint another.
	ErrorTypeTokenStale = "TokenStale"
	// ErrorTypeMediaRefused: the media URL is expired or refused; only a new
	// check yields another.
	ErrorTypeMediaRefused = "MediaRefused"
	// ErrorTypeMediaInvalid: what came from the media URL is no whole
	// recording.
	ErrorTypeMediaInvalid = "MediaInvalid"
	// ErrorTypeArchiveBlocked: the store refuses in a way that a person has to
	// mend. The workflow parks and asks the upstream nothing meanwhile.
	ErrorTypeArchiveBlocked = "ArchiveBlocked"
	// ErrorTypeAlreadyArchived: another fetch has written the session's manifest
	// meanwhile. The workflow answers with what that says.
	ErrorTypeAlreadyArchived = "AlreadyArchived"
	// ErrorTypeArchiveUnavailable: the store is out of order at the moment.
	ErrorTypeArchiveUnavailable = "ArchiveUnavailable"
	// ErrorTypeArchiveChanged: an object is not what was put there, so the
	// manifest was not written.
	ErrorTypeArchiveChanged = "ArchiveChanged"
)

// RateLimit is the detail of an [ErrorTypeRateLimited].
type RateLimit struct {
	// Wait is how long to stay away, in nanoseconds.
	Wait time.Duration `json:"wait"`
}
