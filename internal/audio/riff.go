package audio

import (
	"encoding/binary"
	"math"
)

// readRIFF reads the header of a WAV file in one of its forms: RIFF, RIFX
// (big-endian), and RF64 or BW64 with 64-bit lengths.
func readRIFF(head []byte) Header {
	var order binary.ByteOrder = binary.LittleEndian
	id := string(head[:4])
	if id == "RIFX" {
		order = binary.BigEndian
	}
	size := order.Uint32(head[4:])
	header := Header{name: "WAV", size: uint64(size), counted: 8, unset: isUnset32(size)}
	large := id == "RF64" || id == "BW64"
	if large {
		header.readDS64(head)
	}
	header.readChunks(head, order, large)
	return header
}

// readDS64 reads the 64-bit lengths of the file and of the data chunk, which are
// in the first chunk.
func (h *Header) readDS64(head []byte) {
	h.name = string(head[:4])
	if len(head) < 36 || string(head[12:16]) != "ds64" {
		h.unset = true
		return
	}
	h.size = binary.LittleEndian.Uint64(head[20:])
	h.data = binary.LittleEndian.Uint64(head[28:])
	h.unset, h.dataStated = isUnset64(h.size), !isUnset64(h.data)
}

// readChunks finds the byte rate and the data chunk among the chunks within head.
// A chunk has a name and a length of 4 bytes each, and is padded to an even
// length. Where the data begins has to be known, or its length cannot be checked.
func (h *Header) readChunks(head []byte, order binary.ByteOrder, large bool) {
	for at := uint64(12); at+8 <= uint64(len(head)); {
		size := uint64(order.Uint32(head[at+4:]))
		content := at + 8
		switch string(head[at : content-4]) {
		case "fmt ":
			if size >= 12 && content+12 <= uint64(len(head)) {
				h.rate = uint64(order.Uint32(head[content+8:]))
			}
		case "data":
			h.dataAt = content
			if !large {
				h.data, h.dataStated = size, size != 0 && size != math.MaxUint32
			}
			return
		}
		at = content + size + size%2
	}
	h.data, h.dataStated = 0, false
}
