package workflows

// AttachmentKind is what an [Attachment] is.
type AttachmentKind string

// The kinds of attachments. Each is kept only if the account's configuration says so.
const (
	// AttachmentCall is what the vendor's lists said of the call. It is personal data, and
	// may be erased: then the object is missing, and the manifest still holds.
	AttachmentCall AttachmentKind = "call"
	// AttachmentVoicemail is one file of the call's voicemail.
	AttachmentVoicemail AttachmentKind = "voicemail"
	// AttachmentTranscript are the messages of the call.
	AttachmentTranscript AttachmentKind = "transcript"
)

// Attachment is an object in the archive that belongs to a call, beside its recordings.
type Attachment struct {
	Kind   AttachmentKind `json:"kind"`
	Bucket string         `json:"bucket"`
	Key    string         `json:"key"`
	Bytes  int64          `json:"bytes"`
	// SHA256 is the hex digest of the bytes.
	SHA256      string `json:"sha256"`
	ContentType string `json:"contentType"`
}

// LeftOut says why something that belongs to a call is not in the archive, although the
// account's configuration asks for it. That a call has none, such as no voicemail, is not
// said.
type LeftOut struct {
	Kind AttachmentKind `json:"kind"`
	// Reason names the cause and the way out, in at most 1 KiB, without personal data.
	Reason string `json:"reason"`
}
