package media_test

import (
	"encoding/binary"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// le and be write numbers in the byte order of their names.
func le(n uint64, bytes int) string {
	return string(binary.LittleEndian.AppendUint64(nil, n)[:bytes])
}

func be(n uint64, bytes int) string {
	return string(binary.BigEndian.AppendUint64(nil, n)[8-bytes:])
}

// samples are 10 seconds of 16-bit PCM at 8 kHz.
var samples = strings.Repeat("\x00\x01\xff\xfe\x10\x00\xf0\xff", 20_000)

// pcm is the fmt chunk of samples.
var pcm = "fmt " + le(16, 4) + le(1, 2) + le(1, 2) + le(8000, 4) + le(16_000, 4) + le(2, 2) + le(16, 2)

// plainWAV is a WAV file of samples whose header has these lengths.
func plainWAV(size, data uint64) string {
	return "RIFF" + le(size, 4) + "WAVE" + pcm + "data" + le(data, 4) + samples
}

const (
	lasts  = "at the rate that the header states, the file lasts 10s"
	states = "the header states a duration of 10s"
)

// lies are whole recordings with the headers that their writers leave.
var lies = map[string]struct {
	file    string
	format  string
	remarks []string
}{
	"FFmpeg to a pipe: RIFF and data all ones, a LIST chunk": {
		"RIFF" + le(math.MaxUint32, 4) + "WAVE" + pcm + "LIST" + le(26, 4) + "INFOISFT" + le(14, 4) + "Lavf58.29.100\x00" + "data" + le(math.MaxUint32, 4) + samples, "wav",
		[]string{"the WAV header states no length (0xffffffff), the file has 160078 bytes", lasts},
	},
	"FFmpeg -rf64 always to a pipe: ds64 of zeros": {
		"RF64" + le(math.MaxUint32, 4) + "WAVEds64" + le(28, 4) + strings.Repeat("\x00", 28) + pcm + "data" + le(math.MaxUint32, 4) + samples, "wav",
		[]string{"the RF64 header states no length (0x0), the file has 160080 bytes", lasts},
	},
	"Asterisk's format_wav before it updates its header: zeros": {
		plainWAV(0, 0), "wav",
		[]string{"the WAV header states no length (0x0), the file has 160044 bytes", lasts},
	},
	"Asterisk's format_wav_gsm before it updates its header: zeros": {
		"RIFF" + le(0, 4) + "WAVEfmt " + le(20, 4) + le(49, 2) + le(1, 2) + le(8000, 4) + le(1625, 4) + le(65, 4) + le(2, 2) + le(320, 2) + "fact" + le(4, 4) + le(0, 4) + "data" + le(0, 4) + samples[:16_250], "wav",
		[]string{"the WAV header states no length (0x0), the file has 16310 bytes", lasts},
	},
	"SoX to a pipe: data 0x7ffff000, RIFF 0x7ffff024": {
		plainWAV(0x7ffff024, 0x7ffff000), "wav",
		[]string{"the WAV header states 2147479596 bytes, the file has 160044", lasts},
	},
	"a writer that leaves the largest signed number": {
		plainWAV(math.MaxInt32, math.MaxInt32-36), "wav",
		[]string{"the WAV header states 2147483655 bytes, the file has 160044", lasts},
	},
	"node-wav (npm wav) streaming: RIFF 0xffffffbf, data 0xffffff9b": {
		plainWAV(0xffffffbf, 0xffffff9b), "wav",
		[]string{"the WAV header states 4294967239 bytes, the file has 160044", lasts},
	},
	"libsndfile (FreeSWITCH) before its close: RIFF 8, data 0": {
		plainWAV(8, 0), "wav",
		[]string{"the WAV header states 16 bytes, the file has 160044", lasts},
	},
	"Apple's AVAudioFile before its close: RIFF 4088, data 0": {
		"RIFF" + le(4088, 4) + "WAVEJUNK" + le(28, 4) + strings.Repeat("\x00", 28) + pcm + "FLLR" + le(4008, 4) + strings.Repeat("\x00", 4008) + "data" + le(0, 4) + samples, "wav",
		[]string{"the WAV header states 4096 bytes, the file has 164096", lasts},
	},
	"RecordRTC: the whole file's length in the RIFF field": {
		plainWAV(160_044, 160_000), "wav",
		[]string{"the WAV header states 160052 bytes, the file has 160044", states},
	},
	"a writer that puts the data's length in the file's place": {
		plainWAV(160_000, 160_000), "wav",
		[]string{"the WAV header states 160008 bytes, the file has 160044", states},
	},
	"a tool that appends a LIST chunk after the stated end": {
		plainWAV(160_036, 160_000) + "LIST" + le(26, 4) + "INFOISFT" + le(14, 4) + "callrecorder\x00\x00", "wav",
		[]string{"the WAV header states 160044 bytes, the file has 160078", states},
	},
	"a tool that appends a bext chunk after the stated end": {
		plainWAV(160_036, 160_000) + "bext" + le(602, 4) + strings.Repeat("\x00", 602), "wav",
		[]string{"the WAV header states 160044 bytes, the file has 160654", states},
	},
	"a correct RIFF header": {plainWAV(160_036, 160_000), "wav", []string{states}},
	"a correct RF64 header": {
		"RF64" + le(math.MaxUint32, 4) + "WAVEds64" + le(28, 4) + le(160_072, 8) + le(160_000, 8) + le(80_000, 8) + le(0, 4) + pcm + "data" + le(math.MaxUint32, 4) + samples, "wav",
		[]string{states},
	},
	"libsndfile's RIFX (big-endian) before its close": {
		"RIFX" + be(8, 4) + "WAVEfmt " + be(16, 4) + be(1, 2) + be(1, 2) + be(8000, 4) + be(16_000, 4) + be(2, 2) + be(16, 2) + "data" + be(0, 4) + samples, "wav",
		[]string{"the WAV header states 16 bytes, the file has 160044", lasts},
	},
	"FFmpeg's Sony W64 to a pipe: all ones": {
		"riff\x2e\x91\xcf\x11\xa5\xd6\x28\xdb\x04\xc1\x00\x00" + le(math.MaxUint64, 8) +
			"wave\xf3\xac\xd3\x11\x8c\xd1\x00\xc0\x4f\x8e\xdb\x8a" + "fmt \xf3\xac\xd3\x11\x8c\xd1\x00\xc0\x4f\x8e\xdb\x8a" + le(40, 8) + pcm[8:] +
			"data\xf3\xac\xd3\x11\x8c\xd1\x00\xc0\x4f\x8e\xdb\x8a" + le(math.MaxInt64, 8) + samples, "w64",
		[]string{"the W64 header states no length (0xffffffffffffffff), the file has 160104 bytes"},
	},
	"SoX's Sun AU to a pipe: all ones": {
		".snd" + be(28, 4) + be(math.MaxUint32, 4) + be(1, 4) + be(8000, 4) + be(1, 4) + "SOX\x00" + samples[:80_000], "au",
		[]string{"the AU header states no length (0xffffffff), the file has 80028 bytes", lasts},
	},
	"FFmpeg's AIFF to a pipe: 0": {
		"FORM" + be(0, 4) + "AIFFCOMM" + be(18, 4) + be(1, 2) + be(0, 4) + be(16, 2) + be(0x400b, 2) + be(0xfa<<56, 8) + "SSND" + strings.Repeat("\x00", 12) + samples, "aiff",
		[]string{"the AIFF header states no length (0x0), the file has 160054 bytes"},
	},
	"FFmpeg's CAF to a pipe: data -1": {
		"caff" + be(1, 2) + be(0, 2) + "desc" + be(32, 8) + be(math.Float64bits(8000), 8) + "lpcm" + be(2, 4) + be(2, 4) + be(1, 4) + be(1, 4) + be(16, 4) + "data" + be(math.MaxUint64, 8) + be(0, 4) + samples, "caf",
		nil,
	},
	"AMR, which has no length":    {"#!AMR\n" + strings.Repeat("\x04\x11\x22\x33\x44\x55\x66\x77\x88\x99\xaa\xbb\xcc", 500), "amr", nil},
	"AMR-WB, which has no length": {"#!AMR-WB\n" + strings.Repeat("\x04\x11\x22\x33\x44\x55\x66\x77\x88\x99\xaa\xbb\xcc\xdd\xee\xff\x00\x11", 500), "amr-wb", nil},
	"Chrome's MediaRecorder WebM: a segment of unknown length": {
		"\x1a\x45\xdf\xa3\x9f\x42\x86\x81\x01\x42\xf7\x81\x01\x42\xf2\x81\x04\x42\xf3\x81\x08\x42\x82\x84webm\x42\x87\x81\x04\x42\x85\x81\x02" +
			"\x18\x53\x80\x67\x01\xff\xff\xff\xff\xff\xff\xff\x15\x49\xa9\x66\x99\x2a\xd7\xb1\x83\x0f\x42\x40\x4d\x80\x86Chrome\x57\x41\x86Chrome" + samples[:5000], "webm",
		nil,
	},
	"headerless mu-law, silence first": {strings.Repeat("\xff", 4096) + strings.Repeat("\xfe\x7e\xfd\x7d", 4000), "unknown", []string{"the format is not known; the media server declared no type"}},
	"headerless A-law silence":         {strings.Repeat("\xd5", 8000), "unknown", []string{"the format is not known; the media server declared no type"}},
	"headerless PCM silence":           {strings.Repeat("\x00", 8000), "unknown", []string{"the format is not known; the media server declared no type"}},
	"a format that is not known":       {"\x01callrec\x00\x02" + samples[:1000], "unknown", []string{"the format is not known; the media server declared no type"}},
}

// Every file is sent with a stated length and in chunks; either proves its end.
func TestWholeRecordingIsTakenWhateverItsHeaderStates(t *testing.T) {
	for name, c := range lies {
		for _, chunked := range []bool{false, true} {
			t.Run(name+", chunked "+strconv.FormatBool(chunked), func(t *testing.T) {
				address, fetcher := local(t, func(w http.ResponseWriter, _ *http.Request) {
					w.Header()["Content-Type"] = nil
					if !chunked {
						w.Header().Set("Content-Length", strconv.Itoa(len(c.file)))
					}
					_ = http.NewResponseController(w).Flush()
					_, _ = w.Write([]byte(c.file))
				})
				got := fetch(t, fetcher, address, generousLimit)
				require.NoError(t, got.err)
				require.True(t, got.stream.Proved())
				require.Equal(t, c.format, got.stream.Format.Name)
				require.Equal(t, sha([]byte(c.file)), sha(got.content))
				require.Equal(t, sha([]byte(c.file)), got.stream.SHA256())
				want, length := c.remarks, fmt.Sprintf("%d bytes", len(c.file))
				if chunked {
					want, length = append([]string{"the media server stated no length; its transfer encoding proved the end"}, want...), "no length"
				}
				if len(want) > 0 && want[0] != states && want[0] != lasts {
					format := strings.Replace(c.format, "unknown", "an unknown format", 1)
					want = append([]string{fmt.Sprintf("declared %s and no type, found %d bytes of %s", length, len(c.file), format)}, want...)
				}
				require.Equal(t, want, got.stream.Remarks())
			})
		}
	}
}
