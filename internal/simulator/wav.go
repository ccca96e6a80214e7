package simulator

import "encoding/binary"

const (
	wavHeaderBytes  = 44
	rf64HeaderBytes = 80
)

// waveFile is a WAV or RF64 file of any length over a loop of PCM: every byte is computed from its offset.
type waveFile struct {
	header []byte
	loop   []byte
	data   int64 // bytes of PCM
}

// Size returns the length of the file in bytes.
func (f waveFile) Size() int64 { return int64(len(f.header)) + f.data }

// ReadAt implements io.ReaderAt.
func (f waveFile) ReadAt(p []byte, off int64) (int, error) {
	header := int64(len(f.header))
	return readParts(p, off, f.Size(), func(p []byte, off int64) int {
		if off < header {
			return copy(p, f.header[off:])
		}
		return copy(p, f.loop[(off-header)%int64(len(f.loop)):])
	})
}

// wavHeader returns the canonical 44-byte header of a PCM file, which must be smaller than 4 GiB.
func wavHeader(channels int, data int64) []byte {
	b := make([]byte, 0, wavHeaderBytes)
	b = append(b, "RIFF"...)
	b = binary.LittleEndian.AppendUint32(b, uint32(wavHeaderBytes-8+data))
	b = append(b, "WAVE"...)
	return appendFormatAndData(b, channels, uint32(data))
}

// rf64Header returns a header with the sizes in a ds64 chunk, and all ones in the 32-bit size fields (EBU Tech 3306).
func rf64Header(channels int, data int64) []byte {
	const sizeInDS64 = 1<<32 - 1
	b := make([]byte, 0, rf64HeaderBytes)
	b = append(b, "RF64"...)
	b = binary.LittleEndian.AppendUint32(b, sizeInDS64)
	b = append(b, "WAVEds64"...)
	b = binary.LittleEndian.AppendUint32(b, 28)
	b = binary.LittleEndian.AppendUint64(b, uint64(rf64HeaderBytes-8+data))
	b = binary.LittleEndian.AppendUint64(b, uint64(data))
	b = binary.LittleEndian.AppendUint64(b, uint64(data/int64(2*channels)))
	b = binary.LittleEndian.AppendUint32(b, 0) // no table
	return appendFormatAndData(b, channels, sizeInDS64)
}

func appendFormatAndData(b []byte, channels int, data uint32) []byte {
	frame := 2 * channels
	b = append(b, "fmt "...)
	b = binary.LittleEndian.AppendUint32(b, 16)
	b = binary.LittleEndian.AppendUint16(b, 1) // PCM
	b = binary.LittleEndian.AppendUint16(b, uint16(channels))
	b = binary.LittleEndian.AppendUint32(b, sampleRate)
	b = binary.LittleEndian.AppendUint32(b, uint32(sampleRate*frame))
	b = binary.LittleEndian.AppendUint16(b, uint16(frame))
	b = binary.LittleEndian.AppendUint16(b, 16)
	b = append(b, "data"...)
	return binary.LittleEndian.AppendUint32(b, data)
}
