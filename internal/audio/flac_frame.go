package audio

import (
	"encoding/binary"
	"errors"
	"math/bits"
)

// flacFrame decodes the frames of a FLAC stream (RFC 9639), one at a time.
type flacFrame struct {
	info streamInfo
	// samples of the last frame, channel after channel.
	samples []int32
	// length of the last frame in samples of each channel.
	length int
	// work grows with the time that decoding took, also of frames that failed.
	work uint64
}

// streamInfo is what the STREAMINFO block states.
type streamInfo struct {
	maxBlock int    // samples
	rate     uint32 // Hz, 0 if it is no sound
	channels int
	bits     int
	samples  uint64 // of each channel, 0 if not known
	md5      [16]byte
}

// Limits of what is decoded. Telephone speech has 4,096 samples of 16 bits in a
// frame, and FLAC's own subset at most 16,384 in each of 8 channels.
const (
	maxFLACBits    = 24
	maxFLACSamples = 1 << 17 // of a frame, in all channels
)

// Reasons why a frame is not decoded.
var (
	errFLACShort = errors.New("audio: the bytes end within the FLAC frame")
	errFLACBad   = errors.New("audio: this is no valid FLAC frame")
	// errFLACNotDecoded is of a frame that may be valid.
	errFLACNotDecoded = errors.New("audio: this kind of FLAC frame is not decoded")
)

// decode decodes the frame at the beginning of data and returns its length in
// bytes.
func (f *flacFrame) decode(data []byte) (int, error) {
	if len(data) < 2 {
		if len(data) == 1 && data[0] != 0xff {
			return 0, errFLACBad
		}
		return 0, errFLACShort
	}
	r := &bitReader{data: data}
	assignment, err := f.readHeader(r)
	if err != nil {
		return 0, err
	}
	for channel := range f.info.channels {
		depth := f.info.bits
		if assignment == leftSide && channel == 1 || assignment == sideRight && channel == 0 || assignment == midSide && channel == 1 {
			depth++
		}
		out := f.samples[channel*f.length : (channel+1)*f.length]
		err := f.readSubframe(r, out, depth)
		if r.short() {
			return 0, errFLACShort
		}
		if err != nil {
			return 0, err
		}
	}
	end := r.align()
	if len(data) < end+2 {
		return 0, errFLACShort
	}
	if flacCRC16(data[:end]) != binary.BigEndian.Uint16(data[end:]) {
		return 0, errFLACBad
	}
	if assignment >= leftSide {
		decorrelate(f.samples[:f.length], f.samples[f.length:2*f.length], assignment)
	}
	return end + 2, nil
}

// Assignments of the channels; lower ones are the number of channels less one.
const (
	leftSide  = 8
	sideRight = 9
	midSide   = 10
)

// flacBits are the bits of a sample by their code; 0 is reserved.
var flacBits = [8]int{0, 8, 12, 0, 16, 20, 24, 32}

// readHeader reads a frame's header, makes room for the samples and returns how the channels are
// assigned. The sample rate and the number of the frame are passed over.
func (f *flacFrame) readHeader(r *bitReader) (assignment int, err error) {
	const syncCode = 0xfff8 >> 1 // the last bit says whether the length of frames varies
	if r.bits(15) != syncCode {
		return 0, errFLACBad
	}
	r.bits(1)
	lengthCode, rateCode := r.bits(4), r.bits(4)
	assignment = int(r.bits(4))
	bitsCode, reserved := r.bits(3), r.bits(1)
	number := byte(r.bits(8)) //nolint:gosec // 8 bits, in the manner of UTF-8
	following := bits.LeadingZeros8(^number)
	valid := following != 1 && following != 8 && reserved == 0 && bitsCode != 3 && rateCode != 15 && assignment <= midSide && lengthCode != 0
	for range following - 1 {
		valid = valid && r.bits(8)>>6 == 2
	}
	length := frameLength(r, lengthCode)
	switch rateCode {
	case 12:
		r.bits(8)
	case 13, 14:
		r.bits(16)
	}
	end := r.align()
	crc := byte(r.bits(8)) //nolint:gosec // 8 bits
	switch {
	case r.short():
		return 0, errFLACShort
	case !valid || flacCRC8(r.data[:end]) != crc || length > 1<<16-1:
		return 0, errFLACBad
	}
	channels := assignment + 1
	if assignment >= leftSide {
		channels = 2
	}
	depth := flacBits[bitsCode]
	if bitsCode == 0 {
		depth = f.info.bits
	}
	if channels != f.info.channels || depth != f.info.bits || channels*length > maxFLACSamples {
		return 0, errFLACNotDecoded
	}
	if len(f.samples) < channels*length {
		f.samples = make([]int32, channels*length)
	}
	f.length = length
	return assignment, nil
}

// frameLength reads the length of a frame in samples by its code, which is not 0.
func frameLength(r *bitReader, code uint32) int {
	switch {
	case code == 1:
		return 192
	case code <= 5:
		return 576 << (code - 2) & (1<<16 - 1)
	case code == 6:
		return int(r.bits(8)) + 1
	case code == 7:
		return int(r.bits(16)) + 1
	default:
		return 256 << (code - 8)
	}
}

// decorrelate replaces a left or mid, and a side channel by left and right.
func decorrelate(a, b []int32, assignment int) {
	b = b[:len(a)]
	switch assignment {
	case leftSide:
		for i := range a {
			b[i] = a[i] - b[i]
		}
	case sideRight:
		for i := range a {
			a[i] += b[i]
		}
	default:
		for i := range a {
			mid, side := a[i]<<1|b[i]&1, b[i]
			a[i], b[i] = (mid+side)>>1, (mid-side)>>1
		}
	}
}
