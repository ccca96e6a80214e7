// Package audio reads the first bytes of a recording: its format and, for WAV,
// the length that the header states.
//
// It has its own list of formats because general sniffing libraries refuse some
// valid files, for example FLAC with a single metadata block, and RF64. A good
// recording would then be refused.
package audio

import (
	"errors"
	"fmt"
	"net/http"
)

// HeadBytes is how many leading bytes of a file [Detect] needs.
const HeadBytes = 512

// Format is a kind of audio file.
type Format struct {
	// Name is the short name, for example "wav".
	Name string
	// ContentType is its media type, for example "audio/wav".
	ContentType string
}

// The formats that recordings have or are likely to have. The vendor's console
// changed from WAV to FLAC in 2025 without changing the file names.
var (
	WAV  = Format{"wav", "audio/wav"}
	FLAC = Format{"flac", "audio/flac"}
	Ogg  = Format{"ogg", "audio/ogg"}
	MP3  = Format{"mp3", "audio/mpeg"}
	AAC  = Format{"aac", "audio/aac"}
	MP4  = Format{"mp4", "audio/mp4"}
)

// signatures are the marks of the formats, each a text at an offset in bytes.
var signatures = []struct {
	format Format
	marks  map[int]string
}{
	{WAV, map[int]string{0: "RIFF", 8: "WAVE"}},
	{WAV, map[int]string{0: "RF64", 8: "WAVE"}}, // RIFF with 64-bit lengths
	{FLAC, map[int]string{0: "fLaC"}},
	{Ogg, map[int]string{0: "OggS"}},
	{MP3, map[int]string{0: "ID3"}},
	{MP4, map[int]string{4: "ftyp"}},
}

// Detect returns the format of a file with these first bytes. Its error says what
// the bytes look like if they are not audio.
func Detect(head []byte) (Format, error) {
	if len(head) == 0 {
		return Format{}, errors.New("the file is empty")
	}
	for _, signature := range signatures {
		if hasMarks(head, signature.marks) {
			return signature.format, nil
		}
	}
	if format, ok := mpegFormat(head); ok {
		return format, nil
	}
	return Format{}, fmt.Errorf("the file is not audio: its first bytes look like %s", http.DetectContentType(head))
}

func hasMarks(head []byte, marks map[int]string) bool {
	for offset, mark := range marks {
		if len(head) < offset+len(mark) || string(head[offset:offset+len(mark)]) != mark {
			return false
		}
	}
	return true
}

// mpegFormat recognises a bare MPEG audio stream by its first frame's header: the
// sync word of eleven set bits (0xFFEx or 0xFFFx) and no reserved value in the
// rest of it. Layer 0 is AAC in ADTS frames, the others are MP3 and its
// predecessors. 0xFFFE, which would be layer I with a checksum, is left out: it
// is the byte order mark of UTF-16.
func mpegFormat(head []byte) (Format, bool) {
	if len(head) < 4 || head[0] != 0xff || head[1]&0xe0 != 0xe0 || head[1] == 0xfe {
		return Format{}, false
	}
	version, layer := head[1]>>3&3, head[1]>>1&3
	if layer == 0 {
		return AAC, version >= 2 && head[2]>>2&0xf < 13
	}
	bitrate, sampleRate := head[2]>>4, head[2]>>2&3
	return MP3, version != 1 && bitrate != 15 && sampleRate != 3
}
