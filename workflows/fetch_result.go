package workflows

import "time"

// Outcome is how a fetch ended.
type Outcome string

// The outcomes. Every session has exactly one of them, and its manifest
// says which.
const (
	// OutcomeArchived: every file of the call is verified in the archive.
	OutcomeArchived Outcome = "archived"
	// OutcomeUnavailable: the vendor has no recording, and the call is old enough
	// for that to be final (see FetchPolicy.UnavailableSettlesAfter).
	OutcomeUnavailable Outcome = "unavailable"
	// OutcomeFailed: the vendor's status was failed, or another final status.
	OutcomeFailed Outcome = "failed"
	// OutcomeGaveUp: giveUpAfter or partialMaxRetries was spent, and the vendor
	// was asked once more after that.
	OutcomeGaveUp Outcome = "gave_up"
	// OutcomeDamaged: the session was archived, but objects of it are missing or
	// changed, and the vendor does not have them any more.
	OutcomeDamaged Outcome = "damaged"
	// OutcomeLostToRetention: the vendor deleted the recording before it could be
	// had. It has none, the account's retention has passed since the call, and it
	// never said that there was none while it should still have had one.
	OutcomeLostToRetention Outcome = "lost_to_retention"
)

// Outcomes returns every outcome.
func Outcomes() []Outcome {
	return []Outcome{OutcomeArchived, OutcomeUnavailable, OutcomeFailed, OutcomeGaveUp, OutcomeDamaged, OutcomeLostToRetention}
}

// ResultSource is where a result comes from.
type ResultSource string

// The sources of a result.
const (
	// SourceFetch: this fetch reached the outcome and wrote the manifest.
	SourceFetch ResultSource = "fetch"
	// SourceManifest: the session already had a manifest, written by an earlier
	// or a concurrent fetch.
	SourceManifest ResultSource = "manifest"
)

// FetchResult is what [FetchRecordingWorkflowName] returns, whatever the
// outcome.
type FetchResult struct {
	Session
	Outcome Outcome `json:"outcome"`

	// Source reports whether this fetch reached the outcome or found it in the
	// session's manifest.
	Source ResultSource `json:"source"`

	// Status is the vendor's last status, redacted and at most 300 bytes long.
	Status string `json:"status"`

	// Reason says in words why the outcome is not "archived"; empty if it is.
	Reason string `json:"reason"`

	// Recordings are the files in the archive, never null.
	Recordings []Recording `json:"recordings"`

	// Attachments are what belongs to the call beside its recordings, and LeftOut why
	// something is not among them that the account's configuration asks for.
	Attachments []Attachment `json:"attachments,omitempty"`
	LeftOut     []LeftOut    `json:"attachmentsLeftOut,omitempty"`

	// Manifest is where the proof of the outcome is stored.
	Manifest ObjectRef `json:"manifest"`

	// StatusChecks counts the calls of the vendor's API by the fetch that
	// reached the outcome, which began and ended at the times below.
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

	// StoreChecksum is the checksum that the store itself keeps of an object that was
	// uploaded in parts; of another one it keeps the SHA-256.
	StoreChecksum *StoreChecksum `json:"storeChecksum,omitempty"`

	// ContentType and Format were found by the file's first bytes.
	ContentType string `json:"contentType"`
	Format      string `json:"format"`

	// DeclaredContentType is what the media server declared; empty if nothing.
	DeclaredContentType string `json:"declaredContentType,omitempty"`

	// CallTime is when the session began, in UTC.
	CallTime time.Time `json:"callTime"`

	// Source tells the files of one call apart: a digest of the name and the
	// unsigned part of the URL. It is no credential.
	Source string `json:"source,omitempty"`

	// Remarks say what an auditor should know of the file: where its header or
	// what the media server declared differs from what was received, and how long
	// it plays. Each has at most 200 bytes.
	Remarks []string `json:"remarks,omitempty"`

	// Audio is what was found in the sound while it passed; nil for a format that is not
	// looked into.
	Audio *AudioFindings `json:"audio,omitempty"`

	// NoLongerListed reports that the vendor's last list of the call's files does
	// not have this one, which was archived before.
	NoLongerListed bool `json:"noLongerListed,omitempty"`
}

// StoreChecksum is a checksum that a store keeps of an object, as it returns it.
type StoreChecksum struct {
	// Algorithm is "CRC64NVME", over the object's bytes, or "SHA256", over the SHA-256 of
	// each of its parts.
	Algorithm string `json:"algorithm"`
	// Value is base64, with "-" and the number of parts if it is over parts.
	Value string `json:"value"`
	// PartBytes is the length of each part but the last.
	PartBytes int64 `json:"partBytes"`
}

// AudioFindings are facts on the sound of a recording: they tell a recording from a
// silent or a broken one. docs/archive.md says what is looked into.
type AudioFindings struct {
	// Encoding of the samples, such as "pcm_s16le", "pcm_mulaw" or "flac".
	Encoding string `json:"encoding"`
	Channels int    `json:"channels"`
	// SampleRate in Hz; 0 if the header states none that exists.
	SampleRate int `json:"sampleRate,omitempty"`
	// DurationSeconds is how long the samples last that came; 0 if that is not known.
	DurationSeconds float64 `json:"durationSeconds"`
	// Silence is the share of digital silence, 0 to 1, in each channel.
	Silence []float64 `json:"silence,omitempty"`
	// FLACMD5 says whether the samples of FLAC have the MD5 that its header states:
	// "match", "mismatch", "not stated" or "not checked".
	FLACMD5 string `json:"flacMd5,omitempty"`
	// FLACDecoding says how the decoding of FLAC ended: "complete", "cut", "failed", at
	// FLACFailsAtByte, or "not done".
	FLACDecoding    string `json:"flacDecoding,omitempty"`
	FLACFailsAtByte int64  `json:"flacFailsAtByte,omitempty"`
}
