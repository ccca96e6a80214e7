// Package metric has the names of callvault's own metrics and of their labels, as they are
// recorded. Prometheus shows a counter with the suffix _total and a duration with _seconds.
// No label has an id of a session, a bot or a person. docs/metrics.md describes them.
package metric

// The counters.
const (
	// Fetches counts the fetches that ended, by [Account] and [Outcome].
	Fetches = "callvault_fetches"
	// Checks counts the status checks, by [Account], [Status] and [Code].
	Checks = "callvault_checks"
	// BudgetRefused counts the calls that the vendor refused by rate, by [Account].
	BudgetRefused = "callvault_budget_refused"
	// ArchivedBytes counts the bytes of recordings that were put into the archive, and
	// RefetchedBytes those that were downloaded and not kept, by [Account].
	ArchivedBytes  = "callvault_archived_bytes"
	RefetchedBytes = "callvault_refetched_bytes"
	// DaysSealed counts the revisions of days that were sealed, by [Account].
	DaysSealed = "callvault_days_sealed"
	// PurgeAlarm counts the alarms before the vendor purges a session, or the first one of
	// a day, by [Account] and [Days].
	PurgeAlarm = "callvault_purge_alarm"
)

// The durations.
const (
	// SlotWait is how long fetches waited for their call slot, by [Account] and [Urgency].
	SlotWait = "callvault_slot_wait"
	// Transfer is how long the download of one file into the archive took, by [Account].
	Transfer = "callvault_transfer"
)

// The gauges. All workers of a namespace report the same values.
const (
	// BudgetCalls are the calls in a rolling window of the fullest budget of an account, and
	// BudgetLimit what the window allows, by [Account] and [Window].
	BudgetCalls = "callvault_budget_calls"
	BudgetLimit = "callvault_budget_limit"
	// BudgetWaiting are the fetches that wait for a slot, by [Account] and [Priority].
	BudgetWaiting = "callvault_budget_waiting"
	// BudgetBlocked and BudgetPaused are the budgets of an account that are blocked or
	// paused, by [Account].
	BudgetBlocked = "callvault_budget_blocked"
	BudgetPaused  = "callvault_budget_paused"
	// FetchesRunning are the running fetches, and FetchesOldest is since when the oldest one
	// has been running, in seconds, by [Phase].
	FetchesRunning = "callvault_fetches_running"
	FetchesOldest  = "callvault_fetches_oldest"
	// BatchesRunning are the running batches.
	BatchesRunning = "callvault_batches_running"
	// DaysOpen are the days that are being archived, and DaysOldestOpen is since when the
	// oldest of them has been open, in seconds.
	DaysOpen       = "callvault_days_open"
	DaysOldestOpen = "callvault_days_oldest_open"
	// NearPurge are the running fetches whose session the vendor purges within
	// [NearPurgeDays] days.
	NearPurge = "callvault_sessions_near_purge"
	// Counted is when these gauges were counted last, in seconds since 1970.
	Counted = "callvault_counted"
)

// NearPurgeDays is how soon the vendor purges a session that counts as [NearPurge].
const NearPurgeDays = 7

// The labels.
const (
	// Account is the name of the configured account; empty if the fetch found its manifest before that was known.
	Account = "account"
	// Outcome is the outcome of a fetch.
	Outcome = "outcome"
	// Status is the vendor's status, [Other] if it is not known, or [None].
	Status = "status"
	// Code is the HTTP status code of a response, or [None].
	Code = "code"
	// Urgency says whether somebody may be waiting for the fetch: [Live] or [Backfill].
	Urgency = "urgency"
	// Days is how many days are left at the most.
	Days = "days"
	// Window is the span of a call window, such as "1m0s".
	Window = "window"
	// Priority is that of fetches, 1 to 5.
	Priority = "priority"
	// Phase is the phase of a fetch.
	Phase = "phase"
)

// Values of labels.
const (
	None     = "none"
	Other    = "other"
	Live     = "live"
	Backfill = "backfill"
)

// Labels returns the names of all labels.
func Labels() []string {
	return []string{Account, Outcome, Status, Code, Urgency, Days, Window, Priority, Phase}
}
