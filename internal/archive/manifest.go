package archive

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/callvault/callvault/internal/status"
	"github.com/callvault/callvault/workflows"
)

// manifestVersion is the version of the manifest's format.
const manifestVersion = 1

// maxManifestBytes bounds a manifest with all that it replaced; one of 100 files
// has about 60 kB.
const maxManifestBytes = 1 << 20

// maxPrevious is how many replaced manifests a manifest contains at most.
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

	// Evidence lists each distinct status that the vendor sent.
	Evidence []status.Evidence `json:"evidence,omitempty"`

	// Previous is the manifest that this one replaced, which may have a Previous
	// itself: at most 10 in all, and fewer if the manifest would reach 1 MiB. The
	// oldest are dropped first.
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

	// Remarks say what an auditor should know of the file.
	Remarks []string `json:"remarks,omitempty"`
	// NoLongerListed reports that the vendor's last list of the call's files does
	// not have this one, which was archived before.
	NoLongerListed bool `json:"noLongerListed,omitempty"`
}

// encode returns m as JSON of less than [maxManifestBytes]. It sets the version and
// drops the oldest replaced manifests as far as the bounds require.
func (m *Manifest) encode() ([]byte, error) {
	m.Version = manifestVersion
	if m.Files == nil {
		m.Files = []File{}
	}
	for depth := maxPrevious; depth >= 0; depth-- {
		m.limitPrevious(depth)
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

// limitPrevious drops the replaced manifests that are more than depth deep.
func (m *Manifest) limitPrevious(depth int) {
	for range depth {
		if m = m.Previous; m == nil {
			return
		}
	}
	m.Previous = nil
}

// decodeManifest ignores unknown fields, which a later release may add, and
// refuses a manifest of another session. The size of body bounds what it allocates;
// of replaced manifests it returns at most [maxPrevious].
func decodeManifest(body []byte, session workflows.Session) (*Manifest, error) {
	if len(body) > maxManifestBytes {
		return nil, fmt.Errorf("it has more than %d bytes", maxManifestBytes)
	}
	var m Manifest
	if err := json.Unmarshal(body, &m); err != nil {
		return nil, errors.New("it is not a JSON manifest")
	}
	switch {
	case m.Version < 1 || m.Version > manifestVersion:
		return nil, fmt.Errorf("its version is %d, and this release supports up to %d: upgrade the workers", m.Version, manifestVersion)
	case m.Session != session:
		return nil, fmt.Errorf("it describes another session (%.80q of %.80q)", m.SessionID, m.BotID)
	case m.Outcome == "":
		return nil, errors.New("it has no outcome")
	}
	m.limitPrevious(maxPrevious)
	return &m, nil
}
