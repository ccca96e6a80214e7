package audio

import (
	"fmt"
	"math"
	"strings"
	"time"
)

// Findings are facts on the sound of a recording. They prove nothing about whom
// one hears, but tell a recording from a silent or a broken one.
type Findings struct {
	// Encoding of the samples, by ffmpeg's names: pcm_u8, pcm_s16le, pcm_s24le,
	// pcm_s32le (in a big-endian file pcm_s16be and so on), pcm_mulaw, pcm_alaw,
	// flac.
	Encoding string `json:"encoding"`
	// Channels is how many channels (legs) the recording has, 1 to 8.
	Channels int `json:"channels"`
	// SampleRate in Hz as the header states it; 0 if it states none that exists.
	SampleRate int `json:"sampleRate,omitempty"`
	// DurationSeconds is how long the samples that came last at the sample rate,
	// rounded to milliseconds. For FLAC that was not decoded to its end, it is what
	// the header states. It is 0 if it is not known or over 30 days.
	DurationSeconds float64 `json:"durationSeconds"`
	// Silence is the share of samples that are digital silence, 0 to 1, for each
	// channel: 0 in PCM and FLAC, either zero of μ-law (0xFF, 0x7F), the two values
	// next to zero of A-law (0xD5, 0x55). It is nil if there are no samples, and for
	// FLAC that was not decoded to its end.
	Silence []float64 `json:"silence,omitempty"`
	// FLACMD5 says whether the decoded samples have the MD5 that the header of FLAC
	// states; empty for other formats.
	FLACMD5 MD5Finding `json:"flacMd5,omitempty"`
	// FLACDecoding says how the decoding of FLAC ended; empty for other formats.
	FLACDecoding DecodingFinding `json:"flacDecoding,omitempty"`
	// FLACFailsAtByte is where in the file the frame begins that cannot be decoded,
	// if FLACDecoding is [DecodingFailed].
	FLACFailsAtByte int64 `json:"flacFailsAtByte,omitempty"`
}

// MD5Finding is the result of comparing the MD5 that FLAC states.
type MD5Finding string

// The results. MD5NotChecked means that it is stated, but not all samples were
// decoded, or the process allows no MD5.
const (
	MD5Matches    MD5Finding = "match"
	MD5Mismatches MD5Finding = "mismatch"
	MD5NotStated  MD5Finding = "not stated"
	MD5NotChecked MD5Finding = "not checked"
)

// DecodingFinding is how the decoding of FLAC ended.
type DecodingFinding string

// The ends. DecodingComplete is the regular one. A file was cut if it ends within
// a frame, or with fewer samples than the header states and without their MD5.
// Decoding was not done, or not to the end, if it is switched off, if another
// process read the beginning of the file, or if the file has what is not decoded
// here: more than 24 bits, more than 131,072 samples in a frame, other channels or
// bits than stated, or far more samples than its length warrants.
const (
	DecodingComplete DecodingFinding = "complete"
	DecodingCut      DecodingFinding = "cut"
	DecodingFailed   DecodingFinding = "failed"
	DecodingNotDone  DecodingFinding = "not done"
)

// Remarks returns plain sentences of at most 200 bytes on what suggests a wrong
// or broken recording. callLength is how long the call lasted, 0 if that is not
// known.
func (f *Findings) Remarks(callLength time.Duration) []string {
	if f == nil {
		return nil
	}
	var remarks []string
	for _, remark := range []string{f.silenceRemark(), f.durationRemark(callLength), f.flacRemark()} {
		if remark != "" {
			remarks = append(remarks, remark)
		}
	}
	return remarks
}

func (f *Findings) silenceRemark() string {
	var silent []string
	for i, share := range f.Silence {
		if share == 1 {
			silent = append(silent, fmt.Sprint(i+1))
		}
	}
	switch {
	case len(silent) == 0:
		return ""
	case len(f.Silence) == 1:
		return "the only channel is digital silence"
	case len(silent) == len(f.Silence):
		return fmt.Sprintf("all %d channels are digital silence", len(silent))
	case len(silent) == 1:
		return fmt.Sprintf("channel %s of %d is digital silence", silent[0], len(f.Silence))
	default:
		return fmt.Sprintf("channels %s of %d are digital silence", strings.Join(silent, ", "), len(f.Silence))
	}
}

// durationRemark does not repeat the duration: the remarks on the header and the
// findings have it.
func (f *Findings) durationRemark(callLength time.Duration) string {
	known := f.SampleRate > 0 && (f.DurationSeconds > 0 || f.Encoding != encodingFLAC || f.FLACDecoding == DecodingComplete)
	if callLength <= 0 || !known || f.DurationSeconds >= callLength.Seconds()/10 {
		return ""
	}
	return fmt.Sprintf("the recording lasts less than a tenth of the call, which took %s", callLength.Round(time.Millisecond))
}

func (f *Findings) flacRemark() string {
	switch {
	case f.FLACDecoding == DecodingFailed:
		return fmt.Sprintf("the FLAC file cannot be decoded from byte %d on", f.FLACFailsAtByte)
	case f.FLACDecoding == DecodingCut:
		return fmt.Sprintf("the FLAC file breaks off after %s of sound", inSeconds(f.DurationSeconds))
	case f.FLACMD5 == MD5Mismatches:
		return "the decoded samples do not have the MD5 that the FLAC header states"
	default:
		return ""
	}
}

func inSeconds(seconds float64) time.Duration {
	return time.Duration(math.Round(seconds*1000)) * time.Millisecond
}

// longest is the longest duration that is believed.
const longest = 30 * 24 * time.Hour

// durationOf returns how many seconds samples last, rounded to milliseconds; 0 if
// that is not known or not believed.
func durationOf(samples uint64, rate uint32) float64 {
	if rate == 0 {
		return 0
	}
	seconds := float64(samples) / float64(rate)
	if seconds > longest.Seconds() {
		return 0
	}
	return math.Round(seconds*1000) / 1000
}

// shares returns the share of silent samples for each channel.
func shares(silent []uint64, samples uint64) []float64 {
	if samples == 0 {
		return nil
	}
	out := make([]float64, len(silent))
	for i, n := range silent {
		out[i] = float64(n) / float64(samples)
	}
	return out
}
