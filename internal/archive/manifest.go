package archive

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// manifestVersion is the version of the manifest's format.
const manifestVersion = 1

// maxManifestBytes bounds a manifest; a hundred files make about 60 kB.
const maxManifestBytes = 1 << 20

// Manifest is the proof of how the fetch of one session ended. It holds no
// personal data.
type Manifest struct {
	Version      int       `json:"version"`
	BotID        string    `json:"botId"`
	SessionID    string    `json:"sessionId"`
	BatchID      string    `json:"batchId,omitempty"`
	CallTime     time.Time `json:"callTime"`
	Outcome      string    `json:"outcome"`
	Status       string    `json:"status"`
	Reason       string    `json:"reason"`
	Files        []File    `json:"files"`
	StatusChecks int       `json:"statusChecks"`
	StartedAt    time.Time `json:"startedAt"`
	FinishedAt   time.Time `json:"finishedAt"`

	// WorkflowID and RunID name the fetch that wrote the manifest.
	WorkflowID string `json:"workflowId"`
	RunID      string `json:"runId"`
}

// File is one file of the call, as it lies beside its manifest.
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

// decodeManifest accepts what a later version may add, and refuses what does
// not speak of the session in whose folder it lies.
func decodeManifest(body []byte, botID, sessionID string) (*Manifest, error) {
	var m Manifest
	if err := json.Unmarshal(body, &m); err != nil {
		return nil, errors.New("it is no JSON manifest")
	}
	switch {
	case m.Version < 1 || m.Version > manifestVersion:
		return nil, fmt.Errorf("its version is %d, and this release knows up to %d: upgrade the workers", m.Version, manifestVersion)
	case m.BotID != botID || m.SessionID != sessionID:
		return nil, fmt.Errorf("it speaks of another session (%.80q of %.80q)", m.SessionID, m.BotID)
	case m.Outcome == "":
		return nil, errors.New("it names no outcome")
	}
	return &m, nil
}
