package audio_test

import (
	"encoding/binary"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/internal/audio"
)

func riff(id string, size uint32) []byte {
	head := append([]byte(id), 0, 0, 0, 0)
	binary.LittleEndian.PutUint32(head[4:], size)
	return append(head, "WAVEfmt \x10\x00\x00\x00\x01\x00\x01\x00\x40\x1f\x00\x00\x80\x3e\x00\x00\x02\x00\x10\x00data"...)
}

func rf64(size uint64) []byte {
	head := append([]byte("RF64\xff\xff\xff\xffWAVEds64"), make([]byte, 32)...)
	head[16] = 28
	binary.LittleEndian.PutUint64(head[20:], size)
	return head
}

func TestFormatIsDetectedFromTheFirstBytes(t *testing.T) {
	for name, c := range map[string]struct {
		head []byte
		want audio.Format
	}{
		"RIFF/WAVE":              {riff("RIFF", 1000), audio.WAV},
		"RF64":                   {rf64(1 << 33), audio.WAV},
		"fLaC, one block only":   {[]byte("fLaC\x80\x00\x00\x22\x10\x00\x10\x00"), audio.FLAC},
		"fLaC":                   {[]byte("fLaC\x00\x00\x00\x22\x10\x00\x10\x00"), audio.FLAC},
		"OggS, Vorbis":           {append([]byte("OggS\x00\x02\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01\x1e"), "\x01vorbis"...), audio.Ogg},
		"OggS, Opus":             {append([]byte("OggS\x00\x02\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01\x13"), "OpusHead"...), audio.Ogg},
		"ID3":                    {[]byte("ID3\x04\x00\x00\x00\x00\x00\x00"), audio.MP3},
		"MPEG 1 layer III":       {[]byte{0xff, 0xfb, 0x90, 0x64}, audio.MP3},
		"MPEG 2.5, 8 kHz":        {[]byte{0xff, 0xe3, 0x18, 0xc4}, audio.MP3},
		"MPEG 1, with a CRC":     {[]byte{0xff, 0xfa, 0x90, 0x64}, audio.MP3},
		"AAC in ADTS":            {[]byte{0xff, 0xf1, 0x50, 0x80, 0x00, 0x1f, 0xfc}, audio.AAC},
		"ftyp M4A":               {[]byte("\x00\x00\x00\x20ftypM4A \x00\x00\x00\x00M4A mp42isom\x00\x00\x00\x00"), audio.MP4},
		"ftyp isom (MP4, audio)": {[]byte("\x00\x00\x00\x20ftypisom\x00\x00\x02\x00isomiso2mp41\x00\x00\x00\x00"), audio.MP4},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := audio.Detect(c.head)
			require.NoError(t, err)
			require.Equal(t, c.want, got)
		})
	}
}

func TestErrorNamesWhatIsNotAudio(t *testing.T) {
	for body, want := range map[string]string{
		"":                                 "empty",
		"<!DOCTYPE html><html><body>Sorry": "text/html",
		`{"errors":[{"msg":"expired"}]}`:   "text/plain",
		`<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>`: "text/xml",
		"Forbidden":                    "text/plain",
		"\xff\xff\xff\xff":             "not audio",
		"\xff\xfe<\x00h\x00t":          "not audio",
		"RIFF\x00\x00\x00\x00AVI LIST": "not audio",
		"\x1f\x8b\x08\x00":             "gzip",
	} {
		_, err := audio.Detect([]byte(body))
		require.ErrorContains(t, err, want, "%q", body)
	}
}

func TestLengthIsReadFromAWAVHeader(t *testing.T) {
	for name, c := range map[string]struct {
		head  []byte
		want  int64
		known bool
	}{
		"RIFF":                  {riff("RIFF", 480_036), 480_044, true},
		"streamed, length 0":    {riff("RIFF", 0), 0, false},
		"streamed, all ones":    {riff("RIFF", math.MaxUint32), 0, false},
		"RF64":                  {rf64(1 << 33), 1<<33 + 8, true},
		"RF64 beyond int64":     {rf64(math.MaxUint64), 0, false},
		"RF64 without ds64":     {riff("RF64", 1), 0, false},
		"FLAC":                  {[]byte("fLaC\x00\x00\x00\x22\x10\x00\x10\x00"), 0, false},
		"cut within the header": {riff("RIFF", 1000)[:11], 0, false},
	} {
		t.Run(name, func(t *testing.T) {
			got, known := audio.WAVBytes(c.head)
			require.Equal(t, c.known, known)
			require.Equal(t, c.want, got)
		})
	}
	require.True(t, audio.IsWAVLength(100, 100))
	require.True(t, audio.IsWAVLength(102, 101), "the padding byte of an odd chunk")
	require.False(t, audio.IsWAVLength(101, 100))
	require.False(t, audio.IsWAVLength(99, 100))
}
