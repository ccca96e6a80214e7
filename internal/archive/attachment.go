package archive

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path"
	"regexp"
	"strings"

	"github.com/callvault/callvault/workflows"
)

// The names of what belongs to a call beside its recordings. No recording gets one of
// them, nor one of the names of voicemail.
const (
	// CallName is the name of what the vendor's lists say of the call, see [Store.WriteCall].
	CallName = "call.json"
	// TranscriptName is the name of the call's messages.
	TranscriptName = "transcript.json"
)

// Attachment is an object that belongs to a call, as its manifest has it.
type Attachment struct {
	Kind        workflows.AttachmentKind `json:"kind"`
	Key         string                   `json:"key"`
	Bytes       int64                    `json:"bytes"`
	SHA256      string                   `json:"sha256"`
	ContentType string                   `json:"contentType"`
}

var (
	voicemailPattern = regexp.MustCompile(`(?i)^voicemail-[0-9a-f]{16}(\.[0-9a-z]{1,5})?$`)
	extensionPattern = regexp.MustCompile(`^\.[0-9a-z]{1,5}$`)
)

// belongsToCall reports whether a name is one of an attachment. Stores on some file systems
// do not tell upper from lower case.
func belongsToCall(name string) bool {
	return strings.EqualFold(name, CallName) || strings.EqualFold(name, TranscriptName) || voicemailPattern.MatchString(name)
}

// NameVoicemail gives each file of a voicemail its name in the archive. It follows from the
// file alone, so that every attempt writes the same file under the same key. A file that is
// listed twice is named once.
func NameVoicemail(files []SourceFile) []NamedFile {
	named := distinctFiles(files)
	for i, file := range named {
		source := shortSource(file.Source)
		extension := strings.ToLower(path.Ext(file.ObjectName))
		if !extensionPattern.MatchString(extension) || extension == ".json" {
			extension = ""
		}
		named[i].ObjectName, named[i].Source = "voicemail-"+source+extension, source
	}
	return named
}

// checkAttachments reports what no release writes about what belongs to a call.
func (m *Manifest) checkAttachments(session workflows.Session) error {
	if len(m.Attachments) > maxManifestFiles {
		return fmt.Errorf("it has %d attachments, more than %d", len(m.Attachments), maxManifestFiles)
	}
	for _, attachment := range m.Attachments {
		if err := checkObject(session, "attachment", attachment.Key, attachment.Bytes, attachment.SHA256); err != nil {
			return err
		}
	}
	return nil
}

// checkObject reports an object of a manifest that is not in the session's folder, or has
// no length and SHA-256.
func checkObject(session workflows.Session, what, key string, length int64, sum string) error {
	dir, name := path.Split(key)
	if !isFolderOf(dir, session) || !isSafe(name) {
		return fmt.Errorf("its %s %.80q is not in the session's folder", what, key)
	}
	if digest, err := hex.DecodeString(sum); err != nil || len(digest) != sha256.Size || length < 0 {
		return fmt.Errorf("its %s %.80q has no valid length and SHA-256", what, key)
	}
	return nil
}
