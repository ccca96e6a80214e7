package audio

import (
	"encoding/binary"
	"fmt"
	"math"
)

// Header is what the first bytes of a recording state about the whole file. Many
// writers leave it unfinished, so it proves nothing: it is a remark for an
// auditor.
type Header struct {
	// name of the kind of header, for texts; empty if it states no length.
	name string
	// size is the length field in bytes, and counted what it leaves out.
	size, counted uint64
	// unset is true if the writer left a placeholder in the length field.
	unset bool

	// rate is how many bytes (or, for FLAC, samples) one second has; 0 if unknown.
	rate uint64
	// data is how many of them the header states, if dataStated.
	data       uint64
	dataStated bool
	// dataAt is where they begin in the file in bytes; 0 if it is not known.
	dataAt uint64
}

// ReadHeader reads what head, the first [HeadBytes] of a file or all of it if it
// is smaller, states. The result is empty for a format without such a header.
func ReadHeader(head []byte) Header {
	switch Detect(head) {
	case WAV:
		return readRIFF(head)
	case W64:
		return readW64(head)
	case AU:
		return readAU(head)
	case AIFF:
		return readAIFF(head)
	case FLAC:
		return readFLAC(head)
	default:
		return Header{}
	}
}

// Remarks compares the header with the length of the whole file in bytes. It
// returns plain sentences of at most 200 bytes: what deviates, and the duration.
func (h Header) Remarks(length int64) []string {
	found := uint64(max(length, 0))
	var remarks []string
	if h.Deviates(length) {
		remarks = append(remarks, h.deviation(found))
	}
	if duration := h.duration(found); duration != "" {
		remarks = append(remarks, duration)
	}
	return remarks
}

// Deviates reports whether the header states no length of the file or another one
// than length in bytes.
func (h Header) Deviates(length int64) bool {
	return h.name != "" && !h.agrees(uint64(max(length, 0)))
}

// agrees allows for the padding byte after a chunk of odd length, which some
// writers leave out of the length.
func (h Header) agrees(length uint64) bool {
	return !h.unset && (length == h.total() || h.size%2 == 1 && length-1 == h.total())
}

// total is the length of the whole file that the header states, at most
// math.MaxUint64.
func (h Header) total() uint64 {
	if h.size > math.MaxUint64-h.counted {
		return math.MaxUint64
	}
	return h.size + h.counted
}

func (h Header) deviation(length uint64) string {
	if h.unset {
		return fmt.Sprintf("the %s header states no length (%#x), the file has %d bytes", h.name, h.size, length)
	}
	return fmt.Sprintf("the %s header states %d bytes, the file has %d", h.name, h.total(), length)
}

// readW64 reads the length of Sony Wave64, which counts the whole file.
func readW64(head []byte) Header {
	if len(head) < 24 {
		return Header{}
	}
	size := binary.LittleEndian.Uint64(head[16:])
	return Header{name: "W64", size: size, unset: isUnset64(size)}
}

// readAIFF reads the length of AIFF and AIFF-C.
func readAIFF(head []byte) Header {
	size := binary.BigEndian.Uint32(head[4:])
	return Header{name: "AIFF", size: uint64(size), counted: 8, unset: isUnset32(size)}
}

// auSampleBytes are the bytes of one sample by the encoding's number in an AU
// header: μ-law, 8, 16, 24 and 32 bits, float, double, A-law.
var auSampleBytes = map[uint32]uint64{1: 1, 2: 1, 3: 2, 4: 3, 5: 4, 6: 4, 7: 8, 27: 1}

// readAU reads a Sun or NeXT header: the magic, where the data begins, its length
// (all ones if unknown), encoding, sample rate, channels.
func readAU(head []byte) Header {
	if len(head) < 24 {
		return Header{}
	}
	field := func(i int) uint32 { return binary.BigEndian.Uint32(head[4*i:]) }
	dataAt, size := uint64(field(1)), field(2)
	if dataAt < 24 {
		return Header{}
	}
	header := Header{name: "AU", size: uint64(size), counted: dataAt, unset: size == math.MaxUint32}
	header.dataAt, header.data, header.dataStated = dataAt, uint64(size), !header.unset
	if samples := uint64(field(4)) * uint64(field(5)); samples <= math.MaxUint32 {
		header.rate = samples * auSampleBytes[field(3)]
	}
	return header
}

// readFLAC reads the sample rate (20 bits) and the number of samples (36 bits, 0
// if unknown) of the STREAMINFO block, which comes first.
func readFLAC(head []byte) Header {
	if len(head) < 26 || head[4]&0x7f != 0 {
		return Header{}
	}
	info := binary.BigEndian.Uint64(head[18:])
	samples := info & (1<<36 - 1)
	return Header{rate: info >> 44, data: samples, dataStated: true}
}

func isUnset32(size uint32) bool { return size == 0 || size == math.MaxUint32 }

func isUnset64(size uint64) bool { return size == 0 || size == math.MaxUint64 }
