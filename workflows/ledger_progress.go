package workflows

import "time"

// LedgerProgress is the result of the query [QueryProgress] of an archive's ledger. Times
// are in UTC.
type LedgerProgress struct {
	// Log names the archive whose log it is.
	Log string `json:"log"`

	// Entries is how many the log has, as far as this run knows: 0 before it wrote any.
	Entries int64 `json:"entries"`

	// Waiting are entries that are not in the log yet.
	Waiting int `json:"waiting"`

	// Blocked says why the log cannot be written; empty if it can.
	Blocked string    `json:"blocked,omitempty"`
	Since   time.Time `json:"since,omitzero"`
}
