package audio

import (
	"encoding/binary"
	"math/bits"
)

// bitReader reads numbers from bytes, the highest bit first. After the last byte
// it reads zeros and is short.
type bitReader struct {
	data   []byte
	next   int    // of data, the byte after those in cache
	cache  uint64 // the bits to come, the next one highest
	cached int    // how many there are for certain, at most 64
	over   bool
}

// fill caches at least 56 bits.
func (r *bitReader) fill() {
	if r.next+8 <= len(r.data) {
		r.cache |= binary.BigEndian.Uint64(r.data[r.next:]) >> (r.cached & 63)
		whole := (63 - r.cached) >> 3
		r.next += whole
		r.cached += 8 * whole
		return
	}
	for ; r.cached <= 56; r.cached += 8 {
		if r.next < len(r.data) {
			r.cache |= uint64(r.data[r.next]) << ((56 - r.cached) & 63)
		}
		r.next++
	}
}

// bits reads a number of at most 32 bits.
func (r *bitReader) bits(n int) uint32 {
	if r.cached < n {
		r.fill()
	}
	v := r.cache >> (64 - n)
	r.cache <<= n
	r.cached -= n
	return uint32(v) //nolint:gosec // at most 32 bits
}

// signed reads a number of 1 to 32 bits in two's complement.
func (r *bitReader) signed(n int) int32 {
	unused := 32 - n
	return int32(r.bits(n)<<unused) >> unused //nolint:gosec // The highest bit is the sign.
}

// unary reads the number of zeros before a one.
func (r *bitReader) unary() uint32 {
	var zeros uint32
	for {
		if r.cached < 56 {
			r.fill()
		}
		if n := bits.LeadingZeros64(r.cache); n < r.cached {
			r.cache <<= n + 1
			r.cached -= n + 1
			return zeros + uint32(n) //nolint:gosec // at most 63
		}
		if r.next >= len(r.data) {
			r.over = true
			return 0
		}
		zeros += uint32(r.cached) //nolint:gosec // at most 64
		r.cache, r.cached = 0, 0
	}
}

// rice reads numbers in the Rice code with a parameter of at most 30: the quotient in
// unary, the remainder in binary, the sign in the lowest bit.
func (r *bitReader) rice(out []int32, parameter int) {
	cache, cached := r.cache, r.cached
	for i := range out {
		if cached < 32 {
			r.cache, r.cached = cache, cached
			r.fill()
			cache, cached = r.cache, r.cached
		}
		var folded uint32
		if zeros := bits.LeadingZeros64(cache); zeros+1+parameter <= cached {
			cache = cache << (zeros & 63) << 1
			folded = uint32(zeros)<<(parameter&31) | uint32(cache>>1>>((63-parameter)&63)) //nolint:gosec // at most 63, and 30 bits
			cache <<= parameter & 63
			cached -= zeros + 1 + parameter
		} else {
			r.cache, r.cached = cache, cached
			folded = r.unary() << parameter
			folded |= r.bits(parameter)
			cache, cached = r.cache, r.cached
		}
		out[i] = int32(folded>>1) ^ -int32(folded&1)
	}
	r.cache, r.cached = cache, cached
}

// align passes over the rest of a byte and returns where the next one is.
func (r *bitReader) align() int {
	r.cache <<= r.cached & 7
	r.cached &^= 7
	return r.next - r.cached/8
}

// short reports whether more was read than there is.
func (r *bitReader) short() bool { return r.over || r.next*8-r.cached > len(r.data)*8 }
