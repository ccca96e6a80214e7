package audio_test

import (
	"crypto/md5"
	"math/bits"
	"math/rand/v2"
)

// flacEncoder writes FLAC with every kind of frame and subframe of RFC 9639, chosen
// at random: real encoders use few of them. It is slow and compresses badly.
type flacEncoder struct {
	random   *rand.Rand
	channels int
	bits     int
	rate     uint64
	out      bitWriter
	samples  uint64 // so far
}

type bitWriter struct {
	bytes []byte
	free  int // bits of the last byte
}

func (w *bitWriter) write(v uint64, n int) {
	for n--; n >= 0; n-- {
		if w.free == 0 {
			w.bytes, w.free = append(w.bytes, 0), 8
		}
		w.free--
		w.bytes[len(w.bytes)-1] |= byte(v>>n&1) << w.free
	}
}

func (w *bitWriter) signed(v int64, n int) { w.write(uint64(v)&(1<<n-1), n) }

// rice writes a number with a parameter.
func (w *bitWriter) rice(v int64, parameter int) {
	folded := uint64(v)<<1 ^ uint64(v>>63)
	for range folded >> parameter {
		w.write(0, 1)
	}
	w.write(1, 1)
	w.write(folded&(1<<parameter-1), parameter)
}

// crc is computed bit by bit.
func crc(p []byte, polynomial uint32, width int) uint64 {
	var sum uint32
	for _, b := range p {
		for bit := 7; bit >= 0; bit-- {
			top := sum>>(width-1)&1 ^ uint32(b)>>bit&1
			sum = sum<<1&(1<<width-1) ^ top*polynomial
		}
	}
	return uint64(sum)
}

// streamInfoBlock is the beginning of a file: the STREAMINFO block, which is the only one.
func streamInfoBlock(maxBlock, rate uint64, channels, depth int, samples uint64, sum string) string {
	packed := rate<<44 | uint64(channels-1)<<41 | uint64(depth-1)<<36 | samples
	return "fLaC\x80" + be(34, 3) + be(16, 2) + be(maxBlock, 2) + zeros(6) + be(packed, 8) + sum
}

// encode returns a file of sound, a slice for each channel, with its MD5.
func (e *flacEncoder) encode(sound [][]int32) string {
	samples := len(sound[0])
	for start := 0; start < samples; {
		length := min(16+e.random.IntN(4985), samples-start) // only the last may be shorter
		if e.random.IntN(3) == 0 {
			length = min(192<<e.random.IntN(5), samples-start)
		}
		var block [][]int32
		for _, channel := range sound {
			block = append(block, channel[start:start+length])
		}
		e.frame(block)
		start += length
	}
	return streamInfoBlock(5000, e.rate, e.channels, e.bits, uint64(samples), md5Of(sound, e.bits)) + string(e.out.bytes)
}

func md5Of(sound [][]int32, depth int) string {
	var pcm []byte
	for i := range sound[0] {
		for _, channel := range sound {
			for shift := 0; shift < depth; shift += 8 {
				pcm = append(pcm, byte(channel[i]>>shift))
			}
		}
	}
	sum := md5.Sum(pcm)
	return string(sum[:])
}

func (e *flacEncoder) frame(block [][]int32) {
	start, length := len(e.out.bytes), len(block[0])
	e.out.write(0xfff9, 16) // with frames of different length
	lengthCode, lengthBits := e.lengthCode(length)
	e.out.write(uint64(lengthCode), 4)
	rateCode := []int{0, 4, 12, 13, 14}[e.random.IntN(5)]
	e.out.write(uint64(rateCode), 4)
	assignment := e.channels - 1
	if e.channels == 2 {
		assignment = []int{1, 8, 9, 10}[e.random.IntN(4)]
	}
	e.out.write(uint64(assignment), 4)
	e.out.write(uint64([]int{0, map[int]int{8: 1, 12: 2, 16: 4, 20: 5, 24: 6}[e.bits]}[e.random.IntN(2)]), 3)
	e.out.write(0, 1)
	e.number()
	e.out.write(uint64(length-1), lengthBits)
	e.out.write(e.rate/1000, map[int]int{12: 8}[rateCode])
	e.out.write(e.rate, map[int]int{13: 16}[rateCode])
	e.out.write(e.rate/10, map[int]int{14: 16}[rateCode])
	e.out.write(crc(e.out.bytes[start:], 0x07, 8), 8)
	for i, channel := range block {
		depth := e.bits
		if assignment >= 8 && (assignment == 9) == (i == 0) {
			depth++
		}
		e.subframe(assigned(block, channel, i, assignment), depth)
	}
	e.out.free = 0
	e.out.write(crc(e.out.bytes[start:], 0x8005, 16), 16)
	e.samples += uint64(length)
}

// assigned returns what is stored of a channel.
func assigned(block [][]int32, channel []int32, i, assignment int) []int64 {
	out := make([]int64, len(channel))
	for k, sample := range channel {
		switch {
		case assignment < 8 || assignment == 8 && i == 0 || assignment == 9 && i == 1:
			out[k] = int64(sample)
		case assignment == 10 && i == 0:
			out[k] = (int64(block[0][k]) + int64(block[1][k])) >> 1
		default:
			out[k] = int64(block[0][k]) - int64(block[1][k])
		}
	}
	return out
}

// lengthCode returns a code for the length of a frame, and how many bits follow.
func (e *flacEncoder) lengthCode(length int) (code, following int) {
	for code := 1; code < 16; code++ {
		fixed := map[int]int{1: 192, 2: 576, 3: 1152, 4: 2304, 5: 4608}[code]
		if code >= 8 {
			fixed = 256 << (code - 8)
		}
		if length == fixed {
			return code, 0
		}
	}
	if length <= 256 && e.random.IntN(2) == 0 {
		return 6, 8
	}
	return 7, 16
}

// number writes the number of the first sample in the manner of UTF-8.
func (e *flacEncoder) number() {
	if e.samples < 128 {
		e.out.write(e.samples, 8)
		return
	}
	length := 2 // its bytes have 11 bits for the number, each further one 5 more
	for e.samples>>(5*length+1) > 0 {
		length++
	}
	e.out.write(1<<(length+1)-2, length+1)
	e.out.write(e.samples>>(6*(length-1)), 7-length)
	for shift := 6 * (length - 2); shift >= 0; shift -= 6 {
		e.out.write(2<<6|e.samples>>shift&0x3f, 8)
	}
}

func (e *flacEncoder) subframe(samples []int64, depth int) {
	e.out.write(0, 1)
	constant, common := true, uint64(0)
	for _, sample := range samples {
		constant = constant && sample == samples[0]
		common |= uint64(sample)
	}
	kind, order := e.random.IntN(4), 0
	switch {
	case kind == 0 && constant:
		e.out.write(0, 6)
	case kind <= 1, kind == 3 && len(samples) == 1: // No sample is left to be predicted.
		kind = 1
		e.out.write(1, 6)
	case kind == 2:
		order = min(e.random.IntN(5), len(samples)-1)
		e.out.write(uint64(8+order), 6)
	default:
		order = min(1+e.random.IntN(32), len(samples)-1)
		e.out.write(uint64(31+order), 6)
	}
	wasted := 0
	if common != 0 && bits.TrailingZeros64(common) > 0 && e.random.IntN(2) == 0 {
		wasted = min(bits.TrailingZeros64(common), depth-1)
		e.out.write(1, 1)
		e.out.write(1, wasted)
	} else {
		e.out.write(0, 1)
	}
	depth -= wasted
	shifted := make([]int64, len(samples))
	for i := range samples {
		shifted[i] = samples[i] >> wasted
	}
	switch kind {
	case 0:
		e.out.signed(shifted[0], depth)
	case 1:
		for _, sample := range shifted {
			e.out.signed(sample, depth)
		}
	default:
		for _, sample := range shifted[:order] {
			e.out.signed(sample, depth)
		}
		weights, shift := [][]int64{{}, {1}, {2, -1}, {3, -3, 1}, {4, -6, 4, -1}}[min(order, 4)], 0
		if kind == 3 {
			weights, shift = e.weights(order)
		}
		e.residual(shifted, weights, shift)
	}
}

// weights writes the weights of a linear prediction: those of the sample before
// add up to about 1, the others are small.
func (e *flacEncoder) weights(order int) (weights []int64, shift int) {
	precision := 6 + e.random.IntN(10)
	shift = min(precision-2, 15)
	e.out.write(uint64(precision-1), 4)
	e.out.write(uint64(shift), 5)
	for i := range order {
		weight := int64(e.random.IntN(3) - 1)
		if i == 0 {
			weight = 1<<shift - 1
		}
		weights = append(weights, weight)
		e.out.signed(weight, precision)
	}
	return weights, shift
}

func (e *flacEncoder) residual(samples, weights []int64, shift int) {
	order := len(weights)
	partitionOrder := 0
	for n := e.random.IntN(7); partitionOrder < n && len(samples)>>partitionOrder%2 == 0 && len(samples)>>(partitionOrder+1) > order; {
		partitionOrder++
	}
	method := e.random.IntN(2)
	e.out.write(uint64(method), 2)
	e.out.write(uint64(partitionOrder), 4)
	size := len(samples) >> partitionOrder
	for start, end := order, size; end <= len(samples); start, end = end, end+size {
		e.partition(samples, weights, shift, start, end, 4+method)
	}
}

func (e *flacEncoder) partition(samples, weights []int64, shift, start, end, parameterBits int) {
	var residual []int64
	sum, widest := uint64(0), 0
	for i := start; i < end; i++ {
		var predicted int64
		for j, weight := range weights {
			predicted += weight * samples[i-1-j]
		}
		lacking := samples[i] - predicted>>shift
		residual = append(residual, lacking)
		magnitude := uint64(max(lacking, -lacking))
		sum, widest = sum+magnitude, max(widest, bits.Len64(magnitude)+1)
	}
	parameter := 0
	if len(residual) > 0 {
		parameter = bits.Len64(sum / uint64(len(residual)))
	}
	if escape := 1<<parameterBits - 1; parameter >= escape || e.random.IntN(5) == 0 {
		if sum == 0 {
			widest = 0
		}
		e.out.write(uint64(escape), parameterBits)
		e.out.write(uint64(widest), 5)
		for _, v := range residual {
			e.out.signed(v, widest)
		}
		return
	}
	e.out.write(uint64(parameter), parameterBits)
	for _, v := range residual {
		e.out.rice(v, parameter)
	}
}
