package fetchrecording

import (
	"time"

	"github.com/callvault/callvault/internal/status"
	"github.com/callvault/callvault/workflows"
	"github.com/callvault/callvault/workflows/callbudget"
)

// The activities that a fetch schedules, by the names that are recorded in histories.
const (
	// FindArchived reads the session's manifest, verifies the objects that it
	// names, and returns where the bot's work is done.
	FindArchived = "FindArchived"
	// FindArchivedHere does the same as a local activity of the worker that runs the
	// workflow, if that one serves the bot and its store responds at once.
	FindArchivedHere = "FindArchivedHere"
	// MintToken waits for a call slot of the bot's budget, and mints the token for
	// that one request.
	MintToken = "MintToken"
	// CheckStatus calls the vendor's API for the recording's status.
	CheckStatus = "CheckStatus"
	// DownloadRecording streams one file into the archive, and may write the proof of
	// the outcome.
	DownloadRecording = "DownloadRecording"
	// WriteManifest writes the proof of the outcome.
	WriteManifest = "WriteManifest"
)

// SealedText is ciphertext that only a worker can open. Tokens and media URLs
// cross the history in this form alone.
type SealedText string

// FindArchivedInput names the session to look up.
type FindArchivedInput struct {
	workflows.Session

	// BatchID is the batch that the fetch belongs to, if any, and Level is the level of its
	// first check. The queue in which that check waits follows from both.
	BatchID string `json:"batchId,omitempty"`
	Level   int    `json:"level,omitempty"`
}

// FindArchivedResult holds what the session's manifest says, or nil if it has
// none.
type FindArchivedResult struct {
	// Place is nil in the results of workers that knew no accounts.
	Place *Place `json:"place,omitempty"`

	Result *workflows.FetchResult `json:"result,omitempty"`

	// ETag is the manifest's, with which it can be replaced.
	ETag string `json:"etag,omitempty"`

	// Damaged are the keys of the manifest's objects that are missing or changed.
	Damaged []string `json:"damaged,omitempty"`

	// Before are the files that a damaged session had when it was archived; the
	// keys in Damaged are of these then.
	Before []workflows.Recording `json:"before,omitempty"`
}

// FindArchivedHereResult is the result of FindArchived if it is known; otherwise the
// workers that serve the bot have to be asked.
type FindArchivedHereResult struct {
	Known bool `json:"known"`
	FindArchivedResult
}

// recordings are the files that the keys in Damaged belong to.
func (r *FindArchivedResult) recordings() []workflows.Recording {
	if r.Before != nil {
		return r.Before
	}
	return r.Result.Recordings
}

// MintTokenInput names the bot against whose budget the token's one call counts.
type MintTokenInput struct {
	BotID string `json:"botId"`

	// Level says how urgent the call is, see package callbudget; 0 is the last.
	Level int `json:"level,omitempty"`

	// BatchID is the batch that the fetch belongs to, if any.
	BatchID string `json:"batchId,omitempty"`

	// Suspect: the fetch's last call needed operator action or was refused by rate.
	Suspect bool `json:"suspect,omitempty"`

	// Front: somebody asked for this call, by checkNow.
	Front bool `json:"front,omitempty"`
}

// MintTokenResult is a token, sealed for the workflow that asked for it.
type MintTokenResult struct {
	Token     SealedText `json:"token"`
	ExpiresAt time.Time  `json:"expiresAt"`

	// Slot is the call slot that the token is for.
	Slot *callbudget.Slot `json:"slot,omitempty"`
}

// CheckStatusInput is one call of the vendor's API and the token it spends.
type CheckStatusInput struct {
	workflows.Session
	UserID string     `json:"userId,omitempty"`
	Token  SealedText `json:"token"`

	// Slot is the call slot that the token is for.
	Slot *callbudget.Slot `json:"slot,omitempty"`

	// Archived maps the sources of the call's files that have a name in the
	// archive to these names.
	Archived map[string]string `json:"archived,omitempty"`
}

// CheckStatusResult is the vendor's response and what it means.
type CheckStatusResult struct {
	// Status is what the vendor sent, known or not.
	Status string `json:"status"`
	status.Meaning

	// Files are what there is to download if the action is status.Download.
	Files []RemoteFile `json:"files,omitempty"`
}

// RemoteFile is one file of a call at the media server.
type RemoteFile struct {
	// FileName is the vendor's name of the file.
	FileName string `json:"fileName"`

	// ObjectName is the safe name of the object in the archive.
	ObjectName string `json:"objectName"`

	// Source tells the files of one call apart, over several checks.
	Source string `json:"source"`

	// URL is the signed media URL, sealed.
	URL SealedText `json:"url"`
}

// DownloadRecordingInput is one file to archive.
type DownloadRecordingInput struct {
	workflows.Session
	File RemoteFile `json:"file"`

	// Replaces is the ETag of the manifest that the fetch may replace.
	Replaces string `json:"replaces,omitempty"`

	// Waited: the fetch has waited since it looked for a manifest.
	Waited bool `json:"waited,omitempty"`
	// Again: another download of the file has failed, and may have left something.
	Again bool `json:"again,omitempty"`
	// Resume is where that one ended, if it can be continued.
	Resume SealedText `json:"resume,omitempty"`

	// Manifest, if set, is written once the file is in the archive: with its recording,
	// and with the time of that as the end of the fetch.
	Manifest *WriteManifestInput `json:"manifest,omitempty"`
}

// DownloadRecordingResult is the file as it is in the archive.
type DownloadRecordingResult struct {
	workflows.Recording

	// Written is what the archive says of the session, if the manifest was to be written
	// too. It is nil if that failed: WriteManifest tries it again.
	Written *WriteManifestResult `json:"written,omitempty"`
}

// DownloadProgress is the detail of DownloadRecording's heartbeats: something to show, and
// a hint where to continue.
type DownloadProgress struct {
	FileName string `json:"fileName"`
	Bytes    int64  `json:"bytes"`
	// Total is -1 while it is not known.
	Total int64 `json:"total"`
	// Resume is where another attempt may continue, sealed.
	Resume SealedText `json:"resume,omitempty"`
}

// WriteManifestInput is the outcome to prove.
type WriteManifestInput struct {
	Result  workflows.FetchResult `json:"result"`
	BatchID string                `json:"batchId,omitempty"`

	// Unfinished are the object names of files whose download did not succeed:
	// what it may have left is removed.
	Unfinished []string `json:"unfinished,omitempty"`

	// Evidence are the statuses that the vendor sent.
	Evidence []status.Evidence `json:"evidence,omitempty"`

	// Replaces is the ETag of the manifest that this one may replace.
	Replaces string `json:"replaces,omitempty"`
}

// WriteManifestResult is what the archive now says of the session: the given
// outcome, or the one that another fetch had written before.
type WriteManifestResult struct {
	Result workflows.FetchResult `json:"result"`
}

// FailureDetail is the detail of an activity's error.
type FailureDetail struct {
	// RetryAfter is how long the other side asks to wait, in nanoseconds.
	RetryAfter time.Duration `json:"wait"`

	// Resume is where another download may continue, sealed.
	Resume SealedText `json:"resume,omitempty"`
}
