package workflows

import "time"

// DayPhase is the state of a day.
type DayPhase string

// The phases of a day.
const (
	// DayWaiting: the day is not over yet.
	DayWaiting DayPhase = "waiting"
	// DayListing: the vendor's lists are read.
	DayListing DayPhase = "listing"
	// DayFetching: sessions are fetched; the day waits until each has an outcome.
	DayFetching DayPhase = "fetching"
	// DaySettling: the lists are read again later, or manifests that have changed are looked
	// at. Most often every known session has an outcome by then; the others are calls that were
	// not over, or whose fetches were ended by somebody.
	DaySettling DayPhase = "settling"
	// DaySealing: the day's record is written, and entered into the log.
	DaySealing DayPhase = "sealing"
	// DayBlocked: something needs operator action; the day waits for it.
	DayBlocked DayPhase = "blocked"
	// DaySealed: the day's record is in the log.
	DaySealed DayPhase = "sealed"
)

// DayProgress is the result of the query [QueryProgress] of a day. Times are in UTC.
type DayProgress struct {
	Day
	Phase DayPhase `json:"phase"`

	// Reason says why the day is blocked.
	Reason string `json:"reason,omitempty"`
	// Since is when the phase began.
	Since time.Time `json:"since"`
	// NextListing is when the wait of the phase ends: the lists are read for the first time or
	// again, or what has changed is looked at. Zero without such a wait.
	NextListing time.Time `json:"nextListing,omitzero"`

	// Listings counts the readings of both lists.
	Listings int `json:"listings"`
	// Sessions are those that are known so far, and Open those of them whose calls were not
	// over when they were listed.
	Sessions int `json:"sessions"`
	Open     int `json:"open,omitempty"`
	// BatchID is the batch that fetches; empty if none does.
	BatchID string `json:"batchId,omitempty"`

	// Remarks say what is not as it should be, for example that a list was unavailable.
	Remarks []string `json:"remarks,omitempty"`

	// Sealed is the revision that was sealed last; nil if there is none.
	Sealed *SealedDay `json:"sealed,omitempty"`
}

// SealedDay is a revision of a day in the archive.
type SealedDay struct {
	Revision int       `json:"revision"`
	SealedAt time.Time `json:"sealedAt"`

	// Sessions are the rows, Outcomes what became of them.
	Sessions int             `json:"sessions"`
	Outcomes map[Outcome]int `json:"outcomes"`
	// Disagreeing are the sessions that not both lists had.
	Disagreeing int `json:"disagreeing,omitempty"`

	// Record and SHA256 are of the object r{n}.json.
	Record ObjectRef `json:"record"`
	SHA256 string    `json:"sha256"`

	// LogIndex is the place of the day's entry in the log, from 0; nil if it is not known to
	// be there.
	LogIndex *int64 `json:"logIndex,omitempty"`
}

// DayResult is what [ArchiveDayWorkflowName] returns. The workflow fails only where it could
// not begin, with [ErrorTypeInvalidInput], or if it is cancelled.
type DayResult struct {
	Day
	SealedDay

	// Unchanged reports that the day was sealed before, and nothing has changed since.
	Unchanged bool `json:"unchanged,omitempty"`

	StartedAt  time.Time `json:"startedAt"`
	FinishedAt time.Time `json:"finishedAt"`
}

// DaysResult is what [ArchiveDaysWorkflowName] returns, once the workflow of every day was
// started that has to be.
type DaysResult struct {
	// Started are days whose workflows were started, Sealed those that were sealed before.
	Started int `json:"started"`
	Sealed  int `json:"sealed"`
}
