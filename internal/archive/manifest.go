package archive

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/callvault/callvault/workflows"
)

// manifestVersion is the version of the manifest's format.
const manifestVersion = 1

// maxManifestBytes bounds a manifest; one of 100 files has about 60 kB.
const maxManifestBytes = 1 << 20

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
}

func (m *Manifest) encode() ([]byte, error) {
	m.Version = manifestVersion
	if m.Files == nil {
		m.Files = []File{}
	}
	body, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("encode the manifest: %w", err)
	}
	return append(body, '\n'), nil
}

// decodeManifest ignores unknown fields, which a later release may add, and
// refuses a manifest of another session.
func decodeManifest(body []byte, session workflows.Session) (*Manifest, error) {
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
	return &m, nil
}
