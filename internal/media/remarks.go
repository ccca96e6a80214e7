package media

import (
	"fmt"

	"github.com/callvault/callvault/internal/audio"
)

// Remarks returns what an auditor may want to know of the recording, once the
// stream is [Stream.Whole], nil before: plain sentences of at most 200 bytes on
// what deviates from a file of the declared type and length, and its duration
// where the header tells it.
func (s *Stream) Remarks() []string {
	if !s.Whole() {
		return nil
	}
	var remarks []string
	for _, remark := range []string{s.endRemark(), s.typeRemark()} {
		if remark != "" {
			remarks = append(remarks, remark)
		}
	}
	return append(remarks, audio.ReadHeader(s.head).Remarks(s.BytesRead())...)
}

func (s *Stream) endRemark() string {
	const noLength = "the media server stated no length; "
	switch {
	case s.end == endsWithChunk:
		return noLength + "its transfer encoding proved the end"
	case s.end == endsWithStream:
		return noLength + "HTTP/2 proved the end"
	case s.end == endsWithConnection && s.expected != nil:
		return noLength + "two downloads had the same bytes"
	case s.end == endsWithConnection:
		return noLength + "nothing proved the end"
	default:
		return ""
	}
}

func (s *Stream) typeRemark() string {
	switch {
	case s.Format == audio.Unknown && s.DeclaredContentType == "":
		return "the format is not known; the media server declared no type"
	case s.Format == audio.Unknown:
		return "the format is not known; the media server declared " + s.DeclaredContentType
	case s.Format.Contradicts(s.DeclaredContentType):
		return fmt.Sprintf("the media server declared %s, the file is %s", s.DeclaredContentType, s.Format.Name)
	default:
		return ""
	}
}
