package audio_test

import (
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/internal/audio"
	"github.com/callvault/callvault/internal/simulator"
)

// soundOf is a random sound: slow waves, noise, silence, few bits.
func soundOf(random *rand.Rand, channels, depth, samples int) [][]int32 {
	sound := make([][]int32, channels)
	highest := int32(1)<<(depth-1) - 1
	for c := range sound {
		sound[c] = make([]int32, samples)
		level, noise, step, wasted := int32(0), int32(1), int32(0), 0
		for i := range sound[c] {
			if random.IntN(3000) == 0 || i == 0 {
				level, noise, step, wasted = 0, random.Int32N(highest)>>random.IntN(depth)+1, random.Int32N(9)-4, random.IntN(4)
				if random.IntN(4) == 0 {
					noise, step = 1, 0
				}
			}
			level = min(max(level+step, -highest/2), highest/2)
			sound[c][i] = min(max(level+random.Int32N(noise)-noise/2, -highest-1), highest) >> wasted << wasted
		}
	}
	return sound
}

func silenceOf(sound [][]int32) []float64 {
	shares := make([]float64, len(sound))
	for c, channel := range sound {
		for _, sample := range channel {
			if sample == 0 {
				shares[c]++
			}
		}
		shares[c] /= float64(len(channel))
	}
	return shares
}

// encoded returns a random sound and its file.
func encoded(random *rand.Rand, channels, depth, samples int) ([][]int32, string) {
	sound := soundOf(random, channels, depth, samples)
	encoder := &flacEncoder{random: random, channels: channels, bits: depth, rate: 8000}
	return sound, encoder.encode(sound)
}

func TestFLACIsDecodedToItsMD5(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Log("seed", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	for _, depth := range []int{8, 12, 16, 20, 24} {
		for channels := 1; channels <= 8; channels++ {
			sound, content := encoded(random, channels, depth, 8000+random.IntN(20_000))
			findings := inspect(t, pieces(random, content)...)
			require.Equal(t, &audio.Findings{
				Encoding: "flac", Channels: channels, SampleRate: 8000, Silence: silenceOf(sound),
				DurationSeconds: inspect(t, content).DurationSeconds,
				FLACMD5:         audio.MD5Matches, FLACDecoding: audio.DecodingComplete,
			}, findings, "%d channels of %d bits", channels, depth)
			require.InDelta(t, float64(len(sound[0]))/8000, findings.DurationSeconds, 0.0006)
		}
	}
}

func TestSimulatedRecordingsAreLookedInto(t *testing.T) {
	const seed = 5
	contents := recorded(t,
		simulator.File{Seed: seed, Channels: 2, Duration: 3 * time.Second, Format: simulator.FLAC},
		simulator.File{Seed: seed, Channels: 2, Duration: 3 * time.Second, Format: simulator.WAV},
		simulator.File{Seed: seed, Channels: 2, Duration: 3 * time.Second, Format: simulator.RF64})
	fromFLAC, fromWAV := inspect(t, contents[0]), inspect(t, contents[1])
	require.Equal(t, fromWAV, inspect(t, contents[2]))
	require.Equal(t, audio.MD5Matches, fromFLAC.FLACMD5)
	require.Equal(t, fromWAV.Silence, fromFLAC.Silence)
	require.Equal(t, 3.0, fromFLAC.DurationSeconds)
	require.Equal(t, 3.0, fromWAV.DurationSeconds)
	require.Empty(t, fromFLAC.Remarks(10*time.Second))
}

// edited returns a file with some bytes replaced.
func edited(content string, at int, replacement string) string {
	return content[:at] + replacement + content[at+len(replacement):]
}

func TestFLACThatIsNotAsItStates(t *testing.T) {
	const lengthAt, md5At, infoEnd = 22, 26, 42
	random := rand.New(rand.NewPCG(7, 0))
	sound, content := encoded(random, 1, 16, 12_000)
	_, other := encoded(random, 1, 16, 12_000)
	silence := silenceOf(sound)
	other = content[:md5At] + other[md5At:infoEnd] + content[infoEnd:]
	noMD5 := edited(content, md5At, zeros(16))
	length := func(s string, samples uint64) string { return edited(s, lengthAt, be(samples, 4)) }
	for name, c := range map[string]struct {
		content  string
		decoding audio.DecodingFinding
		md5      audio.MD5Finding
		silence  []float64
		remark   string
	}{
		"as it states":                {content, audio.DecodingComplete, audio.MD5Matches, silence, ""},
		"another MD5":                 {other, audio.DecodingComplete, audio.MD5Mismatches, silence, "the decoded samples do not have the MD5 that the FLAC header states"},
		"no MD5":                      {noMD5, audio.DecodingComplete, audio.MD5NotStated, silence, ""},
		"no length":                   {length(content, 0), audio.DecodingComplete, audio.MD5Matches, silence, ""},
		"more samples stated":         {length(content, 12_001), audio.DecodingComplete, audio.MD5Matches, silence, ""},
		"more and no MD5":             {length(noMD5, 12_001), audio.DecodingCut, audio.MD5NotStated, silence, "the FLAC file breaks off after 1.5s of sound"},
		"more and another MD5":        {length(other, 12_001), audio.DecodingCut, audio.MD5Mismatches, silence, "the FLAC file breaks off after 1.5s of sound"},
		"less samples stated":         {length(content, 100), audio.DecodingComplete, audio.MD5Matches, silence, ""},
		"trailing bytes":              {content + "TAG" + zeros(125), audio.DecodingComplete, audio.MD5Matches, silence, ""},
		"trailing, other MD5":         {other + "TAG" + zeros(125), audio.DecodingComplete, audio.MD5Mismatches, silence, "the decoded samples do not have the MD5 that the FLAC header states"},
		"trailing, no length":         {length(content, 0) + zeros(7), audio.DecodingComplete, audio.MD5Matches, silence, ""},
		"trailing, no length, no MD5": {length(noMD5, 0) + zeros(7), audio.DecodingFailed, audio.MD5NotStated, nil, "the FLAC file cannot be decoded from byte"},
	} {
		t.Run(name, func(t *testing.T) {
			findings := inspect(t, c.content)
			require.Equal(t, c.decoding, findings.FLACDecoding)
			require.Equal(t, c.md5, findings.FLACMD5)
			require.Equal(t, c.silence, findings.Silence)
			remarks := findings.Remarks(0)
			if c.remark == "" {
				require.Empty(t, remarks)
				return
			}
			require.Len(t, remarks, 1)
			require.Contains(t, remarks[0], c.remark)
		})
	}
}

func TestFLACBreaksOffWhereverItIsCut(t *testing.T) {
	_, content := encoded(rand.New(rand.NewPCG(11, 0)), 2, 16, 800)
	for cut := 42; cut < len(content); cut++ {
		findings := inspect(t, content[:cut])
		require.Equal(t, audio.DecodingCut, findings.FLACDecoding, "cut to %d bytes", cut)
		require.Equal(t, audio.MD5Mismatches, findings.FLACMD5)
		require.Less(t, findings.DurationSeconds, 0.1)
		require.Contains(t, findings.Remarks(0)[len(findings.Remarks(0))-1], "breaks off after ")
	}
	require.Nil(t, inspect(t, content[:41]))
}

func TestFLACThatStatesNeitherLengthNorMD5BreaksOffInAFrame(t *testing.T) {
	content := streamInfoBlock(4096, 8000, 2, 16, 0, zeros(16)) + frameOf("\xff\xf8\xc0\x10\x00", 2, 3)
	require.Equal(t, audio.DecodingComplete, inspect(t, content).FLACDecoding)
	for cut := len(content) - 1; cut > 42; cut-- {
		require.Equal(t, audio.DecodingCut, inspect(t, content[:cut]).FLACDecoding, "cut to %d bytes", cut)
	}
	require.Equal(t, audio.DecodingComplete, inspect(t, content[:42]).FLACDecoding, "no frame at all")
}

func TestFLACFramesMayBeLongerThanItStates(t *testing.T) {
	const maxBlockAt = 10
	_, content := encoded(rand.New(rand.NewPCG(31, 0)), 8, 24, 20_000)
	require.Equal(t, inspect(t, content), inspect(t, edited(content, maxBlockAt, be(16, 2))))
	require.Equal(t, audio.MD5Matches, inspect(t, content).FLACMD5)
}

func TestFLACWithAWrongBitFails(t *testing.T) {
	_, content := encoded(rand.New(rand.NewPCG(13, 0)), 2, 16, 800)
	for at := 42; at < len(content); at++ {
		broken := edited(content, at, string([]byte{content[at] ^ 1<<(at%8)}))
		findings := inspect(t, broken)
		require.NotEqual(t, audio.MD5Matches, findings.FLACMD5, "byte %d", at)
		require.Contains(t, []audio.DecodingFinding{audio.DecodingFailed, audio.DecodingCut}, findings.FLACDecoding, "byte %d", at)
		require.LessOrEqual(t, findings.FLACFailsAtByte, int64(at))
		require.NotEmpty(t, findings.Remarks(0))
	}
}

func TestEverySplitOfAFLACFileGivesTheSameFindings(t *testing.T) {
	_, content := encoded(rand.New(rand.NewPCG(17, 0)), 2, 16, 800)
	content = content[:4] + "\x00" + content[5:42] + "\x04" + be(5, 3) + "aaaaa" + "\x81" + be(0, 3) + content[42:]
	want := inspect(t, content)
	require.Equal(t, audio.MD5Matches, want.FLACMD5)
	for split := range len(content) + 1 {
		require.Equal(t, want, inspect(t, content[:split], content[split:]), "split at %d", split)
	}
	require.Equal(t, want, inspect(t, strings.Split(content, "")...), "byte by byte")
}

func TestResumedOrUndecodedFLACSaysWhatItsHeaderStates(t *testing.T) {
	_, content := encoded(rand.New(rand.NewPCG(19, 0)), 2, 16, 4000)
	want := &audio.Findings{
		Encoding: "flac", Channels: 2, SampleRate: 8000, DurationSeconds: 0.5,
		FLACMD5: audio.MD5NotChecked, FLACDecoding: audio.DecodingNotDone,
	}
	require.Equal(t, want, inspectResumed(t, content[:100], content[100:]))
	require.Equal(t, want, inspectResumed(t, content[:len(content)-1], content[len(content)-1:]))
	require.Nil(t, inspectResumed(t, content[:41], content[41:]), "the header was cut")
	undecoded := audio.NewInspector(audio.Options{})
	_, _ = io.WriteString(undecoded, content)
	require.Equal(t, want, undecoded.Findings())
	require.Empty(t, want.Remarks(time.Second))
}

// frameOf is a frame of constant subframes, with the bits of its header in order.
func frameOf(header string, channels, subframeBytes int) string {
	frame := []byte(header)
	frame = append(frame, byte(crc(frame, 0x07, 8)))
	for range channels {
		frame = append(frame, make([]byte, subframeBytes)...)
	}
	sum := crc(frame, 0x8005, 16)
	return string(append(frame, byte(sum>>8), byte(sum)))
}

func TestFLACThatIsNotDecoded(t *testing.T) {
	info := func(channels, depth int) string { return streamInfoBlock(4096, 8000, channels, depth, 0, zeros(16)) }
	stereo := frameOf("\xff\xf8\xc0\x10\x00", 2, 3)
	for name, c := range map[string]struct {
		content  string
		decoding audio.DecodingFinding
	}{
		"a frame of silence":     {info(2, 16) + stereo, audio.DecodingComplete},
		"32 bits":                {info(2, 32) + stereo, audio.DecodingNotDone},
		"25 bits":                {info(2, 25) + stereo, audio.DecodingNotDone},
		"other channels":         {info(1, 16) + stereo, audio.DecodingNotDone},
		"other bits":             {info(2, 16) + frameOf("\xff\xf8\xc0\x12\x00", 2, 2), audio.DecodingNotDone},
		"131,072 samples":        {info(8, 16) + frameOf("\xff\xf8\xe0\x70\x00", 8, 3), audio.DecodingComplete},
		"more than that":         {info(8, 16) + frameOf("\xff\xf8\x70\x70\x00\x40\x00", 8, 3), audio.DecodingNotDone},
		"65,535 samples":         {info(2, 16) + frameOf("\xff\xf8\x70\x10\x00\xff\xfe", 2, 3), audio.DecodingComplete},
		"65,536 samples":         {info(1, 16) + frameOf("\xff\xf8\x70\x00\x00\xff\xff", 1, 3), audio.DecodingFailed},
		"a reserved length":      {info(2, 16) + frameOf("\xff\xf8\x00\x10\x00", 2, 3), audio.DecodingFailed},
		"a reserved rate":        {info(2, 16) + frameOf("\xff\xf8\xcf\x10\x00", 2, 3), audio.DecodingFailed},
		"a reserved assignment":  {info(2, 16) + frameOf("\xff\xf8\xc0\xb0\x00", 2, 3), audio.DecodingFailed},
		"reserved bits":          {info(2, 16) + frameOf("\xff\xf8\xc0\x16\x00", 2, 3), audio.DecodingFailed},
		"a reserved bit":         {info(2, 16) + frameOf("\xff\xf8\xc0\x11\x00", 2, 3), audio.DecodingFailed},
		"a bad number":           {info(2, 16) + frameOf("\xff\xf8\xc0\x10\x80", 2, 3), audio.DecodingFailed},
		"the longest bad number": {info(2, 16) + frameOf("\xff\xf8\xc0\x10\xff\x80\x80\x80\x80\x80\x80\x80", 2, 3), audio.DecodingFailed},
		"a number that breaks":   {info(2, 16) + frameOf("\xff\xf8\xc0\x10\xc2\x00", 2, 3), audio.DecodingFailed},
		"no frame":               {info(2, 16) + strings.Repeat("no frame", 3), audio.DecodingFailed},
		"no second frame":        {info(2, 16) + stereo + "n", audio.DecodingFailed},
	} {
		t.Run(name, func(t *testing.T) {
			findings := inspect(t, c.content)
			require.Equal(t, c.decoding, findings.FLACDecoding)
			require.Equal(t, audio.MD5NotStated, findings.FLACMD5)
		})
	}
}

func TestFLACHeaderHasItsOwnChecksum(t *testing.T) {
	frame := []byte(frameOf("\xff\xf8\xc0\x10\x00", 2, 3))
	frame[5] ^= 1
	body := frame[:len(frame)-2]
	content := streamInfoBlock(4096, 8000, 2, 16, 0, zeros(16)) + string(body) + be(crc(body, 0x8005, 16), 2)
	require.Equal(t, audio.DecodingFailed, inspect(t, content).FLACDecoding)
}

func TestTheByteIsNamedFromWhichFLACCannotBeDecoded(t *testing.T) {
	frame := frameOf("\xff\xf8\xc0\x10\x00", 2, 3)
	metadata := edited(streamInfoBlock(4096, 8000, 2, 16, 0, zeros(16)), 4, "\x00") + "\x81" + be(5, 3) + zeros(5)
	findings := inspect(t, metadata+frame+frame+"no frame")
	require.Equal(t, int64(42+9+2*len(frame)), findings.FLACFailsAtByte)
	require.Equal(t, []string{"the FLAC file cannot be decoded from byte 79 on"}, findings.Remarks(0))
}

// A frame of silence has a few bytes, whatever its length: a small file could
// otherwise take minutes.
func TestFLACOfFarTooManySamplesIsNotDecodedToItsEnd(t *testing.T) {
	content := streamInfoBlock(16384, 8000, 8, 16, 0, zeros(16)) + strings.Repeat(frameOf("\xff\xf8\xe0\x70\x00", 8, 3), 2500)
	require.Less(t, len(content), 100_000)
	require.Equal(t, audio.DecodingNotDone, inspect(t, content).FLACDecoding)
	short := content[:42] + content[42:42+32*10]
	require.Equal(t, audio.DecodingComplete, inspect(t, short).FLACDecoding)
}

func TestFLACCostsBoundedMemory(t *testing.T) {
	random := rand.New(rand.NewPCG(23, 0))
	_, regular := encoded(random, 2, 16, 100_000)
	noise := make([]byte, 4<<20)
	for i := range noise {
		noise[i] = byte(random.IntN(256))
	}
	header := streamInfoBlock(65535, 8000, 8, 24, 0, strings.Repeat("x", 16))
	// The first subframe is in the Rice code with zeros that never end.
	endless := header + frameOf("\xff\xf8\xe0\x70\x00", 0, 0)[:6] + "\x10\x00" + zeros(4<<20)
	for name, c := range map[string]struct {
		content string
		limit   uint64
	}{
		"regular":          {regular, 300 << 10},
		"noise":            {header + string(noise), 2 << 20},
		"endless":          {endless, 4 << 20},
		"endless metadata": {strings.Replace(header, "\x80", "\x00", 1) + strings.Repeat("\x04"+be(1<<16, 3)+zeros(1<<16), 64), 64 << 10},
	} {
		t.Run(name, func(t *testing.T) {
			inspector := audio.NewInspector(audio.Options{DecodeFLAC: true})
			content := []byte(c.content)
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			for piece := range slices.Chunk(content, 32<<10) {
				_, _ = inspector.Write(piece)
			}
			require.NotNil(t, inspector.Findings())
			runtime.ReadMemStats(&after)
			require.Less(t, after.TotalAlloc-before.TotalAlloc, c.limit)
		})
	}
}

func TestMoreThanAThousandMetadataBlocksAreNotReadOn(t *testing.T) {
	info := strings.Replace(streamInfoBlock(4096, 8000, 2, 16, 0, zeros(16)), "\x80", "\x00", 1)
	frame := frameOf("\xff\xf8\xc0\x10\x00", 2, 3)
	block, last := "\x01"+be(0, 3), "\x81"+be(0, 3)
	require.Equal(t, audio.DecodingComplete, inspect(t, info+strings.Repeat(block, 999)+last+frame).FLACDecoding)
	require.Equal(t, audio.DecodingNotDone, inspect(t, info+strings.Repeat(block, 1000)+last+frame).FLACDecoding)
}

func TestFLACWithAnotherFirstBlockSaysNothing(t *testing.T) {
	content := streamInfoBlock(4096, 8000, 2, 16, 0, zeros(16)) + frameOf("\xff\xf8\xc0\x10\x00", 2, 3)
	require.NotNil(t, inspect(t, content))
	require.Nil(t, inspect(t, edited(content, 4, "\x84")), "its type")
	require.Nil(t, inspect(t, edited(content, 7, "\x23")), "its length")
	require.Nil(t, inspect(t, streamInfoBlock(4096, 8000, 2, 3, 0, zeros(16))+zeros(100)), "its bits")
}

// FIPS 140 forbids MD5: it must cost the comparison only.
func TestFLACIsDecodedWhereMD5IsForbidden(t *testing.T) {
	const godebug = "fips140=only"
	if os.Getenv("GODEBUG") != godebug {
		command := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
		command.Env = append(os.Environ(), "GODEBUG="+godebug)
		output, err := command.CombinedOutput()
		require.NoError(t, err, string(output))
		require.Contains(t, string(output), "--- PASS: "+t.Name())
		return
	}
	content := streamInfoBlock(4096, 8000, 2, 16, 4096, strings.Repeat("x", 16)) + frameOf("\xff\xf8\xc0\x10\x00", 2, 3)
	findings := inspect(t, content)
	require.Equal(t, audio.DecodingComplete, findings.FLACDecoding)
	require.Equal(t, audio.MD5NotChecked, findings.FLACMD5)
	require.Equal(t, []float64{1, 1}, findings.Silence)
}

func FuzzInspectFLAC(f *testing.F) {
	for _, content := range recorded(f, simulator.File{Duration: 50 * time.Millisecond, Format: simulator.FLAC}, simulator.File{Duration: 20 * time.Millisecond, Format: simulator.FLAC, Channels: 2}) {
		f.Add([]byte(content), 50)
	}
	random := rand.New(rand.NewPCG(29, 0))
	for _, channels := range []int{1, 2, 2, 8} {
		for _, depth := range []int{8, 16, 24} {
			_, content := encoded(random, channels, depth, 300)
			f.Add([]byte(content), len(content)/2)
		}
	}
	f.Add([]byte(streamInfoBlock(65535, 1<<20-1, 8, 24, 1<<36-1, strings.Repeat("x", 16))+frameOf("\xff\xf8\xe0\x70\x00", 8, 3)), 10)
	f.Add([]byte(flac(0, 8000, 1)+"\x01\xff\xff\xff"), 10)
	f.Fuzz(func(t *testing.T, content []byte, split int) {
		split = max(0, min(split, len(content)))
		findings := inspect(t, string(content))
		requireSound(t, findings)
		require.Equal(t, findings, inspect(t, string(content[:split]), string(content[split:])))
		requireSound(t, inspectResumed(t, string(content[:split]), string(content[split:])))
	})
}
