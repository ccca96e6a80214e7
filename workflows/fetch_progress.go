package workflows

import "time"

// FetchPhase is the state of a fetch: one of those below or, at the end, the
// name of its outcome.
type FetchPhase string

// The phases of a running fetch.
const (
	PhaseChecking        FetchPhase = "checking"
	PhaseCallInProgress  FetchPhase = "call_in_progress"
	PhaseMediaInProgress FetchPhase = "media_in_progress"
	PhasePartialWait     FetchPhase = "partial_wait"
	PhaseBlocked         FetchPhase = "blocked"
	PhaseArchiving       FetchPhase = "archiving"
)

// FetchPhases returns the phases of a running fetch.
func FetchPhases() []FetchPhase {
	return []FetchPhase{PhaseChecking, PhaseCallInProgress, PhaseMediaInProgress, PhasePartialWait, PhaseBlocked, PhaseArchiving}
}

// FetchProgress is the result of the query [QueryProgress].
type FetchProgress struct {
	Phase FetchPhase `json:"phase"`

	// LastStatus is the vendor's last status, empty before the first response.
	LastStatus string `json:"lastStatus"`

	// StatusChecks counts the calls of the vendor's API so far.
	StatusChecks int `json:"statusChecks"`

	// NextCheckAt is when the current wait ends by itself; zero if the fetch
	// is not waiting.
	NextCheckAt time.Time `json:"nextCheckAt,omitzero"`

	// GiveUpAt is when the fetch makes its last check. The next answer after a
	// block moves it on by the time blocked.
	GiveUpAt time.Time `json:"giveUpAt"`

	// PurgeAt is when the vendor purges the session's recording; zero if its retention is
	// not known.
	PurgeAt time.Time `json:"purgeAt,omitzero"`

	// Reason says in words what the fetch waits for.
	Reason string `json:"reason,omitempty"`

	// FilesDone of Files are in the archive, BytesDone is their size. Files is
	// 0 until the vendor has named them.
	FilesDone int   `json:"filesDone"`
	Files     int   `json:"files"`
	BytesDone int64 `json:"bytesDone"`
}

// CheckNowResult is the result of the update [UpdateCheckNow].
type CheckNowResult struct {
	// EndedWait reports whether a wait was ended.
	EndedWait bool `json:"endedWait"`

	// Phase is the fetch's phase at the update.
	Phase FetchPhase `json:"phase"`

	// PlannedAt is when the wait would have ended by itself; zero if there was
	// none.
	PlannedAt time.Time `json:"plannedAt,omitzero"`

	// Message says the same in words.
	Message string `json:"message"`
}
