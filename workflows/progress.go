package workflows

import "time"

// Phase says where a fetch stands: one of those below or, at the end, its
// outcome's name.
type Phase string

// The phases of a running fetch.
const (
	PhaseChecking        Phase = "checking"
	PhaseCallInProgress  Phase = "call_in_progress"
	PhaseMediaInProgress Phase = "media_in_progress"
	PhasePartialWait     Phase = "partial_wait"
	PhaseBlocked         Phase = "blocked"
	PhaseArchiving       Phase = "archiving"
)

// Progress is the answer to the query [QueryProgress].
type Progress struct {
	Phase Phase `json:"phase"`

	// LastStatus is the upstream's last status, empty before the first answer.
	LastStatus string `json:"lastStatus"`

	// StatusChecks counts the calls of the upstream so far.
	StatusChecks int `json:"statusChecks"`

	// NextCheckAt is when the wait in course ends by itself; zero if the fetch
	// is not waiting.
	NextCheckAt time.Time `json:"nextCheckAt,omitzero"`

	// GiveUpAt is when the fetch gives up at the latest. It moves on while the
	// fetch is blocked.
	GiveUpAt time.Time `json:"giveUpAt"`

	// Reason says in words what the fetch waits for.
	Reason string `json:"reason,omitempty"`

	// FilesDone of Files are in the archive, BytesDone is their size. Files is
	// 0 until the upstream has named them.
	FilesDone int   `json:"filesDone"`
	Files     int   `json:"files"`
	BytesDone int64 `json:"bytesDone"`
}

// CheckNowResult is the answer to the update [UpdateCheckNow].
type CheckNowResult struct {
	// EndedWait tells whether a wait was ended.
	EndedWait bool `json:"endedWait"`

	// Phase is where the fetch stood.
	Phase Phase `json:"phase"`

	// PlannedAt is when the wait would have ended by itself; zero if there was
	// none.
	PlannedAt time.Time `json:"plannedAt,omitzero"`

	// Message says the same in words.
	Message string `json:"message"`
}
