package audio

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// No input is known to make the decoder panic, so the test breaks it.
func TestAPanicOfTheFLACDecoderEndsTheDecodingOnly(t *testing.T) {
	info := streamInfo{maxBlock: 4096, rate: 8000, channels: 1, bits: 16, md5: [16]byte{1}}
	frame := []byte("\xff\xf8\xc0\x00\x00")
	frame = append(frame, flacCRC8(frame), 0, 0, 0)
	frame = append(frame, byte(flacCRC16(frame)>>8), byte(flacCRC16(frame)))
	stream := flacStream{stage: flacFrames, info: info, decoder: newFLACDecoder(info, 0)}
	stream.decoder.packed = []byte{} // too small for a frame
	stream.write(frame)
	require.Equal(t, DecodingNotDone, stream.findings().FLACDecoding)
	require.Equal(t, DecodingNotDone, stream.findings().FLACDecoding, "once more")
	stream.decoder = newFLACDecoder(info, 0)
	stream.write(frame)
	require.Equal(t, DecodingComplete, stream.findings().FLACDecoding)
}
