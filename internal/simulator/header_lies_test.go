package simulator

import (
	"encoding/binary"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestHeaderLiesAreSmallEqualAndNamed(t *testing.T) {
	files := HeaderLies()
	require.Equal(t, files, HeaderLies())
	require.Len(t, files, 15)
	seen := map[string]bool{}
	for _, f := range files {
		require.False(t, seen[f.Name], f.Name)
		seen[f.Name] = true
		require.Greater(t, len(f.Raw), 1900, f.Name)
		require.Less(t, len(f.Raw), 5000, f.Name)
	}
}

func TestHeaderLiesStateWhatTheirNamesSay(t *testing.T) {
	const pcm = 4000
	raw := map[string][]byte{}
	for _, f := range HeaderLies() {
		raw[f.Name] = f.Raw
	}
	for name, sizes := range map[string][2]uint32{ // RIFF, data
		"size-0-unfinished.wav":         {0, 0},
		"size-ffffffff-ffmpeg-pipe.wav": {0xFFFFFFFF, 0xFFFFFFFF},
		"size-ffffffbf.wav":             {0xFFFFFFBF, 0xFFFFFF9B},
		"size-7fffffff.wav":             {0x7FFFFFFF, 0x7FFFFFDB},
		"size-7ffff024-sox-pipe.wav":    {0x7FFFF024, 0x7FFFF000},
		"size-of-the-data.wav":          {pcm, pcm},
		"appended-chunk.wav":            {pcm + 36, pcm},
	} {
		b := raw[name]
		require.Equal(t, "RIFF", string(b[:4]), name)
		require.Equal(t, "WAVEfmt ", string(b[8:16]), name)
		require.Equal(t, sizes[0], binary.LittleEndian.Uint32(b[4:]), name)
		data := strings.Index(string(b), "data")
		require.Positive(t, data, name)
		require.Equal(t, sizes[1], binary.LittleEndian.Uint32(b[data+4:]), name)
		require.GreaterOrEqual(t, len(b)-data-8, pcm, name)
	}
	require.Equal(t, "LIST", string(raw["size-ffffffff-ffmpeg-pipe.wav"][36:40]))
	require.Equal(t, "LIST", string(raw["appended-chunk.wav"][44+pcm:48+pcm]), "after all that the RIFF size counts")
	for name, begin := range map[string]string{
		"big-endian-rifx.wav":         "RIFX\x00\x00\x0F\xC4WAVEfmt \x00\x00\x00\x10\x00\x01",
		"sony-wave64.w64":             "riff\x2E\x91\xCF\x11",
		"unknown-length.au":           ".snd\x00\x00\x00\x18\xFF\xFF\xFF\xFF",
		"unknown-length.caf":          "caff\x00\x01\x00\x00desc",
		"amr-narrow-band.amr":         "#!AMR\n\x3C",
		"unknown-length-browser.webm": "\x1A\x45\xDF\xA3",
		"unknown-format.wav":          "\x00\x91\xC3\x07",
	} {
		require.True(t, strings.HasPrefix(string(raw[name]), begin), "%s begins with %q", name, raw[name][:24])
	}
	require.EqualValues(t, len(raw["sony-wave64.w64"]), binary.LittleEndian.Uint64(raw["sony-wave64.w64"][16:]))
	require.Len(t, raw["raw-mu-law.wav"], pcm/2)
	require.Zero(t, (len(raw["amr-narrow-band.amr"])-6)%32, "whole frames")
}

// The values are those of G.711's tables.
func TestMuLawFollowsG711(t *testing.T) {
	for sample, want := range map[int16]byte{0: 0xFF, 8: 0xFE, -8: 0x7E, 1000: 0xCE, -1000: 0x4E, 32767: 0x80, -32768: 0x00} {
		require.Equal(t, []byte{want}, muLaw(binary.LittleEndian.AppendUint16(nil, uint16(sample))), fmt.Sprint(sample))
	}
}

func TestHeaderLiesAreServedByteForByte(t *testing.T) {
	h := newHarness(t, Config{})
	files := HeaderLies()
	for i, listed := range h.getStatus(h.addSession(Session{Files: files})).recordings(t).Recording {
		require.Equal(t, files[i].Name, listed.FileName)
		resp := h.get(listed.FileURL)
		require.NoError(t, resp.err)
		require.Equal(t, 200, resp.status)
		require.Equal(t, "audio/wav", resp.header.Get("Content-Type"))
		require.Equal(t, fmt.Sprint(len(files[i].Raw)), resp.header.Get("Content-Length"))
		require.True(t, resp.body == string(files[i].Raw), files[i].Name)
	}
}
