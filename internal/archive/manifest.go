package archive

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/callvault/callvault/internal/audio"
	"github.com/callvault/callvault/internal/status"
	"github.com/callvault/callvault/workflows"
)

// manifestVersion is the version of the manifest's format.
const manifestVersion = 1

// maxManifestBytes bounds a manifest with all that it replaced; one of 100 files
// has about 60 kB.
const maxManifestBytes = 1 << 20

// maxPrevious is how many replaced manifests a manifest contains at most, apart
// from the latest that says archived.
const maxPrevious = 10

// Manifest records how the fetch of one session ended. It contains no personal
// data.
type Manifest struct {
	Version int `json:"version"`
	workflows.Session
	BatchID      string    `json:"batchId,omitempty"`
	CallTime     time.Time `json:"callTime"`
	Outcome      string    `json:"outcome"`
	Status       string    `json:"status"`
	Reason       string    `json:"reason"`
	Files        []File    `json:"files"`
	StatusChecks int       `json:"statusChecks"`
	StartedAt    time.Time `json:"startedAt"`
	FinishedAt   time.Time `json:"finishedAt"`

	// WorkflowID and RunID identify the fetch that wrote the manifest.
	WorkflowID string `json:"workflowId"`
	RunID      string `json:"runId"`

	// WrittenBy is the version of the worker that wrote the manifest; empty if an earlier release has.
	WrittenBy string `json:"writtenBy,omitempty"`

	// Attachments are what belongs to the call beside its recordings, and LeftOut why
	// something is not among them that should be.
	Attachments []Attachment        `json:"attachments,omitempty"`
	LeftOut     []workflows.LeftOut `json:"attachmentsLeftOut,omitempty"`

	// Evidence lists each distinct status that the vendor sent.
	Evidence []status.Evidence `json:"evidence,omitempty"`

	// retainedUntil is how long the object that the manifest was read from is retained.
	retainedUntil time.Time

	// Previous is the manifest that this one replaced, which may have a Previous
	// itself: at most 10 in all, and fewer if the manifest would reach 1 MiB. The
	// oldest are dropped first, but for the latest that says archived.
	Previous *Manifest `json:"previous,omitempty"`
}

// File is one file of the call as it is stored in the archive.
type File struct {
	FileName            string `json:"fileName"`
	Key                 string `json:"key"`
	Bytes               int64  `json:"bytes"`
	SHA256              string `json:"sha256"`
	ContentType         string `json:"contentType"`
	DeclaredContentType string `json:"declaredContentType,omitempty"`
	Format              string `json:"format"`
	Source              string `json:"source"`

	// StoreChecksum is what the store itself keeps of an object that was uploaded in
	// parts; of another one it keeps the SHA-256.
	StoreChecksum *Checksum `json:"storeChecksum,omitempty"`

	// Audio is what was found in the sound of the file.
	Audio *audio.Findings `json:"audio,omitempty"`
	// Remarks say what an auditor should know of the file.
	Remarks []string `json:"remarks,omitempty"`
	// NoLongerListed reports that the vendor's last list of the call's files does
	// not have this one, which was archived before.
	NoLongerListed bool `json:"noLongerListed,omitempty"`
}

// object returns what the store should have of the file.
func (f File) object() Object {
	return Object{Bytes: f.Bytes, SHA256: f.SHA256, Checksum: f.StoreChecksum}
}

// encode returns m as JSON of less than [maxManifestBytes]. It sets the version and
// drops the oldest replaced manifests as far as the bounds require.
func (m *Manifest) encode() ([]byte, error) {
	m.Version = manifestVersion
	if m.Files == nil {
		m.Files = []File{}
	}
	for depth := maxPrevious; depth >= -1; depth-- {
		if depth >= 0 {
			depth = m.limitPrevious(depth)
		} else {
			m.Previous = nil
		}
		body, err := json.MarshalIndent(m, "", "  ")
		if err != nil {
			return nil, fmt.Errorf("encode the manifest: %w", err)
		}
		if body = append(body, '\n'); len(body) < maxManifestBytes {
			return body, nil
		}
	}
	return nil, fmt.Errorf("%w: the manifest of session %s has %d files and would reach %d bytes: have the limit raised in a release of callvault",
		ErrBlocked, m.SessionID, len(m.Files), maxManifestBytes)
}

// limitPrevious drops the replaced manifests that are more than depth deep, and
// returns how many are left. It keeps the latest one that says archived, without
// which no one would know what a damaged session had.
func (m *Manifest) limitPrevious(depth int) int {
	hasArchived := false
	for i := range depth {
		if m.Previous == nil {
			return i
		}
		m = m.Previous
		hasArchived = hasArchived || m.Outcome == outcomeArchived
	}
	dropped := m.Previous
	m.Previous = nil
	for ; dropped != nil && !hasArchived; dropped = dropped.Previous {
		if dropped.Outcome == outcomeArchived {
			kept := *dropped
			kept.Previous = nil
			m.Previous = &kept
			hasArchived = true
		}
	}
	return depth
}

// decodeManifest ignores unknown fields, which a later release may add, and
// refuses a manifest of another session. The size of body bounds what it allocates;
// of replaced manifests it returns as many as [Manifest.limitPrevious] keeps.
func decodeManifest(body []byte, session workflows.Session) (*Manifest, error) {
	if len(body) > maxManifestBytes {
		return nil, fmt.Errorf("it has more than %d bytes", maxManifestBytes)
	}
	var m Manifest
	if err := json.Unmarshal(body, &m); err != nil {
		return nil, errors.New("it is not a JSON manifest")
	}
	if m.Version < 1 || m.Version > manifestVersion {
		return nil, fmt.Errorf("its version is %d, and this release supports up to %d: upgrade the workers", m.Version, manifestVersion)
	}
	if m.Session != session {
		return nil, fmt.Errorf("it describes another session (%.80q of %.80q)", m.SessionID, m.BotID)
	}
	if m.Outcome == "" {
		return nil, errors.New("it has no outcome")
	}
	m.limitPrevious(maxPrevious)
	if err := m.checkFiles(session); err != nil {
		return nil, err
	}
	return &m, nil
}

// maxManifestFiles bounds the files of a session; the vendor's list has at most
// 100, and later lists may name others.
const maxManifestFiles = 1000

// checkFiles reports what no release writes about a session's files, here and in
// the replaced manifests: it would be believed, or block the session in a way that
// no one understands.
func (m *Manifest) checkFiles(session workflows.Session) error {
	for ; m != nil; m = m.Previous {
		if len(m.Files) > maxManifestFiles {
			return fmt.Errorf("it has %d files, more than %d", len(m.Files), maxManifestFiles)
		}
		if m.Outcome == outcomeArchived && len(m.Files) == 0 {
			return errors.New("it says archived, but has no files")
		}
		for _, file := range m.Files {
			if err := checkObject(session, "file", file.Key, file.Bytes, file.SHA256); err != nil {
				return err
			}
		}
		if err := m.checkAttachments(session); err != nil {
			return err
		}
	}
	return nil
}
