package audio

import (
	"bytes"
	"encoding/binary"
)

// silenceCounter counts the samples that are digital silence, for each channel.
// The bytes may come in any pieces.
type silenceCounter struct {
	encoding encoding
	channels int
	width    int                   // bytes of a sample, 1 to 4
	carry    [4 * maxChannels]byte // the beginning of a frame of which the rest is to come
	carried  int
	silent   [maxChannels]uint64
}

// encoding is how the samples of a WAV file are encoded.
type encoding uint8

const (
	pcm encoding = iota + 1
	muLaw
	aLaw
)

// silenceOf returns the bits of a sample in the lowest bytes that are compared
// for silence, and their values in it. In 8-bit PCM the middle, 128, is zero; in
// G.711 the highest bit is the sign.
func (c *silenceCounter) silenceOf() (compared, value uint32) {
	switch {
	case c.encoding == muLaw:
		return 0x7f, 0x7f
	case c.encoding == aLaw:
		return 0x7f, 0x55
	case c.width == 1:
		return 0xff, 0x80
	default:
		return 1<<(8*c.width) - 1, 0
	}
}

// frame is the number of bytes of one sample of every channel.
func (c *silenceCounter) frame() int { return c.channels * c.width }

func (c *silenceCounter) write(p []byte) {
	frame := c.frame()
	if c.carried > 0 {
		n := copy(c.carry[c.carried:frame], p)
		c.carried += n
		p = p[n:]
		if c.carried < frame {
			return
		}
		c.carried = 0
		c.countFrames(c.carry[:frame])
	}
	whole := len(p) - len(p)%frame
	c.carried = copy(c.carry[:], p[whole:])
	c.countFrames(p[c.countWords(p[:whole]):whole])
}

// countFrames counts whole frames one sample at a time.
func (c *silenceCounter) countFrames(p []byte) {
	compared, value := c.silenceOf()
	var silent [maxChannels]uint64
	for frame := c.frame(); len(p) >= frame; p = p[frame:] {
		sample := p
		for channel := range c.channels {
			var v uint32
			switch c.width {
			case 1:
				v = uint32(sample[0])
			case 2:
				v = uint32(sample[0]) | uint32(sample[1])
			case 3:
				v = uint32(sample[0]) | uint32(sample[1]) | uint32(sample[2])
			default:
				v = uint32(sample[0]) | uint32(sample[1]) | uint32(sample[2]) | uint32(sample[3])
			}
			if v&compared == value {
				silent[channel&(maxChannels-1)]++
			}
			sample = sample[c.width:]
		}
	}
	for channel, n := range silent {
		c.silent[channel] += n
	}
}

// countWords counts most of the frames of p, eight bytes at a time, and returns how
// many bytes that were. A branch for each sample would take several times as long: the
// processor cannot guess where speech crosses zero.
func (c *silenceCounter) countWords(p []byte) int {
	switch {
	case c.channels == 1 && c.width == 1:
		c.silent[0] += c.countBytes(p)
		return len(p)
	case c.width == 1 && c.encoding != pcm && wordBytes%c.frame() == 0:
		return c.countBlocks(p, func(block []byte) uint64 {
			_, silence := c.silenceOf()
			return loudG711(block, uint64(silence)*lanes8, lanes8*0x7f, lanes8)
		})
	case c.width == 2 && wordBytes%c.frame() == 0:
		return c.countBlocks(p, func(block []byte) uint64 { return loud16(block, lanes16*0x7fff, lanes16) })
	default:
		return c.countPeriods(p)
	}
}

// countBytes counts the silent samples of a single channel of one byte each.
func (c *silenceCounter) countBytes(p []byte) uint64 {
	compared, value := c.silenceOf()
	n := bytes.Count(p, []byte{byte(value)}) //nolint:gosec // at most 0xFF
	if compared == 0x7f {
		n += bytes.Count(p, []byte{byte(value | 0x80)}) //nolint:gosec // at most 0xFF
	}
	return uint64(n) //nolint:gosec // at least 0
}

// wordBytes is the length of a word, blockBytes that of the blocks that loud16 and
// loudG711 count.
const wordBytes, blockBytes = 8, 64

// Words with the lowest bit of each sample set, by the bits of a sample. Of 24 bits
// a word has two samples and the beginning of the next one.
const (
	lanes8  = 0x0101010101010101
	lanes16 = 0x0001000100010001
	lanes24 = 0x0000000001000001
	lanes32 = 0x0000000100000001
)

// countBlocks counts whole blocks. countLoud returns how many samples are not silent
// for each place that a sample has in a word, as numbers of the width of a sample.
func (c *silenceCounter) countBlocks(p []byte, countLoud func([]byte) uint64) int {
	// A number of one byte holds the count of 31 blocks of 8 words.
	atOnce := 31 << (8 * (c.width - 1)) * blockBytes
	done := 0
	for len(p)-done >= blockBytes {
		n := min((len(p)-done)&^(blockBytes-1), atOnce)
		c.addLanes(countLoud(p[done:done+n]), n/wordBytes, 0)
		done += n
	}
	return done
}

// addLanes adds what was counted in the samples of words, the first of which belongs
// to a channel.
func (c *silenceCounter) addLanes(loud uint64, words, channel int) {
	width := 8 * c.width
	for range wordBytes / c.width {
		c.silent[channel%c.channels] += uint64(words) - loud&(1<<width-1) //nolint:gosec // at least 0
		loud >>= width
		channel++
	}
}

// countPeriods counts samples of any layout. After a period of some words, a place in a
// word belongs to the same channel again.
func (c *silenceCounter) countPeriods(p []byte) int {
	lanes := [...]uint64{lanes8, lanes16, lanes24, lanes32}[c.width-1]
	samples := wordBytes / c.width
	word := samples * c.width // 6 bytes of 24-bit samples, otherwise 8
	words := c.channels       // in a period; fewer may do
	for words%2 == 0 && words/2*word%c.frame() == 0 {
		words /= 2
	}
	_, silence := c.silenceOf()
	mask := ^uint64(0)
	if c.encoding != pcm {
		mask = lanes8 * 0x7f
	}
	period := words * word
	done := 0
	for {
		n := min((len(p)-done-(wordBytes-word))/period, 255)
		if n <= 0 {
			return done
		}
		for i := range words {
			loud := loudStrided(p[done+i*word:], n, period, lanes*uint64(silence), mask, lanes, 8*c.width)
			c.addLanes(loud, n, i*samples%c.channels)
		}
		done += n * period
	}
}

// loudStrided counts the samples that are not silence in n words, each stride bytes
// after the one before. Adding all ones below the highest bit of a sample to its lower
// bits carries into that bit unless they are 0, and never beyond it.
func loudStrided(p []byte, n, stride int, silence, mask, lanes uint64, width int) uint64 {
	top := uint(width-1) & 63
	low := lanes * (1<<top - 1)
	var loud uint64
	for at := 0; n > 0; n-- {
		x := (binary.LittleEndian.Uint64(p[at:]) ^ silence) & mask
		loud += (x&low + low | x) >> top & lanes
		at += stride
	}
	return loud
}

// loud16 counts the 16-bit samples of blocks that are not 0, whatever their byte order,
// as loudStrided does. The constants are parameters because the
// compiler keeps only those in registers.
func loud16(p []byte, low, lanes uint64) uint64 {
	var even, odd uint64
	for len(p) >= blockBytes {
		block := (*[blockBytes]byte)(p)
		x := binary.LittleEndian.Uint64(block[0:])
		y := binary.LittleEndian.Uint64(block[8:])
		even += (x&low + low | x) >> 15 & lanes
		odd += (y&low + low | y) >> 15 & lanes
		x = binary.LittleEndian.Uint64(block[16:])
		y = binary.LittleEndian.Uint64(block[24:])
		even += (x&low + low | x) >> 15 & lanes
		odd += (y&low + low | y) >> 15 & lanes
		x = binary.LittleEndian.Uint64(block[32:])
		y = binary.LittleEndian.Uint64(block[40:])
		even += (x&low + low | x) >> 15 & lanes
		odd += (y&low + low | y) >> 15 & lanes
		x = binary.LittleEndian.Uint64(block[48:])
		y = binary.LittleEndian.Uint64(block[56:])
		even += (x&low + low | x) >> 15 & lanes
		odd += (y&low + low | y) >> 15 & lanes
		p = p[blockBytes:]
	}
	return even + odd
}

// loudG711 counts the samples of μ-law or A-law that are not silence of either sign.
func loudG711(p []byte, silence, low, lanes uint64) uint64 {
	var even, odd uint64
	for len(p) >= blockBytes {
		block := (*[blockBytes]byte)(p)
		x := binary.LittleEndian.Uint64(block[0:]) ^ silence
		y := binary.LittleEndian.Uint64(block[8:]) ^ silence
		even += (x&low + low) >> 7 & lanes
		odd += (y&low + low) >> 7 & lanes
		x = binary.LittleEndian.Uint64(block[16:]) ^ silence
		y = binary.LittleEndian.Uint64(block[24:]) ^ silence
		even += (x&low + low) >> 7 & lanes
		odd += (y&low + low) >> 7 & lanes
		x = binary.LittleEndian.Uint64(block[32:]) ^ silence
		y = binary.LittleEndian.Uint64(block[40:]) ^ silence
		even += (x&low + low) >> 7 & lanes
		odd += (y&low + low) >> 7 & lanes
		x = binary.LittleEndian.Uint64(block[48:]) ^ silence
		y = binary.LittleEndian.Uint64(block[56:]) ^ silence
		even += (x&low + low) >> 7 & lanes
		odd += (y&low + low) >> 7 & lanes
		p = p[blockBytes:]
	}
	return even + odd
}
