package audio_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/internal/audio"
)

func TestFormatIsDetectedFromTheFirstBytes(t *testing.T) {
	ogg := "OggS\x00\x02" + strings.Repeat("\x00", 20) + "\x01\x13"
	for name, c := range map[string]struct {
		head string
		want audio.Format
	}{
		"RIFF":                     {"RIFF\x00\x00\x00\x00WAVE", audio.WAV},
		"RIFX":                     {"RIFX\x00\x00\x00\x00WAVE", audio.WAV},
		"RF64":                     {"RF64\xff\xff\xff\xffWAVE", audio.WAV},
		"BW64":                     {"BW64\xff\xff\xff\xffWAVE", audio.WAV},
		"RIFF of another type":     {"RIFF\x00\x00\x00\x00AVI LIST", audio.Unknown},
		"RIFF, cut":                {"RIFF\x00\x00\x00\x00WAV", audio.Unknown},
		"Sony Wave64":              {"riff\x2e\x91\xcf\x11\xa5\xd6\x28\xdb\x04\xc1\x00\x00", audio.W64},
		"fLaC, one block only":     {"fLaC\x80\x00\x00\x22\x10\x00\x10\x00", audio.FLAC},
		"fLaC":                     {"fLaC\x00\x00\x00\x22\x10\x00\x10\x00", audio.FLAC},
		"OggS, Vorbis":             {ogg + "\x01vorbis", audio.Ogg},
		"OggS, Opus":               {ogg + "OpusHead", audio.Ogg},
		"ID3":                      {"ID3\x04\x00\x00\x00\x00\x00\x00", audio.MP3},
		"ftyp M4A":                 {"\x00\x00\x00\x20ftypM4A \x00\x00\x00\x00M4A mp42isom\x00\x00\x00\x00", audio.MP4},
		"ftyp isom (MP4, audio)":   {"\x00\x00\x00\x20ftypisom\x00\x00\x02\x00isomiso2mp41\x00\x00\x00\x00", audio.MP4},
		"Sun AU":                   {".snd\x00\x00\x00\x18", audio.AU},
		"AIFF":                     {"FORM\x00\x00\x00\x00AIFFCOMM", audio.AIFF},
		"AIFF-C":                   {"FORM\x00\x00\x00\x00AIFCFVER", audio.AIFF},
		"FORM of another type":     {"FORM\x00\x00\x00\x008SVX", audio.Unknown},
		"CAF":                      {"caff\x00\x01\x00\x00desc", audio.CAF},
		"AMR":                      {"#!AMR\n\x3c", audio.AMR},
		"AMR of several channels":  {"#!AMR_MC1.0\n\x00", audio.AMR},
		"AMR-WB":                   {"#!AMR-WB\n\x04", audio.AMRWB},
		"AMR-WB, several channels": {"#!AMR-WB_MC1.0\n\x00", audio.AMRWB},
		"WebM":                     {"\x1a\x45\xdf\xa3\x9f\x42\x86\x81\x01\x42\xf7\x81\x01\x42\xf2\x81\x04\x42\xf3\x81\x08\x42\x82\x84webm", audio.WebM},
		"Matroska":                 {"\x1a\x45\xdf\xa3\xa3\x42\x82\x88matroska\x42\x87\x81\x04", audio.Matroska},
		"Matroska that says webm":  {"\x1a\x45\xdf\xa3\xa3\x42\x82\x88matroska" + strings.Repeat("\x00", 46) + "webm", audio.Matroska},
		"EBML, cut":                {"\x1a\x45\xdf\xa3", audio.Matroska},

		"MPEG 1 layer III":            {"\xff\xfb\x90\x64", audio.MP3},
		"MPEG 2.5, 8 kHz":             {"\xff\xe3\x18\xc4", audio.MP3},
		"MPEG 1, with a CRC":          {"\xff\xfa\x90\x64", audio.MP3},
		"MPEG 2 layer II":             {"\xff\xf5\x80\x04", audio.MP3},
		"MPEG, highest bit rate":      {"\xff\xfb\xe0\x64", audio.MP3},
		"MPEG, bad bit rate":          {"\xff\xfb\xf0\x64", audio.Unknown},
		"MPEG, highest sample rate":   {"\xff\xfb\x98\x64", audio.MP3},
		"MPEG, bad sample rate":       {"\xff\xfb\x9c\x64", audio.Unknown},
		"MPEG, bad version":           {"\xff\xeb\x90\x64", audio.Unknown},
		"MPEG, ten sync bits":         {"\xff\xdb\x90\x64", audio.Unknown},
		"MPEG, other first byte":      {"\xfe\xfb\x90\x64", audio.Unknown},
		"MPEG, cut":                   {"\xff\xfb\x90", audio.Unknown},
		"AAC in ADTS":                 {"\xff\xf1\x50\x80\x00\x1f\xfc", audio.AAC},
		"AAC, MPEG 2":                 {"\xff\xf9\x50\x80\x00\x1f\xfc", audio.AAC},
		"AAC, lowest sample rate":     {"\xff\xf1\x70\x80\x00\x1f\xfc", audio.AAC},
		"AAC, bad sample rate":        {"\xff\xf1\x74\x80\x00\x1f\xfc", audio.Unknown},
		"AAC, bad version":            {"\xff\xe9\x50\x80\x00\x1f\xfc", audio.Unknown},
		"AAC of MPEG 2.5":             {"\xff\xe1\x50\x80\x00\x1f\xfc", audio.Unknown},
		"a byte order mark of UTF-16": {"\xff\xfe<\x00", audio.Unknown},

		"nothing":             {"", audio.Unknown},
		"μ-law silence":       {strings.Repeat("\xff", 100), audio.Unknown},
		"A-law silence":       {strings.Repeat("\xd5", 100), audio.Unknown},
		"PCM silence":         {strings.Repeat("\x00", 100), audio.Unknown},
		"a format of our own": {"\x00callvault\x00", audio.Unknown},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, c.want, audio.Detect([]byte(c.head)))
		})
	}
}

func TestSynonymsDoNotContradictAFormat(t *testing.T) {
	for _, format := range []audio.Format{
		audio.WAV, audio.W64, audio.FLAC, audio.Ogg, audio.MP3, audio.AAC, audio.MP4, audio.AU,
		audio.AIFF, audio.CAF, audio.AMR, audio.AMRWB, audio.WebM, audio.Matroska,
	} {
		for _, declared := range []string{"", "application/octet-stream", "binary/octet-stream", "octet-stream/binary", format.ContentType} {
			require.False(t, format.Contradicts(declared), "%s declared as %q", format.Name, declared)
		}
		for _, declared := range []string{"audio/x-foo", "text/html", "audio", "AUDIO/WAV"} {
			require.True(t, format.Contradicts(declared), "%s declared as %q", format.Name, declared)
		}
	}
	for declared, format := range map[string]audio.Format{
		"audio/x-wav": audio.WAV, "audio/wave": audio.WAV, "audio/vnd.wave": audio.WAV, "audio/x-flac": audio.FLAC,
		"audio/mp3": audio.MP3, "audio/x-m4a": audio.MP4, "application/ogg": audio.Ogg, "video/webm": audio.WebM, "audio/x-au": audio.AU,
	} {
		require.False(t, format.Contradicts(declared), declared)
		require.True(t, audio.AAC.Contradicts(declared), declared)
	}
	require.True(t, audio.FLAC.Contradicts("audio/wav"))
}
