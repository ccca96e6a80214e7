package dayrecord

import (
	"time"

	"github.com/callvault/callvault/internal/status"
	"github.com/callvault/callvault/workflows"
)

// The vendor's lists of sessions, as rows and listings name them.
const (
	// GetSessions is the list of a bot's sessions, "Sessions History" (vendor docs).
	GetSessions = "getSessions"
	// InteractionDetails is the list of an account's interactions (vendor docs).
	InteractionDetails = "interactionDetails"
)

// MaxRowBytes bounds a row: one of a session with a thousand files has 300 kB.
const MaxRowBytes = 1 << 20

// Row is what became of one session of the day. It has no personal data; that of the user
// is a keyed hash.
type Row struct {
	workflows.Session

	// CallTime is when the call began, in UTC.
	CallTime time.Time `json:"callTime"`

	// ListedBy are the lists that had the session, in ascending order; never null. Empty if
	// it is known from the archive or from an earlier revision alone.
	ListedBy []string `json:"listedBy"`

	Outcome workflows.Outcome `json:"outcome"`
	// Status is the vendor's last one.
	Status string `json:"status"`

	// Manifest is the session's as it was when the day was sealed.
	Manifest Object `json:"manifest"`
	// Files are those of the manifest, never null. Bytes is their sum.
	Files []Object `json:"files"`
	Bytes int64    `json:"bytes"`

	Evidence []status.Evidence `json:"evidence,omitempty"`

	// PurgeAt is when the vendor deletes the recording; zero if that is not known.
	PurgeAt time.Time `json:"purgeAt,omitzero"`

	// UserHash is the HMAC-SHA-256 of the user's id in hexadecimal; empty without a user or
	// without a key.
	UserHash string `json:"userHash,omitempty"`
}

// Object is an object of the bucket as it was.
type Object struct {
	Key    string `json:"key"`
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
}
