package dayseal

import (
	"time"

	"github.com/callvault/callvault/internal/archive"
	"github.com/callvault/callvault/internal/dayrecord"
	"github.com/callvault/callvault/internal/daysessions"
	"github.com/callvault/callvault/workflows"
)

// rowOf returns the row of a session with a manifest.
func rowOf(known *daysessions.Known, manifest *archive.Manifest, object dayrecord.Object, options Options) dayrecord.Row {
	row := dayrecord.Row{
		Session: manifest.Session, ListedBy: known.ListedBy,
		Outcome: workflows.Outcome(manifest.Outcome), Status: manifest.Status,
		Manifest: object, Files: []dayrecord.Object{}, Evidence: manifest.Evidence,
		PurgeAt: known.PurgeAt, UserHash: known.UserHash,
	}
	if row.ListedBy == nil {
		row.ListedBy = []string{}
	}
	row.CallTime, _ = manifest.Session.CallTime() // It was checked.
	if row.PurgeAt.IsZero() && options.Retention > 0 {
		row.PurgeAt = row.CallTime.Add(options.Retention)
	}
	if row.UserHash == "" && known.UserID != "" && len(options.UserHashKey) > 0 {
		row.UserHash = dayrecord.UserHash(options.UserHashKey, known.UserID)
	}
	for _, file := range manifest.Files {
		row.Files = append(row.Files, dayrecord.Object{Key: file.Key, Bytes: file.Bytes, SHA256: file.SHA256})
		row.Bytes += file.Bytes
	}
	return row
}

// Options are what rows have besides the manifests.
type Options struct {
	// Retention is how long the vendor keeps a recording. Defaults to 0, not known.
	Retention time.Duration
	// UserHashKey is the key of the hashes of users' ids. Defaults to none, and no hashes.
	UserHashKey []byte
	// TempDir is where the rows are kept until they are stored. Defaults to the system's.
	TempDir string
}
