package media

import (
	"cmp"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"

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
	for _, remark := range []string{s.endRemark(), s.codingRemark(), s.typeRemark()} {
		if remark != "" {
			remarks = append(remarks, remark)
		}
	}
	header := audio.ReadHeader(s.head)
	if len(remarks) > 0 || header.Deviates(s.BytesRead()) {
		remarks = slices.Insert(remarks, 0, s.facts())
	}
	return append(remarks, header.Remarks(s.BytesRead())...)
}

// facts returns the declared and the found length and type, so that a deviation
// can be judged without the response.
func (s *Stream) facts() string {
	length, declared, found := "no length", " and no type", s.Format.Name
	if s.Length >= 0 {
		length = fmt.Sprintf("%d bytes", s.Length)
	}
	if s.DeclaredContentType != "" {
		declared = " as " + s.DeclaredContentType
	}
	if s.Format == audio.Unknown {
		found = "an unknown format"
	}
	return fmt.Sprintf("declared %s%s, found %d bytes of %s", length, declared, s.BytesRead(), found)
}

// codingRemark names content codings that change no byte. Only a plain word is
// quoted: a header may contain anything.
func (s *Stream) codingRemark() string {
	if len(s.codings) == 0 {
		return ""
	}
	names := strings.Join(s.codings, ", ")
	if !plainWords.MatchString(names) {
		return "the media server declared an unknown content encoding"
	}
	return "the media server declared the content encoding " + names
}

var plainWords = regexp.MustCompile(`^[a-z0-9, ._-]{1,100}$`)

func (s *Stream) endRemark() string {
	const noLength = "the media server stated no length; "
	switch s.end {
	case endsWithChunk:
		return noLength + "its transfer encoding proved the end"
	case endsWithStream:
		return noLength + "HTTP/2 proved the end"
	case endsWithConnection:
		if s.expected == nil {
			return noLength + "nothing proved the end"
		}
		return noLength + "two downloads had the same bytes"
	default:
		return ""
	}
}

func (s *Stream) typeRemark() string {
	if s.Format == audio.Unknown {
		if looks := http.DetectContentType(s.head); looks != audio.Unknown.ContentType && !strings.HasPrefix(looks, "text/") {
			return "the format is not known; its first bytes look like " + looks
		}
		return "the format is not known; the media server declared " + cmp.Or(s.DeclaredContentType, "no type")
	}
	if s.Format.Contradicts(s.DeclaredContentType) {
		return fmt.Sprintf("the media server declared %s, the file is %s", s.DeclaredContentType, s.Format.Name)
	}
	return ""
}
