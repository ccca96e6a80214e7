// Package audio reads the first bytes of a recording: its format, what its header
// states about the whole file, and whether it is a text instead.
//
// It has its own list of formats because general sniffing libraries take some
// valid files for something else: FLAC with a single metadata block, RF64, and raw
// samples without a header, which they call text.
package audio

import (
	"bytes"
	"regexp"
)

// HeadBytes is how many leading bytes of a file the functions of this package
// need. Apple's writers align the samples of a WAV file to 4,096 bytes.
const HeadBytes = 4096

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
	WAV      = Format{"wav", "audio/wav"}
	W64      = Format{"w64", "audio/x-w64"}
	FLAC     = Format{"flac", "audio/flac"}
	Ogg      = Format{"ogg", "audio/ogg"}
	MP3      = Format{"mp3", "audio/mpeg"}
	AAC      = Format{"aac", "audio/aac"}
	MP4      = Format{"mp4", "audio/mp4"}
	AU       = Format{"au", "audio/basic"}
	AIFF     = Format{"aiff", "audio/aiff"}
	CAF      = Format{"caf", "audio/x-caf"}
	AMR      = Format{"amr", "audio/amr"}
	AMRWB    = Format{"amr-wb", "audio/amr-wb"}
	WebM     = Format{"webm", "audio/webm"}
	Matroska = Format{"matroska", "audio/x-matroska"}

	// Unknown is any other binary format, for example raw samples without a
	// header.
	Unknown = Format{"unknown", "application/octet-stream"}
)

// w64RIFF is the GUID that begins a file of Sony Wave64.
const w64RIFF = "riff\x2e\x91\xcf\x11\xa5\xd6\x28\xdb\x04\xc1\x00\x00"

// ebml begins a file of Matroska and of WebM, its subset.
const ebml = "\x1a\x45\xdf\xa3"

// signatures are the marks of the formats, each a text at an offset in bytes.
var signatures = []struct {
	format Format
	marks  map[int]string
}{
	{WAV, map[int]string{0: "RIFF", 8: "WAVE"}},
	{WAV, map[int]string{0: "RIFX", 8: "WAVE"}}, // big-endian
	{WAV, map[int]string{0: "RF64", 8: "WAVE"}}, // with 64-bit lengths
	{WAV, map[int]string{0: "BW64", 8: "WAVE"}}, // RF64's successor
	{W64, map[int]string{0: w64RIFF}},
	{FLAC, map[int]string{0: "fLaC"}},
	{Ogg, map[int]string{0: "OggS"}},
	{MP3, map[int]string{0: "ID3"}},
	{MP4, map[int]string{4: "ftyp"}},
	{AU, map[int]string{0: ".snd"}},
	{AIFF, map[int]string{0: "FORM", 8: "AIFF"}},
	{AIFF, map[int]string{0: "FORM", 8: "AIFC"}},
	{CAF, map[int]string{0: "caff\x00\x01"}},
	{AMR, map[int]string{0: "#!AMR\n"}},
	{AMR, map[int]string{0: "#!AMR_MC1.0\n"}}, // several channels
	{AMRWB, map[int]string{0: "#!AMR-WB\n"}},
	{AMRWB, map[int]string{0: "#!AMR-WB_MC1.0\n"}},
}

// Detect returns the format of a file with these first bytes, [Unknown] if they
// have no known signature. It does not say whether an unknown file is audio at
// all: see [Text].
func Detect(head []byte) Format {
	for _, signature := range signatures {
		if hasMarks(head, signature.marks) {
			return signature.format
		}
	}
	if bytes.HasPrefix(head, []byte(ebml)) {
		// The document type is in the EBML header, whose elements have any order.
		if bytes.Contains(head[:min(len(head), 64)], []byte("webm")) {
			return WebM
		}
		return Matroska
	}
	return mpegFormat(head)
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
func mpegFormat(head []byte) Format {
	if len(head) < 4 || head[0] != 0xff || head[1]&0xe0 != 0xe0 || head[1] == 0xfe {
		return Unknown
	}
	version, layer := head[1]>>3&3, head[1]>>1&3
	bitrate, sampleRate, adtsRate := head[2]>>4, head[2]>>2&3, head[2]>>2&0xf
	if layer == 0 && version >= 2 && adtsRate < 13 {
		return AAC
	}
	if layer != 0 && version != 1 && bitrate != 15 && sampleRate != 3 {
		return MP3
	}
	return Unknown
}

// pageStart matches the beginning of a page after a signature.
var pageStart = regexp.MustCompile(`^\s*(?:(?i:<html|<!doctype|<\?xml)|\{\s*")`)

// pageAfterSignature returns the page that directly follows the signature of a
// format: a broken server sends one in place of a file that it has begun. It
// returns nothing if there is none.
func pageAfterSignature(head []byte) string {
	for _, signature := range signatures {
		if !hasMarks(head, signature.marks) {
			continue
		}
		end := 0
		for offset, mark := range signature.marks {
			end = max(end, offset+len(mark))
		}
		if pageStart.Match(head[end:]) {
			return string(head[end:])
		}
	}
	if rest, isCAF := bytes.CutPrefix(head, []byte("caff")); isCAF && pageStart.Match(rest) {
		return string(rest)
	}
	return ""
}
