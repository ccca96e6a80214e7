package simulator

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
)

const (
	// sampleRate is the sample rate of telephone speech, in Hz.
	sampleRate = 8000
	// loopFrames is the length of the speech before it repeats: 12 s. It begins and ends in silence, so the repeat is
	// inaudible.
	loopFrames = 12 * sampleRate
)

// speechLoop returns 16-bit little-endian PCM of a caller and an agent who take turns. With one channel both are mixed, with
// two the caller is left and the agent right. The same seed gives the same bytes on the same processor architecture.
//
// It is source-filter synthesis: glottal pulses, or noise for consonants, through three resonators that glide from vowel to
// vowel, in syllables with an envelope, in words with pauses between them. It is not intelligible, but a player, a level
// meter and a voice detector treat it as speech.
func speechLoop(seed uint64, channels int) []byte {
	rng := rand.New(rand.NewPCG(seed, 0x5eed))
	voices := []*voice{newVoice(rng, 165+50*rng.Float64()), newVoice(rng, 95+30*rng.Float64())}
	tracks := [][]float64{make([]float64, loopFrames), make([]float64, loopFrames)}
	const rest = sampleRate / 4 // before the first word and after the last
	for at, who := rest, rng.IntN(2); ; who = 1 - who {
		end := min(at+int((1.2+2.2*rng.Float64())*sampleRate), loopFrames-rest)
		if end-at < sampleRate/2 {
			break
		}
		voices[who].talk(tracks[who][at:end])
		at = end + int((0.15+0.45*rng.Float64())*sampleRate)
	}
	for _, track := range tracks {
		level(track, 0.6)
	}
	return pcm(rng, tracks, channels)
}

// pcm interleaves or mixes the tracks and adds faint line noise, because complete silence suggests a broken recording.
func pcm(rng *rand.Rand, tracks [][]float64, channels int) []byte {
	out := make([]byte, 0, loopFrames*2*channels)
	put := func(x float64) {
		x += (rng.Float64() - 0.5) * 0.0008
		out = binary.LittleEndian.AppendUint16(out, uint16(int16(math.Round(32767*max(-1, min(1, x))))))
	}
	for i := range loopFrames {
		if channels == 1 {
			put(tracks[0][i] + tracks[1][i])
			continue
		}
		put(tracks[0][i])
		put(tracks[1][i])
	}
	return out
}

// level scales a track to the given peak.
func level(track []float64, peak float64) {
	loudest := 0.0
	for _, x := range track {
		loudest = max(loudest, math.Abs(x))
	}
	if loudest == 0 {
		return
	}
	for i := range track {
		track[i] *= peak / loudest
	}
}

// vowel is the frequencies of the first three formants, in Hz, from phonetics textbooks, for an adult.
type vowel [3]float64

var vowels = []vowel{
	{730, 1090, 2440}, // father
	{270, 2290, 3010}, // see
	{300, 870, 2240},  // too
	{530, 1840, 2480}, // bed
	{570, 840, 2410},  // law
	{660, 1720, 2410}, // cat
	{490, 1350, 1690}, // bird
	{440, 1020, 2240}, // book
}

// voice is a speaker: a pitch, and the state of the vocal tract.
type voice struct {
	rng   *rand.Rand
	pitch float64 // mean, in Hz
	phase float64 // within a glottal period, 0 to 1
	glot  float64 // the last value of the glottal flow
	place vowel
	tract [3]resonator
}

func newVoice(rng *rand.Rand, pitch float64) *voice {
	return &voice{rng: rng, pitch: pitch, place: vowels[rng.IntN(len(vowels))]}
}

// talk fills out with words. The pitch falls over the turn, as in a statement.
func (v *voice) talk(out []float64) {
	for at := 0; at < len(out); {
		for range 1 + v.rng.IntN(4) {
			fall := 1.12 - 0.25*float64(at)/float64(len(out))
			at += v.consonant(out[min(at, len(out)):])
			at += v.syllable(out[min(at, len(out)):], v.pitch*fall)
		}
		at += int((0.05 + 0.13*v.rng.Float64()) * sampleRate) // between words
	}
}

// syllable glides to another vowel under an envelope, and returns how many samples it took.
func (v *voice) syllable(out []float64, pitch float64) int {
	n := int((0.11 + 0.14*v.rng.Float64()) * sampleRate)
	if n > len(out) {
		return n // it does not fit: the turn ends in silence, not in a click
	}
	from, to := v.place, vowels[v.rng.IntN(len(vowels))]
	loud := 0.6 + 0.4*v.rng.Float64()
	for i := range n {
		t := float64(i) / float64(n)
		if i%40 == 0 { // every 5 ms
			for k := range v.place {
				v.place[k] = from[k] + (to[k]-from[k])*min(1, 1.6*t)
				v.tract[k].tune(v.place[k], 60+40*float64(k))
			}
		}
		x := v.pulse(pitch * (1 + 0.04*math.Sin(math.Pi*t)))
		for k := range v.tract {
			x = v.tract[k].pass(x)
		}
		out[i] = math.Pow(math.Sin(math.Pi*t), 0.6) * x
	}
	balance(out[:n], loud) // the resonators change the level of vowels far more than speakers do
	return n
}

// consonant writes a short burst of noise, sometimes none, and returns how many samples it took.
func (v *voice) consonant(out []float64) int {
	if v.rng.IntN(3) == 0 {
		return 0
	}
	n := int((0.02 + 0.05*v.rng.Float64()) * sampleRate)
	if n > len(out) {
		return n
	}
	var hiss resonator
	hiss.tune(1800+1600*v.rng.Float64(), 700)
	for i := range n {
		out[i] = math.Sin(math.Pi*float64(i)/float64(n)) * hiss.pass(v.rng.NormFloat64())
	}
	balance(out[:n], 0.2)
	return n
}

// balance scales a sound to a mean loudness (RMS).
func balance(x []float64, rms float64) {
	sum := 0.0
	for _, s := range x {
		sum += s * s
	}
	if sum == 0 {
		return
	}
	gain := rms / math.Sqrt(sum/float64(len(x)))
	for i := range x {
		x[i] *= gain
	}
}

// pulse returns the change of the glottal flow: a slow opening, a fast closing, then closed, with slight pitch jitter.
func (v *voice) pulse(pitch float64) float64 {
	v.phase += pitch * (1 + 0.02*v.rng.NormFloat64()) / sampleRate
	v.phase -= math.Floor(v.phase)
	flow := 0.0
	switch {
	case v.phase < 0.4:
		flow = 0.5 * (1 - math.Cos(math.Pi*v.phase/0.4))
	case v.phase < 0.56:
		flow = math.Cos(math.Pi / 2 * (v.phase - 0.4) / 0.16)
	}
	change := flow - v.glot
	v.glot = flow
	return change
}

// resonator is a digital two-pole resonance with a gain of one at 0 Hz.
type resonator struct{ a, b, c, y1, y2 float64 }

func (r *resonator) tune(frequency, bandwidth float64) {
	r.c = -math.Exp(-2 * math.Pi * bandwidth / sampleRate)
	r.b = 2 * math.Exp(-math.Pi*bandwidth/sampleRate) * math.Cos(2*math.Pi*frequency/sampleRate)
	r.a = 1 - r.b - r.c
}

func (r *resonator) pass(x float64) float64 {
	y := r.a*x + r.b*r.y1 + r.c*r.y2
	r.y1, r.y2 = y, r.y1
	return y
}
