package workflows

import "time"

// The names of the activities, as they stand in histories.
const (
	// ActivityFindArchived looks for a manifest of the session and refuses a
	// bot that this installation does not serve.
	ActivityFindArchived = "FindArchived"
	// ActivityMintToken mints a token for one request. It runs on the bot's
	// limited queue: a minted token is the permit for one call.
	ActivityMintToken = "MintToken"
	// ActivityCheckStatus asks the upstream for the recording's status.
	ActivityCheckStatus = "CheckStatus"
	// ActivityDownloadRecording streams one file into the archive.
	ActivityDownloadRecording = "DownloadRecording"
	// ActivityWriteManifest writes the proof of the outcome.
	ActivityWriteManifest = "WriteManifest"
)

// SealedText is ciphertext that only a worker can open. Tokens and media URLs
// cross the history in this form alone.
type SealedText string

// FindArchivedInput names the session to look for.
type FindArchivedInput struct {
	BotID     string `json:"botId"`
	SessionID string `json:"sessionId"`
}

// FindArchivedResult holds what the session's manifest says, or nil if it has
// none.
type FindArchivedResult struct {
	Result *FetchResult `json:"result,omitempty"`
}

// MintTokenInput names the bot whose budget the token's one call is counted
// against.
type MintTokenInput struct {
	BotID string `json:"botId"`
}

// MintTokenResult is a token, sealed for the workflow that asked for it.
type MintTokenResult struct {
	Token     SealedText `json:"token"`
	ExpiresAt time.Time  `json:"expiresAt"`
}

// CheckStatusInput is one call of the upstream and the token it spends.
type CheckStatusInput struct {
	BotID     string     `json:"botId"`
	SessionID string     `json:"sessionId"`
	UserID    string     `json:"userId,omitempty"`
	Token     SealedText `json:"token"`
}

// Verdict is what a status means for the fetch. It is part of the activity's
// result, so that a later change of mind about a status alters no running
// history.
type Verdict string

// The verdicts.
const (
	// VerdictArchive: the files are there, download them.
	VerdictArchive Verdict = "archive"
	// VerdictPoll: not yet; look again with backoff.
	VerdictPoll Verdict = "poll"
	// VerdictRetryNextDay: not yet; look again after partialRetryAfter.
	VerdictRetryNextDay Verdict = "retry_next_day"
	// VerdictFinal: it will never be there.
	VerdictFinal Verdict = "final"
)

// CheckStatusResult is the upstream's answer and what it means.
type CheckStatusResult struct {
	// Status is the upstream's word, known or not.
	Status  string  `json:"status"`
	Verdict Verdict `json:"verdict"`

	// Phase is where a fetch stands that waits because of this status.
	Phase Phase `json:"phase,omitempty"`

	// Outcome is how the fetch ends if the verdict is final.
	Outcome Outcome `json:"outcome,omitempty"`

	// Meaning explains the status in words.
	Meaning string `json:"meaning"`

	// MinWait is the least wait that the vendor advises before the next look,
	// within the bounds of the policy. In nanoseconds; 0 for none.
	MinWait time.Duration `json:"minWait,omitempty"`

	// Files are what there is to download if the verdict is archive.
	Files []RemoteFile `json:"files,omitempty"`
}

// RemoteFile is one file of a call at the media server.
type RemoteFile struct {
	// FileName is the vendor's name of the file.
	FileName string `json:"fileName"`

	// ObjectName is the safe name under which it will lie in the archive.
	ObjectName string `json:"objectName"`

	// Source tells the files of one call apart, over several checks.
	Source string `json:"source"`

	// URL is the signed media URL, sealed.
	URL SealedText `json:"url"`
}

// DownloadRecordingInput is one file to archive.
type DownloadRecordingInput struct {
	BotID     string     `json:"botId"`
	SessionID string     `json:"sessionId"`
	File      RemoteFile `json:"file"`
}

// DownloadProgress is the detail of DownloadRecording's heartbeats: something
// to show, never something to resume from.
type DownloadProgress struct {
	FileName string `json:"fileName"`
	Bytes    int64  `json:"bytes"`
	// Total is -1 while it is not known.
	Total int64 `json:"total"`
}

// WriteManifestInput is the outcome to prove.
type WriteManifestInput struct {
	Result  FetchResult `json:"result"`
	BatchID string      `json:"batchId,omitempty"`

	// Unfinished are the safe names of files whose download did not succeed:
	// what it may have left behind has to go.
	Unfinished []string `json:"unfinished,omitempty"`
}

// WriteManifestResult is what the archive now says of the session: the given
// outcome, or the one that another fetch had written before.
type WriteManifestResult struct {
	Result FetchResult `json:"result"`
}
