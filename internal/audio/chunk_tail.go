package audio

import "encoding/binary"

// chunkHeader is the length in bytes of a chunk's name and length.
const chunkHeader = 8

// chunkTail follows the chunks after the data of a WAV file.
type chunkTail struct {
	header    [chunkHeader]byte
	collected int
	skip      uint64
	chunks    int
	padded    bool // a zero may precede the next chunk
	broken    bool // something else than a chunk was there
}

func (t *chunkTail) write(p []byte, order binary.ByteOrder) {
	for len(p) > 0 && !t.broken {
		if t.skip > 0 {
			p = passOver(p, &t.skip)
			continue
		}
		if t.padded && p[0] == 0 {
			p = p[1:]
		}
		t.padded = false
		n := copy(t.header[t.collected:], p)
		p = p[n:]
		if t.collected += n; t.collected == chunkHeader {
			t.readChunk(order)
		}
	}
}

func (t *chunkTail) readChunk(order binary.ByteOrder) {
	t.collected = 0
	t.chunks++
	t.broken = t.chunks > maxChunks
	for _, c := range t.header[:4] {
		if c < ' ' || c > '~' {
			t.broken = true
		}
	}
	t.skip = uint64(order.Uint32(t.header[4:]))
	t.padded = t.skip%2 == 1
}

// whole reports whether the file ends with the last of the chunks.
func (t *chunkTail) whole() bool { return !t.broken && t.collected == 0 && t.skip == 0 }
