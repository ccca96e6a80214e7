package media_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/internal/media"
	"github.com/callvault/callvault/internal/simulator"
)

// generousLimit is a stall limit that no healthy download of a test reaches.
const generousLimit = 30 * time.Second

func TestWholeRecordingIsReturnedByteForByte(t *testing.T) {
	for name, c := range map[string]struct {
		file         simulator.File
		fault        simulator.Fault
		format, mime string
		length       bool // whether it is known before the end
	}{
		"WAV":                    {simulator.File{Duration: 2 * time.Second}, simulator.Fault{Kind: simulator.None}, "wav", "audio/wav", true},
		"WAV in stereo":          {simulator.File{Duration: 2 * time.Second, Channels: 2}, simulator.Fault{Kind: simulator.None}, "wav", "audio/wav", true},
		"RF64":                   {simulator.File{Duration: 2 * time.Second, Format: simulator.RF64}, simulator.Fault{Kind: simulator.None}, "wav", "audio/wav", true},
		"FLAC under a name .wav": {simulator.File{Duration: 2 * time.Second, Format: simulator.FLAC, Name: "a.wav"}, simulator.Fault{Kind: simulator.None}, "flac", "audio/flac", true},
		"large":                  {simulator.File{Size: 3 << 20}, simulator.Fault{Kind: simulator.None}, "wav", "audio/wav", true},
		"a format not known":     {simulator.File{Raw: append([]byte("OggX\x00"), wav(5000)...)}, simulator.Fault{Kind: simulator.None}, "unknown", "application/octet-stream", true},
		"smaller than the head":  {simulator.File{Raw: wav(44)}, simulator.Fault{Kind: simulator.None}, "wav", "audio/wav", true},
		"as large as the head":   {simulator.File{Raw: wav(4096)}, simulator.Fault{Kind: simulator.None}, "wav", "audio/wav", true},
		"one more than the head": {simulator.File{Raw: wav(4097)}, simulator.Fault{Kind: simulator.None}, "wav", "audio/wav", true},
		"slow":                   {simulator.File{Duration: time.Second}, simulator.Fault{Kind: simulator.Slow, BytesPerSecond: 80_000}, "wav", "audio/wav", true},
		"delayed":                {simulator.File{Duration: time.Second}, simulator.Fault{Kind: simulator.None, Delay: 50 * time.Millisecond}, "wav", "audio/wav", true},
		"chunked":                {simulator.File{Duration: 2 * time.Second}, simulator.Fault{Kind: simulator.Chunked}, "wav", "audio/wav", false},
		"chunked FLAC":           {simulator.File{Duration: 2 * time.Second, Format: simulator.FLAC}, simulator.Fault{Kind: simulator.Chunked}, "flac", "audio/flac", false},
		"close-delimited":        {simulator.File{Duration: 2 * time.Second}, simulator.Fault{Kind: simulator.CloseDelimited}, "wav", "audio/wav", false},
		"close-delimited RF64":   {simulator.File{Duration: 2 * time.Second, Format: simulator.RF64}, simulator.Fault{Kind: simulator.CloseDelimited}, "wav", "audio/wav", false},
		"redirected to itself":   {simulator.File{Duration: time.Second}, simulator.Fault{Kind: simulator.Redirect, Times: 5}, "wav", "audio/wav", true},
	} {
		t.Run(name, func(t *testing.T) {
			v := newVendor(t)
			want := v.original(t, c.file)
			c.file.Faults = []simulator.Fault{c.fault}
			c.file.ContentType = "audio/x-declared"
			got := fetch(t, v.fetcher, v.fileURL(t, c.file), generousLimit)
			require.NoError(t, got.err)
			require.True(t, bytes.Equal(want, got.content), "want %d bytes, got %d", len(want), len(got.content))
			require.Equal(t, sha(want), got.stream.SHA256())
			require.True(t, got.stream.Whole())
			require.EqualValues(t, len(want), got.stream.BytesRead())
			require.Equal(t, c.format, got.stream.Format.Name)
			require.Equal(t, c.mime, got.stream.Format.ContentType)
			require.Equal(t, "audio/x-declared", got.stream.DeclaredContentType)
			require.Equal(t, c.fault.Kind != simulator.CloseDelimited, got.stream.Proved())
			if c.length {
				require.EqualValues(t, len(want), got.stream.Length)
			} else {
				require.EqualValues(t, -1, got.stream.Length)
			}
			require.Zero(t, v.Counts().CredentialsAtMedia)
		})
	}
	requireNoLeak(t)
}

func TestFaultyResponseIsNeverTakenForARecording(t *testing.T) {
	const stall = 400 * time.Millisecond
	long := simulator.File{Duration: 20 * time.Second} // 320 kB, more than is read ahead
	for name, c := range map[string]struct {
		file  simulator.File
		fault simulator.Fault
		want  error // nil: the error is an *UnavailableError
		says  string
		wait  time.Duration
	}{
		"cut before the first byte":       {long, simulator.Fault{Kind: simulator.Cut}, nil, "", 0},
		"cut in the head":                 {long, simulator.Fault{Kind: simulator.Cut, After: 100}, nil, "cut the file short", 0},
		"cut later":                       {long, simulator.Fault{Kind: simulator.Cut, After: 200_000}, nil, "cut the file short", 0},
		"cut before the last byte":        {long, simulator.Fault{Kind: simulator.Cut, After: 1 << 40}, nil, "cut the file short", 0},
		"reset before the response":       {long, simulator.Fault{Kind: simulator.Reset, After: -1}, nil, "reading from the media server failed", 0},
		"reset in the head":               {long, simulator.Fault{Kind: simulator.Reset, After: 100}, nil, "", 0},
		"reset later":                     {long, simulator.Fault{Kind: simulator.Reset, After: 200_000}, nil, "", 0},
		"silent before the response":      {long, simulator.Fault{Kind: simulator.Stall, After: -1}, nil, "no byte moved", 0},
		"silent in the head":              {long, simulator.Fault{Kind: simulator.Stall, After: 100}, nil, "no byte moved", 0},
		"silent later":                    {long, simulator.Fault{Kind: simulator.Stall, After: 200_000}, nil, "no byte moved", 0},
		"silent before the last byte":     {long, simulator.Fault{Kind: simulator.Stall, After: 1 << 40}, nil, "no byte moved", 0},
		"500":                             {long, simulator.Fault{Kind: simulator.Respond, Status: 500}, nil, "returned 500", 0},
		"502":                             {long, simulator.Fault{Kind: simulator.Respond, Status: 502}, nil, "returned 502", 0},
		"503 with Retry-After":            {long, simulator.Fault{Kind: simulator.Respond, Status: 503, RetryAfter: "9"}, nil, "returned 503", 9 * time.Second},
		"408":                             {long, simulator.Fault{Kind: simulator.Respond, Status: 408}, nil, "returned 408", 0},
		"429":                             {long, simulator.Fault{Kind: simulator.Respond, Status: 429}, nil, "returned 429", 0},
		"429 with Retry-After":            {long, simulator.Fault{Kind: simulator.Respond, Status: 429, RetryAfter: "7"}, nil, "returned 429", 7 * time.Second},
		"429 with a very long wait":       {long, simulator.Fault{Kind: simulator.Respond, Status: 429, RetryAfter: "9999999999999"}, nil, "returned 429", time.Hour},
		"429 beyond time.Duration":        {long, simulator.Fault{Kind: simulator.Respond, Status: 429, RetryAfter: "10000000000"}, nil, "returned 429", time.Hour},
		"429 beyond int64":                {long, simulator.Fault{Kind: simulator.Respond, Status: 429, RetryAfter: "99999999999999999999999"}, nil, "returned 429", time.Hour},
		"429 until a distant date":        {long, simulator.Fault{Kind: simulator.Respond, Status: 429, RetryAfter: "Wed, 05 Mar 2126 12:00:00 GMT"}, nil, "returned 429", time.Hour},
		"429 until a past date":           {long, simulator.Fault{Kind: simulator.Respond, Status: 429, RetryAfter: "Wed, 05 Mar 1986 12:00:00 GMT"}, nil, "returned 429", 0},
		"429 with a negative wait":        {long, simulator.Fault{Kind: simulator.Respond, Status: 429, RetryAfter: "-7"}, nil, "returned 429", 0},
		"400":                             {long, simulator.Fault{Kind: simulator.Respond, Status: 400}, media.ErrRefused, "returned 400", 0},
		"499":                             {long, simulator.Fault{Kind: simulator.Respond, Status: 499}, media.ErrRefused, "returned 499", 0},
		"403":                             {long, simulator.Fault{Kind: simulator.Respond, Status: 403}, media.ErrRefused, "returned 403", 0},
		"404":                             {long, simulator.Fault{Kind: simulator.Respond, Status: 404}, media.ErrRefused, "returned 404", 0},
		"410":                             {long, simulator.Fault{Kind: simulator.Respond, Status: 410}, media.ErrRefused, "returned 410", 0},
		"redirects without end":           {long, simulator.Fault{Kind: simulator.Redirect, Times: -1}, media.ErrRefused, "redirects", 0},
		"an unrequested partial response": {long, simulator.Fault{Kind: simulator.Respond, Status: 206, Body: string(wav(1000))}, media.ErrInvalid, "returned 206", 0},
		"no content":                      {long, simulator.Fault{Kind: simulator.Respond, Status: 204}, media.ErrInvalid, "returned 204", 0},
		"a sign-in page":                  {long, simulator.Fault{Kind: simulator.HTML}, media.ErrInvalid, "text/html", 0},
		"JSON":                            {long, simulator.Fault{Kind: simulator.JSON}, media.ErrInvalid, "application/json, 55 bytes", 0},
		"JSON called audio":               {long, simulator.Fault{Kind: simulator.JSON, ContentType: "audio/wav"}, media.ErrInvalid, "not audio", 0},
		"endless JSON":                    {long, simulator.Fault{Kind: simulator.Huge}, media.ErrInvalid, "application/json, more than 1048576 bytes", 0},
		"nothing":                         {long, simulator.Fault{Kind: simulator.Empty}, media.ErrInvalid, "empty", 0},
		"gzip":                            {long, simulator.Fault{Kind: simulator.Gzip}, media.ErrInvalid, "content encoding", 0},
		"no audio in the file":            {simulator.File{Raw: []byte("just a text"), Name: "a.wav"}, simulator.Fault{Kind: simulator.None}, media.ErrInvalid, "text/plain", 0},
		"an empty file":                   {simulator.File{Raw: []byte{}}, simulator.Fault{Kind: simulator.None}, media.ErrInvalid, "empty", 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := newVendor(t)
			whole := len(v.original(t, c.file))
			if c.fault.Times == 0 {
				c.fault.Times = -1 // The transport repeats a GET that was reset.
			}
			c.file.Faults = []simulator.Fault{c.fault}
			limit := generousLimit
			if c.fault.Kind == simulator.Stall {
				limit = stall
			}
			got := fetch(t, v.fetcher, v.fileURL(t, c.file), limit)
			require.Error(t, got.err)
			require.Contains(t, got.err.Error(), c.says)
			if c.want == nil {
				var unavailable *media.UnavailableError
				require.ErrorAs(t, got.err, &unavailable)
				require.Equal(t, c.wait, unavailable.Wait)
			} else {
				require.ErrorIs(t, got.err, c.want)
			}
			if whole > 0 {
				require.Less(t, len(got.content), whole, "the last byte is never returned")
			}
		})
	}
}

func TestExpiredURLIsRefused(t *testing.T) {
	v := newVendor(t)
	require.NoError(t, v.AddSession(simulator.Session{
		BotID: botID, SessionID: sessionID, Files: []simulator.File{{}},
		Script: []simulator.Step{{Status: "success", URLLifetime: -time.Second}},
	}))
	got := fetch(t, v.fetcher, v.askURL(t), generousLimit)
	require.ErrorIs(t, got.err, media.ErrRefused)
	require.Equal(t, 1, v.Counts().MediaRefused[simulator.ReasonURLExpired])
}
