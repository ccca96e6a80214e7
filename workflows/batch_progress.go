package workflows

import "time"

// BatchPhase is the state of a batch.
type BatchPhase string

// The phases of a batch.
const (
	// BatchPreparing: the list of sessions is read and put into the order in which
	// the sessions are fetched.
	BatchPreparing BatchPhase = "preparing"
	// BatchLaunching: fetches are started, as fast as the call budget takes them.
	BatchLaunching BatchPhase = "launching"
	// BatchPaused: an operator has stopped the start of further fetches.
	BatchPaused BatchPhase = "paused"
	// BatchStopped: too many sessions were not archived, so no more are started until
	// an operator resumes or cancels the batch.
	BatchStopped BatchPhase = "stopped"
	// BatchBlocked: the list or the archive cannot be used until an operator acts.
	BatchBlocked BatchPhase = "blocked"
	// BatchWaiting: every fetch has been started, and some are running.
	BatchWaiting BatchPhase = "waiting"
	// BatchReporting: every fetch has ended, and the report is written.
	BatchReporting BatchPhase = "reporting"
	// BatchCancelling: fetches that wait are cancelled, and those that download end.
	BatchCancelling BatchPhase = "cancelling"
	// BatchDone: the report is in the archive.
	BatchDone BatchPhase = "done"
	// BatchCancelled: the same after a cancellation.
	BatchCancelled BatchPhase = "cancelled"
)

// BatchCounts are sessions of a batch by where they are.
type BatchCounts struct {
	// Sessions of the list, without the repeated ones.
	Sessions int `json:"sessions"`

	// Found had a manifest when their turn came, so they cost no call. They are not
	// among the others.
	Found int `json:"found"`

	// Launched are the fetches that the batch has started. Those that were running
	// already, started by somebody else, are among them, and are counted as Attached.
	Launched int `json:"launched"`
	Attached int `json:"attached,omitempty"`

	// NotReady had their turn, but their calls were not over, or have just ended. They
	// are asked for later.
	NotReady int `json:"notReady,omitempty"`

	// Running are the batch's fetches that have not ended, by phase.
	Running map[FetchPhase]int `json:"running,omitempty"`

	// Outcomes are those that have ended.
	Outcomes map[Outcome]int `json:"outcomes,omitempty"`

	// NoOutcome ended without one: cancelled, terminated or failed.
	NoOutcome int `json:"noOutcome,omitempty"`

	// Calls of the vendor's API that the fetches have spent.
	Calls int `json:"calls"`
}

// Ended counts the batch's fetches that have ended.
func (c BatchCounts) Ended() int {
	return c.NoOutcome + sum(c.Outcomes)
}

// sum adds numbers up, whose order makes no difference (see .workflowcheck.yaml).
func sum[K comparable](numbers map[K]int) int {
	total := 0
	for _, n := range numbers {
		total += n
	}
	return total
}

// Failures counts those that have ended otherwise than archived.
func (c BatchCounts) Failures() int { return c.Ended() - c.Outcomes[OutcomeArchived] }

// AllRunning counts the fetches that have not ended.
func (c BatchCounts) AllRunning() int {
	return sum(c.Running)
}

// Left counts the sessions that have not ended.
func (c BatchCounts) Left() int { return max(0, c.Sessions-c.Found-c.Ended()) }

// BatchProgress is the result of the query [QueryProgress] of a batch. Times are in UTC.
type BatchProgress struct {
	BatchID string     `json:"batchId"`
	Phase   BatchPhase `json:"phase"`

	// Reason says why the batch is paused, stopped or blocked, or what keeps its
	// fetches from getting call slots.
	Reason string `json:"reason,omitempty"`

	// Since is when the phase began.
	Since time.Time `json:"since"`

	BatchCounts

	// AsOf is when the fetches were counted.
	AsOf time.Time `json:"asOf,omitzero"`

	// Duplicates are rows of the list that repeat a session.
	Duplicates int `json:"duplicates,omitempty"`

	// PerHour is how many sessions ended in an hour, as of late; 0 while that is not
	// known.
	PerHour float64 `json:"perHour,omitempty"`

	// DoneAt is when the batch will be done at that rate; zero while that is not known.
	DoneAt time.Time `json:"doneAt,omitzero"`

	// Readiness says whether sessions of the last day are asked for only once their
	// calls are over, and if not, why.
	Readiness string `json:"readiness,omitempty"`

	// Failures are the last five sessions that were not archived, newest first.
	Failures []BatchFailure `json:"lastFailures,omitempty"`

	// Report is the report in the archive; nil before it is written.
	Report *ObjectRef `json:"report,omitempty"`

	StartedAt time.Time `json:"startedAt"`
}

// BatchFailure is a session of a batch that was not archived.
type BatchFailure struct {
	WorkflowID string `json:"workflowId"`
	// Outcome is empty if the fetch has none; Status is then how its workflow ended.
	Outcome Outcome   `json:"outcome,omitempty"`
	Status  string    `json:"status,omitempty"`
	At      time.Time `json:"at"`
}

// BatchChange is the input of the updates [UpdatePause] and [UpdateResume] of a batch.
type BatchChange struct {
	// Reason is shown: at most 200 bytes. Defaults to none.
	Reason string `json:"reason,omitempty"`
}

// UnmarshalJSON decodes the change strictly.
func (c *BatchChange) UnmarshalJSON(data []byte) error {
	type plain BatchChange
	return decodeStrictly(data, (*plain)(c))
}

// Validate reports what is wrong with the change.
func (c BatchChange) Validate() error {
	if c.Reason == "" {
		return nil
	}
	return validateReason(c.Reason)
}

// BatchResult is what [FetchRecordingsBatchWorkflowName] returns. The workflow fails only
// where it could not begin: with [ErrorTypeInvalidInput].
type BatchResult struct {
	BatchID string `json:"batchId"`

	// Phase is BatchDone or BatchCancelled.
	Phase BatchPhase `json:"phase"`

	// Total is what the report counts: every session of the list.
	Total ReportTotal `json:"total"`

	// Duplicates are rows of the list that repeat a session.
	Duplicates int `json:"duplicates,omitempty"`

	// Report is the report in the archive, as CSV.
	Report ObjectRef `json:"report"`

	StartedAt  time.Time `json:"startedAt"`
	FinishedAt time.Time `json:"finishedAt"`
}

// ReportTotal is what a report counts in its rows.
type ReportTotal struct {
	// Sessions are the rows.
	Sessions int `json:"sessions"`
	// Outcomes are those that have a manifest.
	Outcomes map[Outcome]int `json:"outcomes"`
	// NoOutcome are the others.
	NoOutcome int `json:"noOutcome"`
	// Files and Bytes are in the archive.
	Files int   `json:"files"`
	Bytes int64 `json:"bytes"`
	// Calls of the vendor's API, as far as the manifests tell.
	Calls int `json:"calls"`
}
