package batchreport

import (
	"time"

	"github.com/callvault/callvault/internal/archive"
	"github.com/callvault/callvault/workflows"
)

// Row is what became of one session.
type Row struct {
	workflows.Session
	CallTime time.Time `json:"callTime"`

	// Outcome is the manifest's; empty if the session has none.
	Outcome workflows.Outcome `json:"outcome"`

	// Reason says why the outcome is not archived, or why there is none.
	Reason string `json:"reason"`

	// Files are those in the archive.
	Files []File `json:"files"`

	// StatusChecks are the calls of the vendor's API by the fetch that reached the
	// outcome, which began and ended at the times below.
	StatusChecks int       `json:"statusChecks"`
	StartedAt    time.Time `json:"startedAt,omitzero"`
	FinishedAt   time.Time `json:"finishedAt,omitzero"`
}

// File is one file of a session in the archive.
type File struct {
	Key    string `json:"key"`
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
}

// bytes is the size of all files.
func (r Row) bytes() int64 {
	var sum int64
	for _, file := range r.Files {
		sum += file.Bytes
	}
	return sum
}

func rowOf(session workflows.Session, manifest *archive.Manifest) Row {
	row := Row{Session: session, Files: []File{}}
	row.CallTime, _ = session.CallTime() // The plan has valid sessions only.
	if manifest == nil {
		return row
	}
	row.Outcome, row.Reason = workflows.Outcome(manifest.Outcome), manifest.Reason
	row.StatusChecks, row.StartedAt, row.FinishedAt = manifest.StatusChecks, manifest.StartedAt.UTC(), manifest.FinishedAt.UTC()
	for _, file := range manifest.Files {
		row.Files = append(row.Files, File{Key: file.Key, Bytes: file.Bytes, SHA256: file.SHA256})
	}
	return row
}

// Count adds rows up.
type Count struct{ Total workflows.ReportTotal }

func newCount() Count {
	return Count{Total: workflows.ReportTotal{Outcomes: make(map[workflows.Outcome]int)}}
}

// Add counts a row.
func (c *Count) Add(row Row) {
	c.Total.Sessions++
	if row.Outcome == "" {
		c.Total.NoOutcome++
		return
	}
	c.Total.Outcomes[row.Outcome]++
	c.Total.Files += len(row.Files)
	c.Total.Bytes += row.bytes()
	c.Total.Calls += row.StatusChecks
}
