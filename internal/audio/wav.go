package audio

import (
	"encoding/binary"
	"math"
)

// WAVBytes returns the length of the whole file in bytes that a WAV header
// states. It is not known (false) if head is not a WAV header, or if its writer
// streamed and left the length as 0 or all ones.
func WAVBytes(head []byte) (int64, bool) {
	if len(head) < 12 || string(head[8:12]) != "WAVE" {
		return 0, false
	}
	size := int64(binary.LittleEndian.Uint32(head[4:8]))
	switch string(head[:4]) {
	case "RIFF":
		if size == 0 || size == math.MaxUint32 {
			return 0, false
		}
		return size + 8, true
	case "RF64":
		// The first chunk is ds64, whose first field is the 64-bit RIFF length.
		if len(head) < 28 || string(head[12:16]) != "ds64" {
			return 0, false
		}
		size := binary.LittleEndian.Uint64(head[20:28])
		if size == 0 || size > math.MaxInt64-8 {
			return 0, false
		}
		return int64(size) + 8, true
	default:
		return 0, false
	}
}

// IsWAVLength reports whether a file of got bytes agrees with a header that
// states want bytes. A RIFF chunk of odd length has a padding byte that
// some writers leave out of the length.
func IsWAVLength(got, want int64) bool {
	return got == want || want%2 == 1 && got == want+1
}
