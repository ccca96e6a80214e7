package audio

import (
	"encoding/binary"
	"fmt"
)

// wavStream reads a WAV file in pieces: the header, the samples, and what follows
// them.
type wavStream struct {
	stage     wavStage
	pending   [40]byte // the beginning of what the stage needs
	collected int
	need      int
	skip      uint64 // bytes to pass over before the next chunk
	rest      uint64 // bytes to pass over after what the stage needs
	chunks    int

	bigEndian bool
	large     bool   // RF64 or BW64
	largeData uint64 // the length of the data by ds64

	rate   uint32
	counts silenceCounter // its channels are 0 before the fmt chunk

	stated   uint64              // bytes of data by the header, 0 if it states none
	came     uint64              // bytes since the data began
	atStated [maxChannels]uint64 // silent samples when all that the header states had come
	tail     chunkTail
}

type wavStage uint8

const (
	wavRIFF wavStage = iota // the first 12 bytes
	wavChunk
	wavFormat
	wavLengths // ds64
	wavData
	wavGivenUp // not a file that is looked into
)

func (w *wavStream) write(p []byte) {
	for len(p) > 0 {
		switch {
		case w.stage == wavGivenUp:
			return
		case w.stage == wavData:
			w.sound(p)
			return
		case w.skip > 0:
			p = passOver(p, &w.skip)
		default:
			if w.stage == wavRIFF {
				w.need = signatureBytes
			}
			n := copy(w.pending[w.collected:w.need], p)
			p = p[n:]
			if w.collected += n; w.collected == w.need {
				w.collected = 0
				w.advance()
			}
		}
	}
}

// passOver drops up to skip bytes of p.
func passOver(p []byte, skip *uint64) []byte {
	n := min(*skip, uint64(len(p)))
	*skip -= n
	return p[n:]
}

// order is the byte order of the numbers.
func (w *wavStream) order() binary.ByteOrder {
	if w.bigEndian {
		return binary.BigEndian
	}
	return binary.LittleEndian
}

// advance reads what was collected for the stage.
func (w *wavStream) advance() {
	next := wavChunk
	switch w.stage {
	case wavRIFF:
		w.bigEndian = string(w.pending[:4]) == "RIFX"
		w.large = string(w.pending[:4]) == "RF64" || string(w.pending[:4]) == "BW64"
	case wavFormat:
		if !w.readFormat() {
			next = wavGivenUp
		}
	case wavLengths:
		w.largeData = binary.LittleEndian.Uint64(w.pending[8:])
	default:
		w.readChunk()
		return
	}
	w.stage, w.need = next, chunkHeader
	w.skip, w.rest = w.rest, 0
}

// readChunk reads the name and the length of a chunk, which is padded to an even
// length.
func (w *wavStream) readChunk() {
	size := uint64(w.order().Uint32(w.pending[4:]))
	w.chunks++
	switch name := string(w.pending[:4]); {
	case w.chunks > maxChunks:
		w.stage = wavGivenUp
	case name == "data":
		w.beginData(size)
	case name == "fmt " && size >= 16:
		w.collectOf(size, min(uint64(len(w.pending)), size), wavFormat)
	case name == "ds64" && w.large && size >= 16:
		w.collectOf(size, 16, wavLengths)
	default:
		w.skip = size + size%2
	}
}

// collectOf collects the first bytes of a chunk for a stage, and passes over the
// rest.
func (w *wavStream) collectOf(size, need uint64, stage wavStage) {
	w.stage, w.need, w.rest = stage, int(need), size+size%2-need //nolint:gosec // at most len(w.pending)
}

// extensibleFormat is the tag of a fmt chunk with the true tag later on, as the
// beginning of a GUID that ends in extensibleGUID.
const (
	extensibleFormat = 0xfffe
	extensibleGUID   = "\x00\x00\x00\x00\x10\x00\x80\x00\x00\xaa\x00\x38\x9b\x71"
)

// wavEncodings are the encodings by their tag.
var wavEncodings = map[uint16]encoding{1: pcm, 6: aLaw, 7: muLaw}

// readFormat reads a fmt chunk. It reports whether the samples can be looked into:
// fields that contradict one another say nothing.
func (w *wavStream) readFormat() bool {
	field := func(at int) uint16 { return w.order().Uint16(w.pending[at:]) }
	tag, channels, frame, bits := field(0), int(field(2)), int(field(12)), int(field(14))
	if tag == extensibleFormat && w.need == len(w.pending) {
		if tag = field(24); string(w.pending[26:]) != extensibleGUID {
			return false
		}
	}
	width := 1 // of G.711, where some writers state the bits after decoding
	if tag == 1 {
		width = bits / 8
	}
	if channels < 1 || channels > maxChannels || width < 1 || width > 4 || tag == 1 && bits%8 != 0 {
		return false
	}
	if frame != 0 && frame != channels*width {
		return false
	}
	w.counts.encoding, w.counts.channels, w.counts.width = wavEncodings[tag], channels, width
	if w.rate = w.order().Uint32(w.pending[4:]); w.rate > maxRate {
		w.rate = 0
	}
	return w.counts.encoding != 0
}

// maxRate is the largest sample rate in Hz that is believed, that of FLAC.
const maxRate = 1<<20 - 1

func (w *wavStream) beginData(size uint64) {
	if w.counts.encoding == 0 {
		w.stage = wavGivenUp // without a fmt chunk before
		return
	}
	w.stage, w.stated = wavData, size
	unset := isUnset32(uint32(size)) //nolint:gosec // It was read as 32 bits.
	if w.large {
		w.stated, unset = w.largeData, isUnset64(w.largeData)
	}
	if unset {
		w.stated = 0
	}
}

// sound counts the data and, as if they were data, the bytes after those that the
// header states: whether they are is known at the end of the file.
func (w *wavStream) sound(p []byte) {
	if w.came < w.stated {
		n := min(w.stated-w.came, uint64(len(p)))
		w.counts.write(p[:n])
		p = p[n:]
		if w.came += n; w.came == w.stated {
			w.atStated = w.counts.silent
			w.tail.padded = w.stated%2 == 1
		}
	}
	if len(p) == 0 {
		return
	}
	w.counts.write(p)
	w.came += uint64(len(p))
	if w.stated > 0 {
		w.tail.write(p, w.order())
	}
}

// findings believes the header's length of the data only if whole chunks follow:
// many writers leave it unfinished or let it overflow.
func (w *wavStream) findings() *Findings {
	if w.stage != wavData {
		return nil
	}
	data, silent := w.came, w.counts.silent
	if w.stated > 0 && w.came > w.stated && w.tail.whole() {
		data, silent = w.stated, w.atStated
	}
	samples := data / uint64(w.counts.frame()) //nolint:gosec // 1 to 32
	return &Findings{
		Encoding:        w.encodingName(),
		Channels:        w.counts.channels,
		SampleRate:      int(w.rate),
		DurationSeconds: durationOf(samples, w.rate),
		Silence:         shares(silent[:w.counts.channels], samples),
	}
}

func (w *wavStream) encodingName() string {
	switch {
	case w.counts.encoding == muLaw:
		return "pcm_mulaw"
	case w.counts.encoding == aLaw:
		return "pcm_alaw"
	case w.counts.width == 1:
		return "pcm_u8"
	case w.bigEndian:
		return fmt.Sprintf("pcm_s%dbe", 8*w.counts.width)
	default:
		return fmt.Sprintf("pcm_s%dle", 8*w.counts.width)
	}
}
