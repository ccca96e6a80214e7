package audio_test

import (
	"encoding/binary"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/internal/audio"
)

// le and be write numbers in the byte order of their names.
func le(n uint64, bytes int) string {
	return string(binary.LittleEndian.AppendUint64(nil, n)[:bytes])
}

func be(n uint64, bytes int) string {
	return string(binary.BigEndian.AppendUint64(nil, n)[8-bytes:])
}

func zeros(bytes int) string { return strings.Repeat("\x00", bytes) }

// pcmFormat is the fmt chunk of 16-bit PCM at 8 kHz, 16,000 bytes a second.
var pcmFormat = "fmt " + le(16, 4) + le(1, 2) + le(1, 2) + le(8000, 4) + le(16000, 4) + le(2, 2) + le(16, 2)

// riff is a WAV header of 44 bytes.
func riff(size, data uint64) string {
	return "RIFF" + le(size, 4) + "WAVE" + pcmFormat + "data" + le(data, 4)
}

// rf64 is a WAV header with 64-bit lengths of 80 bytes.
func rf64(id string, size, data uint64) string {
	return id + le(math.MaxUint32, 4) + "WAVEds64" + le(28, 4) + le(size, 8) + le(data, 8) + zeros(12) + pcmFormat + "data" + le(math.MaxUint32, 4)
}

func au(dataAt, size, encoding, rate, channels uint64) string {
	return ".snd" + be(dataAt, 4) + be(size, 4) + be(encoding, 4) + be(rate, 4) + be(channels, 4)
}

// flac is a FLAC header with a sample rate and a number of samples.
func flac(firstBlock, rate, samples uint64) string {
	return "fLaC" + be(firstBlock, 1) + be(34, 3) + zeros(10) + be(rate<<44|15<<36|samples, 8) + zeros(16)
}

func TestHeaderIsComparedWithTheFile(t *testing.T) {
	const (
		none      = ""
		lasts     = "at the rate that the header states, the file lasts "
		states    = "the header states a duration of "
		w64GUID   = "riff\x2e\x91\xcf\x11\xa5\xd6\x28\xdb\x04\xc1\x00\x00"
		rifxStart = "RIFX"
	)
	rifx := rifxStart + be(160_036, 4) + "WAVEfmt " + be(16, 4) + be(1, 2) + be(1, 2) + be(8000, 4) + be(16000, 4) + be(2, 2) + be(16, 2) + "data" + be(160_000, 4)
	list := "LIST" + le(27, 4) + strings.Repeat("x", 28)
	for name, c := range map[string]struct {
		head   string
		length int64
		want   []string
	}{
		"RIFF":                    {riff(160_036, 160_000), 160_044, []string{states + "10s"}},
		"RIFF, a byte short":      {riff(160_037, 160_000), 160_044, []string{"the WAV header states 160045 bytes, the file has 160044", states + "10s"}},
		"RIFF, a byte more":       {riff(160_036, 160_000), 160_045, []string{"the WAV header states 160044 bytes, the file has 160045", states + "10s"}},
		"RIFF, padding byte":      {riff(160_037, 160_001), 160_046, []string{states + "10s"}},
		"RIFF, two more than odd": {riff(160_037, 160_001), 160_047, []string{"the WAV header states 160045 bytes, the file has 160047", states + "10s"}},
		"RIFF, 0":                 {riff(0, 0), 160_044, []string{"the WAV header states no length (0x0), the file has 160044 bytes", lasts + "10s"}},
		"RIFF, all ones":          {riff(math.MaxUint32, math.MaxUint32), 160_044, []string{"the WAV header states no length (0xffffffff), the file has 160044 bytes", lasts + "10s"}},
		"RIFF, 8 GiB of data":     {riff(math.MaxUint32, math.MaxUint32), 44 + 8<<30, []string{"the WAV header states no length (0xffffffff), the file has 8589934636 bytes", lasts + "149h7m50.912s"}},
		"data longer than found":  {riff(160_036, 160_001), 160_044, []string{lasts + "10s"}},
		"data shorter than found": {riff(160_036, 80_000), 160_044, []string{states + "5s"}},
		"no data":                 {riff(36, 0), 44, []string{}},
		"one sample":              {riff(38, 2), 46, []string{}},
		"8 samples":               {riff(52, 16), 60, []string{states + "1ms"}},
		"not a whole second":      {riff(24_036, 24_000), 24_044, []string{states + "1.5s"}},
		"shorter than its header": {riff(160_036, 160_000), 40, []string{"the WAV header states 160044 bytes, the file has 40"}},
		"a chunk before the data": {"RIFF" + le(160_072, 4) + "WAVE" + pcmFormat + list + "data" + le(160_000, 4), 160_080, []string{states + "10s"}},
		"a chunk before fmt":      {"RIFF" + le(160_072, 4) + "WAVE" + list + pcmFormat + "data" + le(160_000, 4), 160_080, []string{states + "10s"}},
		"data before fmt":         {"RIFF" + le(160_036, 4) + "WAVE" + "data" + le(160_000, 4) + pcmFormat, 160_044, []string{}},
		"no data chunk in sight":  {"RIFF" + le(160_036, 4) + "WAVE" + pcmFormat + "LIST" + le(100_000, 4), 160_044, []string{}},
		"cut after the data's id": {riff(160_036, 0)[:40], 160_044, []string{}},
		"cut in the data's size":  {riff(160_036, 0)[:43], 160_044, []string{}},
		"cut in fmt":              {"RIFF" + le(28, 4) + "WAVE" + pcmFormat[:19], 36, []string{}},
		"fmt too short":           {"RIFF" + le(36, 4) + "WAVEfmt " + le(11, 4) + strings.Repeat("\x01", 12) + "data" + le(8, 4), 44, []string{}},
		"fmt as short as can be":  {"RIFF" + le(32, 4) + "WAVEfmt " + le(12, 4) + le(0, 8) + le(4, 4) + "data" + le(8, 4), 48, []string{"the WAV header states 40 bytes, the file has 48", states + "2s"}},
		"largest chunk":           {"RIFF" + le(36, 4) + "WAVELIST" + le(math.MaxUint32, 4) + "data" + le(8, 4), 44, []string{}},
		"byte rate 0":             {strings.Replace(riff(36, 8), le(16000, 4), le(0, 4), 1), 44, []string{}},
		"highest byte rate":       {strings.Replace(riff(160_036, 160_000), le(16000, 4), le(math.MaxUint32, 4), 1), 160_044, []string{}},
		"thirty days":             {strings.Replace(riff(2_592_036, 2_592_000), le(16000, 4), le(1, 4), 1), 2_592_044, []string{states + "720h0m0s"}},
		"more than thirty days":   {strings.Replace(riff(2_592_037, 2_592_001), le(16000, 4), le(1, 4), 1), 2_592_045, []string{}},
		"RIFX":                    {rifx, 160_044, []string{states + "10s"}},
		"RIFX, wrong":             {rifx, 160_046, []string{"the WAV header states 160044 bytes, the file has 160046", states + "10s"}},

		"RF64":                {rf64("RF64", 160_072, 160_000), 160_080, []string{states + "10s"}},
		"BW64":                {rf64("BW64", 160_072, 160_000), 160_082, []string{"the BW64 header states 160080 bytes, the file has 160082", states + "10s"}},
		"RF64 of 8 GiB":       {rf64("RF64", 8<<30+72, 8<<30), 8<<30 + 80, []string{states + "149h7m50.912s"}},
		"RF64, 0":             {rf64("RF64", 0, 0), 160_080, []string{"the RF64 header states no length (0x0), the file has 160080 bytes", lasts + "10s"}},
		"RF64, all ones":      {rf64("RF64", math.MaxUint64, math.MaxUint64), 160_080, []string{"the RF64 header states no length (0xffffffffffffffff), the file has 160080 bytes", lasts + "10s"}},
		"RF64 beyond 64 bits": {rf64("RF64", math.MaxUint64-7, 160_000), 160_080, []string{"the RF64 header states 18446744073709551615 bytes, the file has 160080", states + "10s"}},
		"RF64, largest":       {rf64("RF64", math.MaxUint64-8, 160_000), 160_080, []string{"the RF64 header states 18446744073709551615 bytes, the file has 160080", states + "10s"}},
		"RF64, almost":        {rf64("RF64", math.MaxUint64-9, 160_000), 160_080, []string{"the RF64 header states 18446744073709551614 bytes, the file has 160080", states + "10s"}},
		"RF64 without ds64":   {"RF64" + riff(160_036, 160_000)[4:], 160_044, []string{"the RF64 header states no length (0x27124), the file has 160044 bytes", lasts + "10s"}},
		"RF64, ds64 cut":      {rf64("RF64", 160_072, 160_000)[:35], 35, []string{"the RF64 header states no length (0xffffffff), the file has 35 bytes"}},
		"RF64, ds64 only":     {rf64("RF64", 28, 160_000)[:36], 36, []string{}},

		"Wave64":           {w64GUID + le(160_000, 8), 160_000, []string{}},
		"Wave64, wrong":    {w64GUID + le(160_000, 8), 160_001, []string{"the W64 header states 160000 bytes, the file has 160001"}},
		"Wave64, all ones": {w64GUID + le(math.MaxUint64, 8), 160_000, []string{"the W64 header states no length (0xffffffffffffffff), the file has 160000 bytes"}},
		"Wave64, cut":      {w64GUID + le(160_000, 7), 160_000, []string{}},

		"AU, μ-law":                {au(24, 80_000, 1, 8000, 1), 80_024, []string{states + "10s"}},
		"AU, A-law":                {au(24, 80_000, 27, 8000, 1), 80_024, []string{states + "10s"}},
		"AU, 8 bits":               {au(24, 80_000, 2, 8000, 1), 80_024, []string{states + "10s"}},
		"AU, 16 bits stereo":       {au(32, 320_000, 3, 8000, 2), 320_032, []string{states + "10s"}},
		"AU, 24 bits":              {au(24, 240_000, 4, 8000, 1), 240_024, []string{states + "10s"}},
		"AU, 32 bits":              {au(24, 320_000, 5, 8000, 1), 320_024, []string{states + "10s"}},
		"AU, float":                {au(24, 320_000, 6, 8000, 1), 320_024, []string{states + "10s"}},
		"AU, double":               {au(24, 640_000, 7, 8000, 1), 640_024, []string{states + "10s"}},
		"AU, ADPCM":                {au(24, 80_000, 23, 8000, 1), 80_024, []string{}},
		"AU, wrong":                {au(24, 80_000, 1, 8000, 1), 80_026, []string{"the AU header states 80024 bytes, the file has 80026", states + "10s"}},
		"AU, all ones":             {au(24, math.MaxUint32, 1, 8000, 1), 80_024, []string{"the AU header states no length (0xffffffff), the file has 80024 bytes", lasts + "10s"}},
		"AU, no data":              {au(24, 0, 1, 8000, 1), 24, []string{}},
		"AU, data after the end":   {au(90_000, 80_000, 1, 8000, 1), 80_024, []string{"the AU header states 170000 bytes, the file has 80024", none}[:1]},
		"AU, data in the header":   {au(23, 80_000, 1, 8000, 1), 80_024, []string{}},
		"AU, highest rate":         {au(24, 80_000, 1, math.MaxUint32, 1), 80_024, []string{}},
		"AU, highest rate, long":   {au(24, math.MaxUint32-1, 1, math.MaxUint32, 1), math.MaxUint32 + 23, []string{states + "1s"}},
		"AU, absurd rate":          {au(24, math.MaxUint32-1, 1, 1<<31, 2), math.MaxUint32 + 23, []string{}},
		"AU, absurd with 2 bytes":  {au(24, 80_000, 3, 1<<31, 1), 80_024, []string{}},
		"AU, rate 0":               {au(24, 80_000, 1, 0, 1), 80_024, []string{}},
		"AU, cut":                  {au(24, 80_000, 1, 8000, 1)[:23], 23, []string{}},
		"AIFF":                     {"FORM" + be(160_046, 4) + "AIFF", 160_054, []string{}},
		"AIFF-C, wrong":            {"FORM" + be(160_046, 4) + "AIFC", 160_055, []string{"the AIFF header states 160054 bytes, the file has 160055"}},
		"AIFF, 0":                  {"FORM" + be(0, 4) + "AIFF", 160_054, []string{"the AIFF header states no length (0x0), the file has 160054 bytes"}},
		"AIFF, all ones":           {"FORM" + be(math.MaxUint32, 4) + "AIFF", 160_054, []string{"the AIFF header states no length (0xffffffff), the file has 160054 bytes"}},
		"FLAC":                     {flac(0, 8000, 80_000), 50_000, []string{states + "10s"}},
		"FLAC, one block":          {flac(0x80, 44_100, 441), 50_000, []string{states + "10ms"}},
		"FLAC, number not known":   {flac(0, 8000, 0), 50_000, []string{}},
		"FLAC, largest number":     {flac(0, 1<<20-1, 1<<36-1), 50_000, []string{states + "18h12m16.062s"}},
		"FLAC, more than bytes":    {flac(0, 8000, 80_000), 100, []string{states + "10s"}},
		"FLAC, rate 0":             {flac(0, 0, 80_000), 50_000, []string{}},
		"FLAC, another block":      {flac(1, 8000, 80_000), 50_000, []string{}},
		"FLAC, cut":                {flac(0, 8000, 80_000)[:25], 25, []string{}},
		"FLAC, cut after STREAM":   {flac(0, 8000, 80_000)[:26], 26, []string{states + "10s"}},
		"MP3":                      {"ID3\x04\x00\x00\x00\x00\x00\x00", 50_000, []string{}},
		"unknown":                  {"\x00\x01\x02\x03", 50_000, []string{}},
		"nothing":                  {"", 0, []string{}},
		"WAV, cut after its name":  {"RIFF" + le(36, 4) + "WAVE", 12, []string{"the WAV header states 44 bytes, the file has 12"}},
		"WAV, size 0 is even":      {"RIFF" + le(0, 4) + "WAVE", 12, []string{"the WAV header states no length (0x0), the file has 12 bytes"}},
		"data at the head's end":   {"RIFF" + le(4100, 4) + "WAVE" + pcmFormat + "JUNK" + le(4044, 4) + strings.Repeat("\x00", 4044) + "data" + le(12, 4), 4108, []string{states + "1ms"}},
		"data after the head":      {"RIFF" + le(4104, 4) + "WAVE" + pcmFormat + "JUNK" + le(4052, 4) + strings.Repeat("\x00", 4052), 4112, []string{}},
		"RF64, data out of sight":  {rf64("RF64", 160_072, 160_000)[:72], 160_080, []string{}},
		"RIFF, data out of sight":  {riff(160_036, 160_000)[:36], 160_044, []string{}},
		"largest file":             {riff(160_036, 0), math.MaxInt64, []string{"the WAV header states 160044 bytes, the file has 9223372036854775807"}},
		"RF64 states no data":      {rf64("RF64", 160_072, 0), 160_080, []string{lasts + "10s"}},
		"RIFF, an odd chunk first": {"RIFF" + le(62, 4) + "WAVE" + "LIST" + le(1, 4) + "xy" + pcmFormat + "data" + le(16, 4), 70, []string{states + "1ms"}},
	} {
		t.Run(name, func(t *testing.T) {
			got := audio.ReadHeader([]byte(c.head)).Remarks(c.length)
			require.ElementsMatch(t, c.want, got)
			deviates := len(got) > 0 && !strings.Contains(got[0], " last") && !strings.Contains(got[0], "duration of ")
			require.Equal(t, deviates, audio.ReadHeader([]byte(c.head)).Deviates(c.length))
		})
	}
}

func FuzzHeader(f *testing.F) {
	for _, head := range []string{
		"", riff(36, 0), riff(math.MaxUint32, math.MaxUint32), rf64("RF64", 0, 0), rf64("RF64", math.MaxUint64, math.MaxUint64),
		au(24, math.MaxUint32, 1, math.MaxUint32, math.MaxUint32), flac(0, 1, 1<<36-1), flac(0, 0, 0), "FORM\xff\xff\xff\xffAIFF",
		"RIFF\x00\x00\x00\x00WAVELIST\xff\xff\xff\xff", "riff\x2e\x91\xcf\x11\xa5\xd6\x28\xdb\x04\xc1\x00\x00\xff\xff\xff\xff\xff\xff\xff\x7f",
		"\x1f\x8b\x08\x00", "\x78\x9c", "\xff\xfe<\x00", "\x00\x00\xfe\xff", "<html>", "{}",
	} {
		f.Add([]byte(head), int64(len(head)))
	}
	f.Fuzz(func(t *testing.T, head []byte, length int64) {
		length &= math.MaxInt64
		remarks := audio.ReadHeader(head).Remarks(length)
		require.LessOrEqual(t, len(remarks), 2)
		for _, remark := range remarks {
			require.LessOrEqual(t, len(remark), 200)
			if _, text, found := strings.Cut(remark, "duration of "); found {
				duration, err := time.ParseDuration(text)
				require.NoError(t, err)
				require.LessOrEqual(t, duration, 31*24*time.Hour)
				require.GreaterOrEqual(t, duration, time.Duration(0))
			}
		}
		mediaType, isText := audio.Text(head)
		require.Equal(t, isText, mediaType != "")
	})
}
