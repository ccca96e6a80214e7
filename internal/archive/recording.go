package archive

import (
	"io"

	"github.com/callvault/callvault/workflows"
)

// Source is a recording to store.
type Source interface {
	// Read returns the last bytes only once the recording is known to be
	// complete, and an error otherwise.
	io.Reader
	// SHA256 returns the hex digest of the bytes that Read has returned so far, with
	// those before them if it continues a recording.
	SHA256() string
}

// Upload is a recording with what is to become of it.
type Upload struct {
	// Key of the object.
	Key string
	// Source is read once, to its end.
	Source Source
	// Length of the whole recording in bytes, or -1 if it is not known.
	Length int64
	// ContentType of the object.
	ContentType string
	// Session is whose recording it is, for the tags. Required if there are any.
	Session workflows.Session
	// Replaces is the object that the recording may replace, as [Store.Find] returns it.
	// Defaults to none: there should be no object.
	Replaces Present

	// isFile is true for a file of a batch, which is no recording; overwrite replaces
	// whatever is there.
	isFile, overwrite bool
	// isRecord is true for a file that is part of the proof, and kept like a manifest.
	isRecord bool
	// isAttachment is true for what belongs to a call beside its recordings.
	isAttachment bool

	// Buffer holds one part at a time of a recording whose length is not known; its size
	// is that of the parts. Required if Length is -1.
	Buffer []byte

	// Continues is the upload of which Source is the rest. Defaults to nil: it begins.
	Continues *Parts
	// Uploaded is called after each part, before Source is read on. Defaults to nothing.
	Uploaded func(Parts)
	// Sending is called with how many bytes of a part were sent since the last call.
	// Defaults to nothing.
	Sending func(n int)
	// Awaiting is called with true when all bytes of a part were sent, and with false when
	// the store has responded. Defaults to nothing.
	Awaiting func(bool)
	// Keep reports whether the parts may be needed after an error. Defaults to never:
	// they are removed.
	Keep func(err error) bool
}

// Object describes an object in the archive.
type Object struct {
	Bytes int64
	// SHA256 of its bytes, in hex.
	SHA256 string
	// Checksum is what the store itself keeps of an object that was uploaded in parts;
	// nil for another one, of which it keeps the SHA-256.
	Checksum *Checksum
	// Verified reports that the store has returned its checksum, and it is the right
	// one. If not, [Store.Verify] asks for it.
	Verified bool
}

// Checksum is a checksum that a store keeps of an object.
type Checksum struct {
	// Algorithm is "CRC64NVME", over the bytes of the object, or "SHA256", over the
	// SHA-256 of each of its parts.
	Algorithm string `json:"algorithm"`
	// Value is what the store returns: base64, with "-" and the number of parts if it is
	// over parts.
	Value string `json:"value"`
	// PartBytes is the length of each part but the last.
	PartBytes int64 `json:"partBytes"`
}
