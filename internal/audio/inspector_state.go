package audio

import (
	"encoding/binary"
	"errors"
)

// stateVersion is the first byte of an inspector's state.
const stateVersion = 1

var errState = errors.New("audio: this is no state of an inspector; inspect the recording from its first byte")

// MarshalBinary implements encoding.BinaryMarshaler: another process continues with
// the bytes that follow. The state has less than 1 kB. For FLAC it is only what the header
// states: the rest of the file is not decoded.
func (i *Inspector) MarshalBinary() ([]byte, error) {
	c := stateCodec{writing: true, data: []byte{stateVersion}}
	i.code(&c)
	return c.data, nil
}

// UnmarshalBinary implements encoding.BinaryUnmarshaler. The options stay as they
// are. A state that no inspector has is an error, and leaves the inspector as it
// was.
func (i *Inspector) UnmarshalBinary(data []byte) error {
	if len(data) == 0 || data[0] != stateVersion {
		return errState
	}
	c := stateCodec{data: data[1:]}
	restored := Inspector{options: i.options}
	restored.code(&c)
	if c.failed || len(c.data) > 0 || !restored.valid() {
		return errState
	}
	*i = restored
	return nil
}

// stateCodec writes or reads the fields of a state, so that one function names
// them for both.
type stateCodec struct {
	data    []byte
	writing bool
	failed  bool
}

// number codes an integer from 0 to a limit.
func number[T ~int | ~uint8 | ~uint32 | ~uint64](c *stateCodec, v *T, limit uint64) {
	if c.writing {
		c.data = binary.AppendUvarint(c.data, uint64(*v))
		return
	}
	n, length := binary.Uvarint(c.data)
	if length <= 0 || n > limit {
		c.failed, c.data = true, nil
		return
	}
	*v, c.data = T(n), c.data[length:]
}

func (c *stateCodec) bytes(p []byte) {
	if c.writing {
		c.data = append(c.data, p...)
		return
	}
	if len(c.data) < len(p) {
		c.failed, c.data = true, nil
		return
	}
	c.data = c.data[copy(p, c.data):]
}

func (c *stateCodec) flag(v *bool) {
	var n uint8
	if *v {
		n = 1
	}
	number(c, &n, 1)
	*v = n == 1
}

const anyNumber = 1<<64 - 1

func (i *Inspector) code(c *stateCodec) {
	number(c, &i.format, uint64(notInspected))
	switch i.format {
	case undecided:
		length := len(i.head)
		number(c, &length, signatureBytes-1)
		if !c.writing {
			i.head = make([]byte, length)
		}
		c.bytes(i.head)
	case inspectedWAV:
		i.wav.code(c)
	case inspectedFLAC:
		i.flac.code(c)
	default:
	}
}

func (w *wavStream) code(c *stateCodec) {
	number(c, &w.stage, uint64(wavGivenUp))
	number(c, &w.need, uint64(len(w.pending)))
	number(c, &w.collected, uint64(len(w.pending)))
	c.bytes(w.pending[:])
	number(c, &w.skip, 1<<33)
	number(c, &w.rest, 1<<33)
	number(c, &w.chunks, maxChunks+1)
	c.flag(&w.bigEndian)
	c.flag(&w.large)
	number(c, &w.largeData, anyNumber)
	number(c, &w.rate, maxRate)
	number(c, &w.stated, anyNumber)
	number(c, &w.came, 1<<63)
	w.counts.code(c)
	for channel := range w.atStated {
		number(c, &w.atStated[channel], anyNumber)
	}
	w.tail.code(c)
}

func (s *silenceCounter) code(c *stateCodec) {
	number(c, &s.encoding, uint64(aLaw))
	number(c, &s.channels, maxChannels)
	number(c, &s.width, 4)
	number(c, &s.carried, uint64(len(s.carry)))
	c.bytes(s.carry[:])
	for channel := range s.silent {
		number(c, &s.silent[channel], anyNumber)
	}
}

func (t *chunkTail) code(c *stateCodec) {
	c.bytes(t.header[:])
	number(c, &t.collected, chunkHeader-1)
	number(c, &t.skip, 1<<32)
	number(c, &t.chunks, maxChunks+1)
	c.flag(&t.padded)
	c.flag(&t.broken)
}

// valid reports whether the fields of a restored state fit one another.
func (i *Inspector) valid() bool {
	switch i.format {
	case inspectedWAV:
		return i.wav.valid()
	case inspectedFLAC:
		return i.flac.stage == flacGivenUp || i.flac.info.channels > 0
	default:
		return true
	}
}

func (w *wavStream) valid() bool {
	counts := &w.counts
	switch {
	case w.stage == wavRIFF, w.stage < wavData && w.collected >= w.need:
		return false
	case counts.encoding == 0:
		return w.stage != wavData
	case counts.channels == 0 || counts.width == 0 || counts.encoding != pcm && counts.width != 1 || counts.carried >= counts.frame():
		return false
	}
	samples := w.came / uint64(counts.frame()) //nolint:gosec // 1 to 32
	for channel := range counts.silent {
		if counts.silent[channel] > samples || w.atStated[channel] > counts.silent[channel] {
			return false
		}
	}
	return true
}

// code leaves out the decoder: a restored stream is not decoded any more.
func (s *flacStream) code(c *stateCodec) {
	known := s.stage == flacBlock || s.stage == flacFrames
	c.flag(&known)
	if !c.writing {
		if s.stage = flacGivenUp; known {
			s.stage = flacFrames
		}
	}
	if !known {
		return
	}
	number(c, &s.info.rate, maxRate)
	number(c, &s.info.channels, maxChannels)
	number(c, &s.info.samples, 1<<36-1)
	c.bytes(s.info.md5[:])
}
