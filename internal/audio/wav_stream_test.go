package audio_test

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/internal/audio"
	"github.com/callvault/callvault/internal/simulator"
)

// fmtChunk is a fmt chunk of 16 bytes.
func fmtChunk(tag, channels, rate, frame, bits uint64) string {
	return "fmt " + le(16, 4) + le(tag, 2) + le(channels, 2) + le(rate, 4) + le(rate*frame, 4) + le(frame, 2) + le(bits, 2)
}

// extensible is a fmt chunk of 40 bytes with the tag in a GUID.
func extensible(tag, channels, bits uint64, guid string) string {
	short := fmtChunk(0xfffe, channels, 8000, channels*bits/8, bits)
	return "fmt " + le(40, 4) + short[8:] + le(22, 2) + le(bits, 2) + le(0, 4) + le(tag, 2) + guid
}

const guid = "\x00\x00\x00\x00\x10\x00\x80\x00\x00\xaa\x00\x38\x9b\x71"

// wave is a WAV file of chunks before the data, and data to the end.
func wave(chunks, data string) string {
	return "RIFF" + le(0, 4) + "WAVE" + chunks + "data" + le(uint64(len(data)), 4) + data
}

// list is a chunk of so many bytes of content.
func list(size int) string {
	return "LIST" + le(uint64(size), 4) + strings.Repeat("x", size) + zeros(size%2)
}

const loud = "\x11\x22\x33\x44\x12\x23\x34\x45"

func TestWAVIsLookedInto(t *testing.T) {
	second := strings.Repeat(loud, 2000) // of 16-bit mono
	mono := func(seconds float64, silence ...float64) *audio.Findings {
		return &audio.Findings{Encoding: "pcm_s16le", Channels: 1, SampleRate: 8000, DurationSeconds: seconds, Silence: silence}
	}
	for name, c := range map[string]struct {
		content string
		want    *audio.Findings
	}{
		"16 bits":     {wave(pcmFormat, second), mono(1, 0)},
		"half silent": {wave(pcmFormat, second+zeros(16_000)), mono(2, 0.5)},
		"stereo, right leg silent": {wave(fmtChunk(1, 2, 8000, 4, 16), strings.Repeat("\x01\x00\x00\x00", 4000)),
			&audio.Findings{Encoding: "pcm_s16le", Channels: 2, SampleRate: 8000, DurationSeconds: 0.5, Silence: []float64{0, 1}}},
		"8 bits, middle is silence": {wave(fmtChunk(1, 1, 8000, 1, 8), strings.Repeat("\x80\x00", 4000)),
			&audio.Findings{Encoding: "pcm_u8", Channels: 1, SampleRate: 8000, DurationSeconds: 1, Silence: []float64{0.5}}},
		"24 bits": {wave(fmtChunk(1, 2, 16000, 6, 24), strings.Repeat("\x00\x00\x00\x00\x00\x80", 8000)),
			&audio.Findings{Encoding: "pcm_s24le", Channels: 2, SampleRate: 16000, DurationSeconds: 0.5, Silence: []float64{1, 0}}},
		"32 bits": {wave(fmtChunk(1, 1, 8000, 4, 32), strings.Repeat("\x00\x00\x00\x80\x00\x00\x00\x00", 4000)),
			&audio.Findings{Encoding: "pcm_s32le", Channels: 1, SampleRate: 8000, DurationSeconds: 1, Silence: []float64{0.5}}},
		"μ-law, either zero": {wave(fmtChunk(7, 1, 8000, 1, 8), strings.Repeat("\xff\x7f\xfe\x80", 2000)),
			&audio.Findings{Encoding: "pcm_mulaw", Channels: 1, SampleRate: 8000, DurationSeconds: 1, Silence: []float64{0.5}}},
		"μ-law, bits after decoding": {wave(fmtChunk(7, 1, 8000, 1, 16), strings.Repeat("\xff", 8000)),
			&audio.Findings{Encoding: "pcm_mulaw", Channels: 1, SampleRate: 8000, DurationSeconds: 1, Silence: []float64{1}}},
		"A-law, next to zero": {wave(fmtChunk(6, 2, 8000, 2, 8), strings.Repeat("\xd5\x54\x55\x80", 2000)),
			&audio.Findings{Encoding: "pcm_alaw", Channels: 2, SampleRate: 8000, DurationSeconds: 0.5, Silence: []float64{1, 0}}},
		"extensible":               {wave(extensible(1, 1, 16, guid), second), mono(1, 0)},
		"extensible, another GUID": {wave(extensible(1, 1, 16, strings.Repeat("\x01", 14)), second), nil},
		"extensible, float":        {wave(extensible(3, 1, 32, guid), second), nil},
		"extensible, cut":          {wave(strings.Replace(pcmFormat, le(1, 2), le(0xfffe, 2), 1), second), nil},
		"float":                    {wave(fmtChunk(3, 1, 8000, 4, 32), second), nil},
		"GSM":                      {wave(fmtChunk(0x31, 1, 8000, 65, 0), second), nil},
		"12 bits":                  {wave(fmtChunk(1, 1, 8000, 2, 12), second), nil},
		"0 bits":                   {wave(fmtChunk(1, 1, 8000, 0, 0), second), nil},
		"40 bits":                  {wave(fmtChunk(1, 1, 8000, 5, 40), second), nil},
		"no channels":              {wave(fmtChunk(1, 0, 8000, 2, 16), second), nil},
		"9 channels":               {wave(fmtChunk(1, 9, 8000, 18, 16), second), nil},
		"65,535 channels":          {wave(fmtChunk(1, 65535, 8000, 0, 16), second), nil},
		"a frame of another size":  {wave(fmtChunk(1, 1, 8000, 4, 16), second), nil},
		"no frame size":            {wave(fmtChunk(1, 1, 8000, 0, 16), second), mono(1, 0)},
		"rate 0": {wave(fmtChunk(1, 1, 0, 2, 16), second),
			&audio.Findings{Encoding: "pcm_s16le", Channels: 1, Silence: []float64{0}}},
		"rate of 4 GHz": {wave(fmtChunk(1, 1, math.MaxUint32, 2, 16), second),
			&audio.Findings{Encoding: "pcm_s16le", Channels: 1, Silence: []float64{0}}},
		"longer than 30 days": {wave(fmtChunk(1, 1, 1, 1, 8), strings.Repeat("x", 30*24*3600+1)),
			&audio.Findings{Encoding: "pcm_u8", Channels: 1, SampleRate: 1, Silence: []float64{0}}},

		"chunks before the data":   {wave(list(27)+pcmFormat+list(100_000), second), mono(1, 0)},
		"a fmt chunk that is long": {wave("fmt "+le(101, 4)+pcmFormat[8:]+zeros(86), second), mono(1, 0)},
		"no fmt chunk":             {wave(list(27), second), nil},
		"a short fmt chunk":        {wave("fmt "+le(14, 4)+pcmFormat[8:22], second), nil},
		"999 chunks before":        {wave(pcmFormat+strings.Repeat(list(0), 998), second), mono(1, 0)},
		"1,000 chunks before":      {wave(pcmFormat+strings.Repeat(list(0), 999), second), nil},
		"no data":                  {wave(pcmFormat, ""), mono(0)},
		"cut before the data":      {wave(pcmFormat, "")[:42], nil},
		"the end of a sample cut":  {wave(pcmFormat, second)[:44+16_000-1], mono(1, 0)},

		"length 0":                   {riff(0, 0) + second, mono(1, 0)},
		"length not set":             {riff(math.MaxUint32, math.MaxUint32) + second, mono(1, 0)},
		"length too large":           {riff(math.MaxInt32, math.MaxInt32) + second, mono(1, 0)},
		"a chunk after the data":     {wave(pcmFormat, second) + list(20), mono(1, 0)},
		"chunks after odd data":      {wave(fmtChunk(7, 1, 8000, 1, 8), second[:8001]) + "\x00" + list(3) + list(2), &audio.Findings{Encoding: "pcm_mulaw", Channels: 1, SampleRate: 8000, DurationSeconds: 1, Silence: []float64{0}}},
		"and without padding":        {wave(fmtChunk(7, 1, 8000, 1, 8), second[:8001]) + list(2), &audio.Findings{Encoding: "pcm_mulaw", Channels: 1, SampleRate: 8000, DurationSeconds: 1, Silence: []float64{0}}},
		"length too small":           {riff(8036, 8000) + second, mono(1, 0)},
		"too small, then like names": {riff(8036, 8000) + second[:8000] + strings.Repeat("abcdefgh", 1000), mono(1, 0)},
		"too small, a chunk is cut":  {riff(8036, 8000) + second[:8000] + "LIST" + le(16_000, 4) + second[:7992], mono(1, 0.000125)},
		"1,001 chunks after":         {riff(8036, 8000) + second[:8000] + strings.Repeat("LIST"+zeros(4), 1001), mono(1.001, 0.2501249375312344)},

		"RF64":                {rf64("RF64", 16_072, 16_000) + second, mono(1, 0)},
		"BW64 and a chunk":    {rf64("BW64", 16_072, 16_000) + second + list(20), mono(1, 0)},
		"RF64 without length": {rf64("RF64", 0, 0) + second, mono(1, 0)},
		"RF64, short ds64":    {"RF64" + le(0, 4) + "WAVEds64" + le(8, 4) + zeros(8) + pcmFormat + "data" + le(math.MaxUint32, 4) + second, mono(1, 0)},
		"RF64 is too large":   {rf64("RF64", math.MaxUint64-1, math.MaxUint64-1) + second, mono(1, 0)},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, c.want, inspect(t, c.content))
		})
	}
}

func TestWAVWithALyingHeaderIsMeasuredByItsBytes(t *testing.T) {
	inspected := 0
	for _, file := range simulator.HeaderLies() {
		findings := inspect(t, string(file.Raw))
		if audio.Detect(file.Raw) != audio.WAV {
			require.Nil(t, findings, file.Name)
			continue
		}
		inspected++
		encoding := "pcm_s16le"
		if file.Name == "big-endian-rifx.wav" {
			encoding = "pcm_s16be"
		}
		require.Equal(t, 0.25, findings.DurationSeconds, file.Name)
		require.Equal(t, []any{encoding, 1, 8000}, []any{findings.Encoding, findings.Channels, findings.SampleRate}, file.Name)
		require.Less(t, findings.Silence[0], 0.2, file.Name)
		require.Empty(t, findings.Remarks(2*time.Second), file.Name)
	}
	require.Equal(t, 8, inspected)
}

// silentShares counts sample by sample.
func silentShares(data []byte, channels, width int, silence ...string) []float64 {
	silent := make([]float64, channels)
	frames := len(data) / (channels * width)
	for i := range frames * channels {
		for _, value := range silence {
			if string(data[i*width:(i+1)*width]) == value {
				silent[i%channels]++
			}
		}
	}
	for i := range silent {
		silent[i] /= float64(frames)
	}
	return silent
}

func TestSilenceIsCountedExactlyHoweverTheBytesCome(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Log("seed", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	for _, encoding := range []struct {
		tag     uint64
		width   int
		silence []string
		// near are bytes that make up silence, and some that almost do.
		near string
	}{
		{1, 1, []string{"\x80"}, "\x80\x80\x81\x7f\x00"},
		{1, 2, []string{zeros(2)}, "\x00\x00\x00\x01\x80\xff\x7f"},
		{1, 3, []string{zeros(3)}, "\x00\x00\x00\x00\x01\x80"},
		{1, 4, []string{zeros(4)}, "\x00\x00\x00\x00\x00\x01\x80"},
		{7, 1, []string{"\xff", "\x7f"}, "\xff\x7f\xfe\x7e\x80\x00"},
		{6, 1, []string{"\xd5", "\x55"}, "\xd5\x55\xd4\x54\x80\x00"},
	} {
		for channels := 1; channels <= 8; channels++ {
			for round := range 8 {
				data := make([]byte, random.IntN(20_000)+64)
				for i := range data {
					data[i] = encoding.near[random.IntN(len(encoding.near))]
				}
				if round == 0 {
					data = bytes.Repeat([]byte{0x11}, 40_000) // no silence at all
				}
				if run := random.IntN(len(data)); round > 1 && random.IntN(2) == 0 {
					copy(data[run:], bytes.Repeat([]byte(encoding.silence[0]), (len(data)-run)/encoding.width/2)) // a long one
				}
				content := wave(fmtChunk(encoding.tag, uint64(channels), 8000, uint64(channels*encoding.width), uint64(8*encoding.width)), string(data))
				require.Equal(t, silentShares(data, channels, encoding.width, encoding.silence...), inspect(t, pieces(random, content)...).Silence,
					"tag %d, %d channels of %d bytes", encoding.tag, channels, encoding.width)
			}
		}
	}
}

func TestEverySplitOfAWAVFileGivesTheSameFindings(t *testing.T) {
	for name, content := range map[string]string{
		"mono":             wave(pcmFormat, strings.Repeat(loud+zeros(3), 30)),
		"3 channels":       wave(list(3)+fmtChunk(1, 3, 8000, 9, 24), strings.Repeat(loud+zeros(13), 20)) + list(5),
		"μ-law, odd":       wave(fmtChunk(7, 2, 8000, 2, 8), strings.Repeat(loud+"\xff", 31)) + "\x00" + list(3),
		"extensible, RF64": rf64("RF64", 0, 0) + strings.Repeat(loud+zeros(3), 10),
		"length too small": riff(100, 50) + strings.Repeat(loud+zeros(3), 10) + list(2),
	} {
		t.Run(name, func(t *testing.T) {
			want := inspect(t, content)
			require.NotNil(t, want)
			for split := range len(content) + 1 {
				require.Equal(t, want, inspect(t, content[:split], content[split:]), "split at %d", split)
				require.Equal(t, want, inspectResumed(t, content[:split], content[split:]), "resumed at %d", split)
			}
			require.Equal(t, want, inspect(t, strings.Split(content, "")...), "byte by byte")
		})
	}
}

func TestHostileWAVCostsNoMemory(t *testing.T) {
	inspector := audio.NewInspector(audio.Options{})
	content := []byte("RIFF" + le(0, 4) + "WAVE" + "fmt " + le(math.MaxUint32, 4) + pcmFormat[8:])
	allocations := testing.AllocsPerRun(100, func() {
		_, _ = inspector.Write(content)
	})
	require.Zero(t, allocations)
	require.Nil(t, inspector.Findings())
}

func FuzzInspectWAV(f *testing.F) {
	for _, file := range simulator.HeaderLies() {
		f.Add(file.Raw, 100)
	}
	for _, content := range recorded(f, simulator.File{Duration: 100 * time.Millisecond}, simulator.File{Duration: 100 * time.Millisecond, Format: simulator.RF64, Channels: 2}) {
		f.Add([]byte(content), 50)
	}
	for _, content := range []string{
		wave(extensible(1, 6, 24, guid), loud+loud+loud), wave(fmtChunk(7, 2, 8000, 2, 8), loud) + list(3), riff(36, 3) + loud,
		rf64("RF64", math.MaxUint64-1, math.MaxUint64-1) + loud, wave(fmtChunk(6, 1, 8000, 1, 8), loud) + list(1),
	} {
		f.Add([]byte(content), len(content)/2)
	}
	f.Fuzz(func(t *testing.T, content []byte, split int) {
		split = max(0, min(split, len(content)))
		findings := inspect(t, string(content))
		requireSound(t, findings)
		require.Equal(t, findings, inspect(t, string(content[:split]), string(content[split:])))
		if findings == nil || findings.Encoding != "flac" {
			require.Equal(t, findings, inspectResumed(t, string(content[:split]), string(content[split:])))
		}
		if findings != nil {
			require.LessOrEqual(t, findings.DurationSeconds*float64(findings.SampleRate), float64(len(content))+1000, fmt.Sprint(findings))
		}
	})
}
