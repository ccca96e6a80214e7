package audio

import (
	"crypto/md5" //nolint:gosec // FLAC states the MD5 of its samples.
	"encoding/binary"
	"errors"
	"hash"
)

// flacDecoder decodes the frames of a FLAC file as their bytes come, and keeps of
// the samples only their MD5 and the number of silent ones.
type flacDecoder struct {
	frame flacFrame
	bytes []byte // of the file, not decoded yet
	at    int64  // where in the file they begin
	// enough is how many bytes a frame is expected to have at most. Decoding starts
	// with as many, or at the end of the file, so that it need not be resumed within
	// a frame.
	enough  int
	taken   uint64 // bytes that came
	samples uint64 // of each channel
	silent  [maxChannels]uint64
	md5     hash.Hash // nil if the process allows none
	packed  []byte
	end     error // why no more frames are decoded
}

// maxFrameBytes is more than the samples of a frame have without compression. It
// bounds the memory.
const maxFrameBytes = 1 << 19

// Limits of the time that decoding takes, in units of a nanosecond or two: so much
// for each byte, and two or three seconds for each file. A few bytes can stand for a
// frame of silence, so a small hostile file could take minutes.
const (
	workForByte = 64
	workForFile = 1 << 30
)

func newFLACDecoder(info streamInfo, at int64) *flacDecoder {
	const around = 64 // more than the headers of a frame
	enough := info.channels * (info.maxBlock*(info.bits+1)/8 + around)
	return &flacDecoder{
		frame:  flacFrame{info: info},
		at:     at,
		enough: min(max(enough, 4096), maxFrameBytes),
		md5:    md5.New(), //nolint:gosec // It is no signature.
	}
}

// write takes the next bytes. A mistake in the decoder must not cost a recording.
func (d *flacDecoder) write(p []byte) {
	defer d.contain()
	for len(p) > 0 && d.end == nil {
		if cap(d.bytes) < 2*d.enough {
			d.bytes = append(make([]byte, 0, 2*d.enough), d.bytes...)
		}
		n := min(cap(d.bytes)-len(d.bytes), len(p))
		d.bytes = append(d.bytes, p[:n]...)
		d.taken += uint64(n) //nolint:gosec // at least 0
		p = p[n:]
		if len(d.bytes) == cap(d.bytes) {
			d.decode(d.enough)
		}
	}
	if d.end != nil {
		d.bytes, d.packed, d.frame.samples = nil, nil, nil
	}
}

// contain ends the decoding after a panic.
func (d *flacDecoder) contain() {
	if recover() != nil {
		d.end = errFLACNotDecoded
	}
}

// decode decodes frames while there are at least so many bytes; 1 means that the
// file ends with them.
func (d *flacDecoder) decode(least int) {
	rest := d.bytes
	for d.end == nil && len(rest) >= least {
		n, err := d.frame.decode(rest)
		switch {
		case err == nil:
			d.add()
			rest = rest[n:]
			d.at += int64(n)
		case !errors.Is(err, errFLACShort) || least == 1:
			d.end = err
		case d.enough == maxFrameBytes:
			d.end = errFLACNotDecoded
		default:
			d.enough = min(2*d.enough, maxFrameBytes)
			least = d.enough
		}
		if d.frame.work > workForFile+workForByte*d.taken {
			d.end = errFLACNotDecoded
		}
	}
	d.bytes = d.bytes[:copy(d.bytes, rest)]
}

// add counts and hashes the samples of the last frame.
func (d *flacDecoder) add() {
	length, info := d.frame.length, d.frame.info
	channels := make([][]int32, info.channels)
	for i := range channels {
		channels[i] = d.frame.samples[i*length : (i+1)*length]
		var silent uint64
		for _, sample := range channels[i] {
			if sample == 0 {
				silent++
			}
		}
		d.silent[i] += silent
	}
	d.samples += uint64(length) //nolint:gosec // at least 1
	if d.md5 == nil || info.md5 == [16]byte{} {
		return
	}
	const atOnce = 512 // samples of each channel
	width := (info.bits + 7) / 8
	frame := width * info.channels
	if d.packed == nil {
		d.packed = make([]byte, atOnce*frame)
	}
	for start := 0; start < length; start += atOnce {
		end := min(start+atOnce, length)
		for i, samples := range channels {
			interleave(d.packed[i*width:], samples[start:end], width, frame)
		}
		if _, err := d.md5.Write(d.packed[:(end-start)*frame]); err != nil {
			d.md5 = nil
			return
		}
	}
}

// interleave writes samples with their lowest byte first, each frame bytes after
// the one before.
func interleave(out []byte, samples []int32, width, frame int) {
	at := 0
	for _, sample := range samples {
		switch width {
		case 1:
			out[at] = byte(sample) //nolint:gosec // the lowest byte
		case 2:
			binary.LittleEndian.PutUint16(out[at:], uint16(sample)) //nolint:gosec // the lowest bytes
		default:
			out[at+2] = byte(sample >> 16)                          //nolint:gosec // the third byte
			binary.LittleEndian.PutUint16(out[at:], uint16(sample)) //nolint:gosec // the lowest bytes
		}
		at += frame
	}
}

// finish decodes what is left at the end of the file.
func (d *flacDecoder) finish() {
	defer d.contain()
	d.decode(1)
}

// report completes findings at the end of the file. What follows the last sample
// that the header states is not missed, nor what follows samples with the MD5.
func (d *flacDecoder) report(f *Findings) {
	d.finish()
	info := d.frame.info
	whole := false
	if d.md5 != nil && info.md5 != [16]byte{} {
		whole = [16]byte(d.md5.Sum(nil)) == info.md5
	}
	reached := info.samples > 0 && d.samples >= info.samples
	switch {
	case whole, d.end == nil && (reached || info.samples == 0):
		f.FLACDecoding = DecodingComplete
	case errors.Is(d.end, errFLACNotDecoded):
		return
	case reached:
		f.FLACDecoding = DecodingComplete
	case errors.Is(d.end, errFLACBad):
		f.FLACDecoding, f.FLACFailsAtByte = DecodingFailed, d.at
		return
	default:
		f.FLACDecoding = DecodingCut
	}
	f.DurationSeconds = durationOf(d.samples, info.rate)
	f.Silence = shares(d.silent[:info.channels], d.samples)
	switch {
	case whole:
		f.FLACMD5 = MD5Matches
	case f.FLACMD5 != MD5NotStated && d.md5 != nil:
		f.FLACMD5 = MD5Mismatches
	}
}
