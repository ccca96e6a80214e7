package simulator

import (
	"bytes"
	"encoding/binary"
	"math"
)

// lieSeed selects the speech in every file of HeaderLies, and lieBytes is how much of it: a quarter of a second of mono PCM.
const (
	lieSeed  = 1
	lieBytes = sampleRate / 4 * 2
)

// HeaderLies returns whole recordings of a few kB whose headers state no length, a wrong one, or a format other than WAV, as
// real writers leave them. Each Name tells the lie and, where it is known, the writer. The media response declares each as
// audio/wav, with the true Content-Length. Each call returns new, equal files.
//
// The sizes of SoX and of ffmpeg follow from their sources; the others are reported of telephony writers.
func HeaderLies() []File {
	pcm := speechLoop(lieSeed, 1)[:lieBytes]
	const header = wavHeaderBytes - 8 // what a true RIFF size counts in addition to the data
	return []File{
		{Name: "size-0-unfinished.wav", Raw: lyingWAV(0, nil, 0, pcm)},
		{Name: "size-ffffffff-ffmpeg-pipe.wav", Raw: lyingWAV(math.MaxUint32, listChunk("Lavf58.29.100"), math.MaxUint32, pcm)},
		{Name: "size-ffffffbf.wav", Raw: lyingWAV(0xFFFFFFBF, nil, 0xFFFFFFBF-header, pcm)},
		{Name: "size-7fffffff.wav", Raw: lyingWAV(0x7FFFFFFF, nil, 0x7FFFFFFF-header, pcm)},
		{Name: "size-7ffff024-sox-pipe.wav", Raw: lyingWAV(0x7FFFF000+header, nil, 0x7FFFF000, pcm)},
		{Name: "size-of-the-data.wav", Raw: lyingWAV(lieBytes, nil, lieBytes, pcm)},
		{Name: "appended-chunk.wav", Raw: append(lyingWAV(lieBytes+header, nil, lieBytes, pcm), listChunk("call recorder")...)},
		{Name: "big-endian-rifx.wav", Raw: rifx(pcm)},
		{Name: "sony-wave64.w64", Raw: wave64(pcm)},
		{Name: "unknown-length.au", Raw: au(muLaw(pcm))},
		{Name: "unknown-length.caf", Raw: caf(pcm)},
		{Name: "amr-narrow-band.amr", Raw: amr(pcm)},
		{Name: "unknown-length-browser.webm", Raw: webm(pcm)},
		{Name: "raw-mu-law.wav", Raw: muLaw(pcm)},
		{Name: "unknown-format.wav", Raw: append([]byte("\x00\x91\xC3\x07\xA6\x02\xE8\x1D"), pcm...)},
	}
}

// lyingWAV is a WAV file with the given sizes of RIFF and data, and a chunk before the data.
func lyingWAV(riff uint32, chunk []byte, data uint32, pcm []byte) []byte {
	b := wavHeader(1, 0)
	binary.LittleEndian.PutUint32(b[4:], riff)
	const beforeData = wavHeaderBytes - 8
	b = append(append(bytes.Clone(b[:beforeData]), chunk...), "data"...)
	return append(binary.LittleEndian.AppendUint32(b, data), pcm...)
}

// listChunk names the writer, as ffmpeg does.
func listChunk(software string) []byte {
	text := append([]byte(software), make([]byte, 2-len(software)%2)...) // ends in zero, at an even length
	b := binary.LittleEndian.AppendUint32([]byte("LIST"), uint32(12+len(text)))
	b = append(b, "INFOISFT"...)
	return append(binary.LittleEndian.AppendUint32(b, uint32(len(text))), text...)
}

// rifx is a WAV file in which every number, samples included, has its most significant byte first.
func rifx(pcm []byte) []byte {
	b := binary.BigEndian.AppendUint32([]byte("RIFX"), uint32(wavHeaderBytes-8+len(pcm)))
	b = binary.BigEndian.AppendUint32(append(b, "WAVEfmt "...), 16)
	b = binary.BigEndian.AppendUint16(b, 1) // PCM
	b = binary.BigEndian.AppendUint16(b, 1) // channel
	b = binary.BigEndian.AppendUint32(b, sampleRate)
	b = binary.BigEndian.AppendUint32(b, 2*sampleRate)
	b = binary.BigEndian.AppendUint16(b, 2)
	b = binary.BigEndian.AppendUint16(b, 16)
	b = binary.BigEndian.AppendUint32(append(b, "data"...), uint32(len(pcm)))
	return append(b, swapped(pcm)...)
}

// swapped exchanges the two bytes of every sample.
func swapped(pcm []byte) []byte {
	out := make([]byte, len(pcm))
	for i := 0; i+1 < len(pcm); i += 2 {
		out[i], out[i+1] = pcm[i+1], pcm[i]
	}
	return out
}

// wave64 is Sony Wave64: chunks named by GUIDs, with 64-bit sizes that count the chunk's own header.
func wave64(pcm []byte) []byte {
	const (
		riffGUID = "riff\x2E\x91\xCF\x11\xA5\xD6\x28\xDB\x04\xC1\x00\x00"
		guidTail = "\xF3\xAC\xD3\x11\x8C\xD1\x00\xC0\x4F\x8E\xDB\x8A"
		chunk    = 24 // bytes of a chunk's header
	)
	format := wavHeader(1, 0)[20:36]
	b := binary.LittleEndian.AppendUint64([]byte(riffGUID), uint64(chunk+16+chunk+len(format)+chunk+len(pcm)))
	b = append(b, "wave"+guidTail+"fmt "+guidTail...)
	b = append(binary.LittleEndian.AppendUint64(b, uint64(chunk+len(format))), format...)
	b = append(b, "data"+guidTail...)
	return append(binary.LittleEndian.AppendUint64(b, uint64(chunk+len(pcm))), pcm...)
}

// au is a Sun audio file of 8-bit μ-law; all ones as its length means unknown.
func au(data []byte) []byte {
	b := []byte(".snd")
	for _, field := range []uint32{24, math.MaxUint32, 1, sampleRate, 1} { // header bytes, length, μ-law, rate, channels
		b = binary.BigEndian.AppendUint32(b, field)
	}
	return append(b, data...)
}

// caf is a Core Audio file of 16-bit PCM; -1 as the length of its data means that it goes to the end of the file.
func caf(pcm []byte) []byte {
	b := binary.BigEndian.AppendUint64([]byte("caff\x00\x01\x00\x00desc"), 32)
	b = binary.BigEndian.AppendUint64(b, math.Float64bits(sampleRate))
	b = append(b, "lpcm"...)
	for _, field := range []uint32{0, 2, 1, 1, 16} { // flags: big-endian integers; packet bytes and frames, channels, bits
		b = binary.BigEndian.AppendUint32(b, field)
	}
	b = binary.BigEndian.AppendUint64(append(b, "data"...), math.MaxUint64)
	return append(append(b, 0, 0, 0, 0), swapped(pcm)...) // an edit count comes first
}

// amr is a stream of frames of 12.2 kbit/s with the bytes of data as content. It states no length anywhere.
func amr(data []byte) []byte {
	const frameBytes = 31
	b := []byte("#!AMR\n")
	for ; len(data) >= frameBytes; data = data[frameBytes:] {
		b = append(append(b, 0x3C), data[:frameBytes]...)
	}
	return b
}

// webm is an EBML header and a segment of unknown length, as a browser's MediaRecorder leaves it, with data as one void
// element.
func webm(data []byte) []byte {
	b := []byte("\x1A\x45\xDF\xA3\x9F\x42\x86\x81\x01\x42\xF7\x81\x01\x42\xF2\x81\x04\x42\xF3\x81\x08\x42\x82\x84webm\x42\x87\x81\x04\x42\x85\x81\x02")
	b = append(b, "\x18\x53\x80\x67\x01\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xEC\x10"...)
	const void = 1 << 28 // marks a size of four bytes; the first of them is above
	size := binary.BigEndian.AppendUint32(nil, uint32(void|len(data)))
	return append(append(b, size[1:]...), data...)
}

// muLaw compresses PCM to 8 bits a sample (ITU-T G.711).
func muLaw(pcm []byte) []byte {
	const bias, clip = 0x84, 32635
	out := make([]byte, 0, len(pcm)/2)
	for i := 0; i+1 < len(pcm); i += 2 {
		sample, sign := int(int16(binary.LittleEndian.Uint16(pcm[i:]))), byte(0)
		if sample < 0 {
			sample, sign = -sample, 0x80
		}
		sample = min(sample, clip) + bias
		exponent := 7
		for exponent > 0 && sample < bias<<exponent {
			exponent--
		}
		out = append(out, ^(sign | byte(exponent)<<4 | byte(sample>>(exponent+3)&0x0F)))
	}
	return out
}
