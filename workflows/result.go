package workflows

import "time"

// Outcome is how a fetch ended.
type Outcome string

// The outcomes. Every session ends in exactly one of them, and its manifest
// says which.
const (
	// OutcomeArchived: every file of the call lies verified in the archive.
	OutcomeArchived Outcome = "archived"
	// OutcomeUnavailable: the vendor answered media_unavailable.
	OutcomeUnavailable Outcome = "unavailable"
	// OutcomeFailed: the vendor answered failed, or another final status.
	OutcomeFailed Outcome = "failed"
	// OutcomeGaveUp: giveUpAfter or partialMaxRetries was spent.
	OutcomeGaveUp Outcome = "gave_up"
)

// FetchResult is what [FetchRecordingWorkflow] answers, for good news and bad.
type FetchResult struct {
	BotID     string  `json:"botId"`
	SessionID string  `json:"sessionId"`
	Outcome   Outcome `json:"outcome"`

	// Status is the upstream's last status, in its own word.
	Status string `json:"status"`

	// Reason says in words why the outcome is not "archived"; empty if it is.
	Reason string `json:"reason"`

	// Recordings are the files in the archive, never null.
	Recordings []Recording `json:"recordings"`

	// Manifest is where the proof of the outcome lies.
	Manifest ObjectRef `json:"manifest"`

	// StatusChecks counts the calls of the upstream that this fetch has spent.
	StatusChecks int       `json:"statusChecks"`
	StartedAt    time.Time `json:"startedAt"`
	FinishedAt   time.Time `json:"finishedAt"`
}

// ObjectRef names an object in the archive.
type ObjectRef struct {
	Bucket string `json:"bucket"`
	Key    string `json:"key"`
}

// Recording is one file of a call in the archive.
type Recording struct {
	// FileName is the vendor's name of the file.
	FileName string `json:"fileName"`
	Bucket   string `json:"bucket"`
	Key      string `json:"key"`
	Bytes    int64  `json:"bytes"`

	// SHA256 is the hex digest of the bytes, computed as they streamed and
	// verified by the store.
	SHA256 string `json:"sha256"`

	// ContentType and Format were found by the file's first bytes.
	ContentType string `json:"contentType"`
	Format      string `json:"format"`

	// DeclaredContentType is what the media server said; empty if nothing.
	DeclaredContentType string `json:"declaredContentType,omitempty"`

	// CallTime is when the session began, in UTC.
	CallTime time.Time `json:"callTime"`

	// Source tells the files of one call apart: a digest of the name and the
	// unsigned part of the URL. It is no credential.
	Source string `json:"source,omitempty"`
}
