package simulator

import (
	"bytes"
	"crypto/md5"
	"encoding/binary"
	"io"
	"math"
	"testing"
	"time"

	"github.com/mewkiz/flac"
	"github.com/stretchr/testify/require"
)

// samples splits interleaved PCM into one slice per channel.
func samples(pcm []byte, channels int) [][]float64 {
	out := make([][]float64, channels)
	for i := 0; i+1 < len(pcm); i += 2 {
		c := i / 2 % channels
		out[c] = append(out[c], float64(int16(binary.LittleEndian.Uint16(pcm[i:])))/32768)
	}
	return out
}

// loudness returns the RMS of each 20 ms.
func loudness(x []float64) []float64 {
	const window = sampleRate / 50
	var out []float64
	for i := 0; i+window <= len(x); i += window {
		sum := 0.0
		for _, s := range x[i : i+window] {
			sum += s * s
		}
		out = append(out, math.Sqrt(sum/window))
	}
	return out
}

func TestAudioHasThePropertiesOfSpeech(t *testing.T) {
	for seed := range uint64(20) {
		x := samples(speechLoop(seed, 1), 1)[0]
		require.Len(t, x, loopFrames)

		peak, quiet, loud := 0.0, 0, 0
		for _, s := range x {
			peak = max(peak, math.Abs(s))
		}
		require.InDelta(t, 0.6, peak, 0.05, "seed %d: audible and not clipped", seed)
		frames := loudness(x)
		for _, l := range frames {
			if l < 0.005 {
				quiet++
			}
			if l > 0.03 {
				loud++
			}
		}
		require.Greater(t, quiet, len(frames)/20, "seed %d: there are pauses", seed)
		require.Greater(t, loud, len(frames)/4, "seed %d: there are voices", seed)

		// The rate of zero crossings separates speech from noise: noise crosses zero at every other sample, speech rarely.
		crossings := 0
		for i := 1; i < len(x); i++ {
			if math.Abs(x[i]) > 0.01 && x[i]*x[i-1] < 0 {
				crossings++
			}
		}
		require.Less(t, float64(crossings)/float64(len(x)), 0.25, "seed %d: it is not noise", seed)
		require.Less(t, frames[0]+frames[len(frames)-1], 0.01, "seed %d: the loop begins and ends in silence", seed)
	}
}

func TestVoicesHaveAPitch(t *testing.T) {
	x := samples(speechLoop(1, 2), 2)
	caller, agent := pitch(x[0]), pitch(x[1])
	require.InDelta(t, 190, caller, 50)
	require.InDelta(t, 110, agent, 35)
}

// pitch returns the most frequent best lag of the autocorrelation over loud sections of 40 ms, in Hz.
func pitch(x []float64) float64 {
	const window = sampleRate / 25
	votes := map[int]int{}
	for at := 0; at+2*window < len(x); at += window {
		best, bestLag, energy := 0.0, 0, 0.0
		for i := range window {
			energy += x[at+i] * x[at+i]
		}
		if energy/window < 0.004 {
			continue
		}
		for lag := sampleRate / 300; lag < sampleRate/70; lag++ {
			sum := 0.0
			for i := range window {
				sum += x[at+i] * x[at+i+lag]
			}
			if sum > best {
				best, bestLag = sum, lag
			}
		}
		if bestLag > 0 {
			votes[sampleRate/bestLag/10]++
		}
	}
	winner := 0
	for v, n := range votes {
		if n > votes[winner] || n == votes[winner] && v < winner {
			winner = v
		}
	}
	return float64(winner*10 + 5)
}

func TestCallerAndAgentTakeTurns(t *testing.T) {
	x := samples(speechLoop(3, 2), 2)
	caller, agent := loudness(x[0]), loudness(x[1])
	both, either := 0, 0
	for i := range caller {
		a, b := caller[i] > 0.02, agent[i] > 0.02
		if a && b {
			both++
		}
		if a || b {
			either++
		}
	}
	require.Greater(t, either, len(caller)/4)
	require.Zero(t, both, "they never speak at the same time")
}

func TestSeedDeterminesTheAudio(t *testing.T) {
	require.True(t, bytes.Equal(speechLoop(5, 1), speechLoop(5, 1)))
	require.False(t, bytes.Equal(speechLoop(5, 1), speechLoop(6, 1)))
}

func TestWAVHeaderMatchesTheFile(t *testing.T) {
	for channels := 1; channels <= 2; channels++ {
		body := download(t, File{Duration: 1500 * time.Millisecond, Channels: channels})
		require.Equal(t, "RIFF", string(body[0:4]))
		require.EqualValues(t, len(body)-8, binary.LittleEndian.Uint32(body[4:]))
		require.Equal(t, "WAVEfmt ", string(body[8:16]))
		require.EqualValues(t, 1, binary.LittleEndian.Uint16(body[20:]), "PCM")
		require.EqualValues(t, channels, binary.LittleEndian.Uint16(body[22:]))
		require.EqualValues(t, 8000, binary.LittleEndian.Uint32(body[24:]))
		require.EqualValues(t, 16_000*channels, binary.LittleEndian.Uint32(body[28:]))
		require.EqualValues(t, 16, binary.LittleEndian.Uint16(body[34:]))
		require.Equal(t, "data", string(body[36:40]))
		require.EqualValues(t, 24_000*channels, binary.LittleEndian.Uint32(body[40:]))
		require.Len(t, body, 44+24_000*channels)
	}
}

func TestRF64SizesAreInDS64(t *testing.T) {
	body := download(t, File{Duration: time.Second, Channels: 2, Format: RF64})
	require.Equal(t, "RF64\xff\xff\xff\xffWAVEds64", string(body[:16]))
	require.EqualValues(t, len(body)-8, binary.LittleEndian.Uint64(body[20:]))
	require.EqualValues(t, 32_000, binary.LittleEndian.Uint64(body[28:]))
	require.EqualValues(t, 8000, binary.LittleEndian.Uint64(body[36:]))
	require.Equal(t, "fmt ", string(body[48:52]))
	require.Equal(t, "data\xff\xff\xff\xff", string(body[72:80]))
	require.Len(t, body, 80+32_000)
}

func TestRF64FileCanExceed4GiB(t *testing.T) {
	h := newHarness(t, Config{})
	resp := h.get(h.mediaURL(h.addSession(Session{Files: []File{{Format: RF64, Size: 6 << 30}}})), "Range", "bytes=-2")
	require.Equal(t, "bytes 6442450942-6442450943/6442450944", resp.header.Get("Content-Range"))
}

func TestFLACDecodesToTheSameAudio(t *testing.T) {
	for channels := 1; channels <= 2; channels++ {
		// 15 s is longer than the loop; 15.0003 s leaves a shorter last block.
		spec := File{Duration: 15*time.Second + 300*time.Microsecond, Channels: channels, Seed: 9}
		wav := download(t, spec)
		spec.Format = FLAC
		body := download(t, spec)
		require.Equal(t, "fLaC", string(body[:4]))
		require.Less(t, len(body), len(wav), "it is compressed")

		stream, err := flac.Parse(bytes.NewReader(body))
		require.NoError(t, err)
		require.EqualValues(t, 8000, stream.Info.SampleRate)
		require.EqualValues(t, channels, stream.Info.NChannels)
		require.EqualValues(t, 120_002, stream.Info.NSamples)
		pcm := make([]byte, 0, len(wav))
		for {
			f, err := stream.ParseNext()
			if err == io.EOF {
				break
			}
			require.NoError(t, err)
			for i := range int(f.BlockSize) {
				for _, sub := range f.Subframes {
					pcm = binary.LittleEndian.AppendUint16(pcm, uint16(int16(sub.Samples[i])))
				}
			}
		}
		require.True(t, bytes.Equal(wav[44:], pcm))
		require.Equal(t, md5.Sum(pcm), stream.Info.MD5sum)
	}
}

func TestFLACWithAWAVName(t *testing.T) {
	h := newHarness(t, Config{})
	media := h.mediaURL(h.addSession(Session{Files: []File{{Name: "call.wav", Format: FLAC, Duration: time.Second}}}))
	require.Contains(t, media, ".wav?")
	resp := h.get(media)
	require.Equal(t, "audio/wav", resp.header.Get("Content-Type"))
	require.Equal(t, "fLaC", resp.body[:4])
}

func TestSoundCacheIsBounded(t *testing.T) {
	c := newSoundCache()
	const piece = 10 << 20
	for seed := range uint64(20) {
		_, err := c.get(soundKey{seed, 1, 0}, func() ([]byte, error) { return make([]byte, piece), nil })
		require.NoError(t, err)
	}
	require.Len(t, c.entries, soundBytes/piece)
	require.Len(t, c.order, len(c.entries))
	require.Equal(t, len(c.entries)*piece, c.bytes)
}

func download(t *testing.T, file File) []byte {
	t.Helper()
	h := newHarness(t, Config{})
	resp := h.get(h.mediaURL(h.addSession(Session{Files: []File{file}})))
	require.NoError(t, resp.err)
	require.Equal(t, 200, resp.status)
	return []byte(resp.body)
}
