package media

import (
	"crypto/sha256"
	"encoding"
	"fmt"
	"hash"
	"net/http"
	"strings"

	"github.com/callvault/callvault/internal/audio"
)

// Position is how far a download has come: enough for another process to continue it.
type Position struct {
	// Offset is how many bytes were read, and Length how many the recording has, -1 if
	// that is not known.
	Offset int64 `json:"offset"`
	Length int64 `json:"length"`

	// ETag is the strong validator of the file that was read; Modified is the
	// Last-Modified that came with it, if any.
	ETag     string `json:"etag"`
	Modified string `json:"modified,omitempty"`

	// Hash is the state of the SHA-256 over the bytes before Offset.
	Hash []byte `json:"hash"`
	// Inspector is what is known of the sound of these bytes.
	Inspector []byte `json:"inspector"`

	// What the first response said of the file, for its remarks.
	Head                []byte   `json:"head"`
	DeclaredContentType string   `json:"declaredContentType,omitempty"`
	Codings             []string `json:"codings,omitempty"`
}

// Position returns where the stream is. It returns false if the download cannot be
// continued: the media server sent no strong ETag, or nothing proves where the file
// ends.
func (s *Stream) Position() (Position, bool) {
	if s.validator.etag == "" || !s.Proved() {
		return Position{}, false
	}
	length := s.Length
	if s.Whole() {
		length = s.BytesRead()
	}
	state, err := s.hash.(encoding.BinaryMarshaler).MarshalBinary()
	inspected, inspectErr := s.inspector.MarshalBinary()
	return Position{
		Offset: s.BytesRead(), Length: length,
		ETag: s.validator.etag, Modified: s.validator.modified,
		Hash: state, Inspector: inspected, Head: s.head, DeclaredContentType: s.DeclaredContentType, Codings: s.codings,
	}, err == nil && inspectErr == nil
}

// restoreHash returns a SHA-256 that continues from a state.
func restoreHash(state []byte) (hash.Hash, error) {
	restored := sha256.New()
	if err := restored.(encoding.BinaryUnmarshaler).UnmarshalBinary(state); err != nil {
		return nil, fmt.Errorf("%w: the state of its SHA-256 is not valid", ErrNotContinued)
	}
	return restored, nil
}

// restoreInspector returns an inspector that continues from a state.
func restoreInspector(state []byte, options audio.Options) (*audio.Inspector, error) {
	restored := audio.NewInspector(options)
	if err := restored.UnmarshalBinary(state); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNotContinued, err)
	}
	return restored, nil
}

// validator identifies the version of a file.
type validator struct{ etag, modified string }

// maxETagBytes bounds an ETag that is kept.
const maxETagBytes = 256

// validatorOf returns the strong ETag of a response, with its Last-Modified. A weak one
// does not promise the same bytes, and must not be sent in If-Range (RFC 9110, 13.1.5).
func validatorOf(response *http.Response) validator {
	etag := response.Header.Get("ETag")
	if len(etag) > maxETagBytes || !strings.HasPrefix(etag, `"`) || len(etag) < 2 || !strings.HasSuffix(etag, `"`) {
		return validator{}
	}
	return validator{etag: etag, modified: response.Header.Get("Last-Modified")}
}
