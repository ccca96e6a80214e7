package audio_test

import (
	"encoding/json"
	"io"
	"math"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/internal/audio"
	"github.com/callvault/callvault/internal/secret"
	"github.com/callvault/callvault/internal/simulator"
	"github.com/callvault/callvault/internal/smartassist"
	"github.com/callvault/callvault/workflows"
)

// inspect returns what is found in the pieces of a file.
func inspect(t testing.TB, pieces ...string) *audio.Findings {
	t.Helper()
	inspector := audio.NewInspector(audio.Options{DecodeFLAC: true})
	for _, piece := range pieces {
		n, err := io.WriteString(inspector, piece)
		require.NoError(t, err)
		require.Equal(t, len(piece), n)
	}
	return inspector.Findings()
}

// inspectResumed hands over to another inspector after the first piece.
func inspectResumed(t testing.TB, first, second string) *audio.Findings {
	t.Helper()
	before, after := audio.NewInspector(audio.Options{DecodeFLAC: true}), audio.NewInspector(audio.Options{DecodeFLAC: true})
	_, _ = io.WriteString(before, first)
	state, err := before.MarshalBinary()
	require.NoError(t, err)
	require.Less(t, len(state), 1024)
	require.NoError(t, after.UnmarshalBinary(state))
	_, _ = io.WriteString(after, second)
	return after.Findings()
}

// recorded returns files as the simulator sends them.
func recorded(t testing.TB, files ...simulator.File) []string {
	t.Helper()
	upstream, err := simulator.New(simulator.Config{CallsPerMinute: simulator.Unlimited, CallsPerHour: simulator.Unlimited})
	require.NoError(t, err)
	server := httptest.NewServer(upstream)
	t.Cleanup(func() {
		require.NoError(t, upstream.Close())
		server.Close()
	})
	session := workflows.Session{BotID: simulator.DefaultBotID, SessionID: "65e7133a3242653c58d7aaaa"}
	require.NoError(t, upstream.AddSession(simulator.Session{BotID: session.BotID, SessionID: session.SessionID, Files: files}))
	address, err := url.Parse(server.URL)
	require.NoError(t, err)
	token, _, err := smartassist.Credentials{ClientID: simulator.DefaultClientID, Key: secret.Value(simulator.DefaultClientSecret)}.Mint(session.BotID, time.Now())
	require.NoError(t, err)
	listed, err := smartassist.NewClient(smartassist.Config{BaseURL: address}).FetchRecordings(t.Context(), token, session, "")
	require.NoError(t, err)
	var contents []string
	for _, file := range listed.Files {
		response, err := http.Get(file.URL)
		require.NoError(t, err)
		content, err := io.ReadAll(response.Body)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		contents = append(contents, string(content))
	}
	return contents
}

func TestNothingIsSaidOfOtherFiles(t *testing.T) {
	for name, content := range map[string]string{
		"nothing":         "",
		"a cut signature": "RIFF\x00\x00\x00\x00WAV",
		"MP3":             "\xff\xfb\x90\x64" + zeros(1000),
		"W64":             "riff\x2e\x91\xcf\x11\xa5\xd6\x28\xdb\x04\xc1\x00\x00" + zeros(1000),
		"AU":              au(24, math.MaxUint32, 1, 8000, 1) + zeros(1000),
		"raw samples":     zeros(1000),
		"a text":          "Not found. Not found.",
	} {
		t.Run(name, func(t *testing.T) {
			findings := inspect(t, content)
			require.Nil(t, findings)
			require.Empty(t, findings.Remarks(time.Hour))
			require.Nil(t, inspectResumed(t, content[:len(content)/2], content[len(content)/2:]))
		})
	}
}

func TestFindingsAreWrittenForAManifest(t *testing.T) {
	for content, want := range map[string]string{
		riff(52, 16) + zeros(8) + strings.Repeat("\x01", 8): `{"encoding":"pcm_s16le","channels":1,"sampleRate":8000,"durationSeconds":0.001,"silence":[0.5]}`,
		riff(36, 0):              `{"encoding":"pcm_s16le","channels":1,"sampleRate":8000,"durationSeconds":0}`,
		flac(0x80, 8000, 80_000): `{"encoding":"flac","channels":1,"sampleRate":8000,"durationSeconds":0,"flacMd5":"not stated","flacDecoding":"cut"}`,
	} {
		encoded, err := json.Marshal(inspect(t, content))
		require.NoError(t, err)
		require.JSONEq(t, want, string(encoded))
	}
}

func TestBytesAfterTheFindingsAreIgnored(t *testing.T) {
	inspector := audio.NewInspector(audio.Options{})
	_, _ = io.WriteString(inspector, riff(36, 0)+zeros(16_000))
	findings := inspector.Findings()
	require.Equal(t, 1.0, findings.DurationSeconds)
	_, err := io.WriteString(inspector, zeros(16_000))
	require.NoError(t, err)
	require.Equal(t, findings, inspector.Findings())
}

func TestRemarksNameWhatSuggestsAWrongRecording(t *testing.T) {
	for name, c := range map[string]struct {
		findings   audio.Findings
		callLength time.Duration
		want       []string
	}{
		"sound in all channels":    {audio.Findings{Channels: 2, Silence: []float64{0.9999999, 0}}, 0, nil},
		"one channel, silent":      {audio.Findings{Channels: 1, Silence: []float64{1}}, 0, []string{"the only channel is digital silence"}},
		"one of two silent":        {audio.Findings{Channels: 2, Silence: []float64{0.1, 1}}, 0, []string{"channel 2 of 2 is digital silence"}},
		"both silent":              {audio.Findings{Channels: 2, Silence: []float64{1, 1}}, 0, []string{"all 2 channels are digital silence"}},
		"several silent":           {audio.Findings{Channels: 4, Silence: []float64{1, 0, 1, 1}}, 0, []string{"channels 1, 3, 4 of 4 are digital silence"}},
		"call of unknown length":   {audio.Findings{SampleRate: 8000, DurationSeconds: 1}, 0, nil},
		"a tenth of the call":      {audio.Findings{SampleRate: 8000, DurationSeconds: 6}, time.Minute, nil},
		"under a tenth":            {audio.Findings{SampleRate: 8000, DurationSeconds: 5.999}, time.Minute, []string{"the recording lasts less than a tenth of the call, which took 1m0s"}},
		"no samples":               {audio.Findings{SampleRate: 8000}, time.Minute, []string{"the recording lasts less than a tenth of the call, which took 1m0s"}},
		"no sample rate":           {audio.Findings{}, time.Minute, nil},
		"FLAC states no duration":  {audio.Findings{SampleRate: 8000, Encoding: "flac", FLACDecoding: audio.DecodingNotDone}, time.Minute, nil},
		"FLAC states a short one":  {audio.Findings{SampleRate: 8000, Encoding: "flac", FLACDecoding: audio.DecodingNotDone, DurationSeconds: 1}, time.Minute, []string{"the recording lasts less than a tenth of the call, which took 1m0s"}},
		"FLAC has no samples":      {audio.Findings{SampleRate: 8000, Encoding: "flac", FLACDecoding: audio.DecodingComplete}, time.Minute, []string{"the recording lasts less than a tenth of the call, which took 1m0s"}},
		"FLAC with its MD5":        {audio.Findings{FLACDecoding: audio.DecodingComplete, FLACMD5: audio.MD5Matches}, 0, nil},
		"FLAC that states none":    {audio.Findings{FLACDecoding: audio.DecodingComplete, FLACMD5: audio.MD5NotStated}, 0, nil},
		"FLAC with another MD5":    {audio.Findings{FLACDecoding: audio.DecodingComplete, FLACMD5: audio.MD5Mismatches}, 0, []string{"the decoded samples do not have the MD5 that the FLAC header states"}},
		"FLAC, cut":                {audio.Findings{FLACDecoding: audio.DecodingCut, FLACMD5: audio.MD5Mismatches, DurationSeconds: 1.25}, 0, []string{"the FLAC file breaks off after 1.25s of sound"}},
		"FLAC that is not decoded": {audio.Findings{FLACDecoding: audio.DecodingFailed, FLACMD5: audio.MD5NotChecked, FLACFailsAtByte: 4711}, 0, []string{"the FLAC file cannot be decoded from byte 4711 on"}},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, c.want, c.findings.Remarks(c.callLength))
		})
	}
}

func TestForgedStateIsRefused(t *testing.T) {
	inspector := audio.NewInspector(audio.Options{})
	_, _ = io.WriteString(inspector, riff(36, 0)+zeros(15))
	state, err := inspector.MarshalBinary()
	require.NoError(t, err)
	want := inspect(t, riff(36, 0)+zeros(15))
	for cut := range state {
		require.Error(t, inspector.UnmarshalBinary(state[:cut]), "cut to %d bytes", cut)
	}
	require.Error(t, inspector.UnmarshalBinary(append(state[:len(state):len(state)], 0)), "a byte more")
	require.ErrorContains(t, inspector.UnmarshalBinary([]byte("\x02")), "inspect the recording from its first byte")
	require.Equal(t, want, inspector.Findings(), "is as it was")
}

// A state is data from outside: whatever it holds, the inspector works on.
func FuzzInspectorState(f *testing.F) {
	for _, content := range []string{"", "RIFF", riff(36, 0), riff(36, 0) + zeros(15), riff(36, 7) + zeros(20), rf64("RF64", 0, 0), "ID3" + zeros(100), flac(0, 8000, 1), riff(36, 0)[:30]} {
		inspector := audio.NewInspector(audio.Options{DecodeFLAC: true})
		_, _ = io.WriteString(inspector, content)
		state, err := inspector.MarshalBinary()
		require.NoError(f, err)
		f.Add(state, []byte(zeros(100)))
	}
	f.Fuzz(func(t *testing.T, state, rest []byte) {
		inspector := audio.NewInspector(audio.Options{DecodeFLAC: true})
		if inspector.UnmarshalBinary(state) != nil {
			return
		}
		_, _ = inspector.Write(rest)
		again, err := inspector.MarshalBinary()
		require.NoError(t, err)
		require.NoError(t, inspector.UnmarshalBinary(again))
		requireSound(t, inspector.Findings())
	})
}

// requireSound asks of findings what holds for every file.
func requireSound(t *testing.T, findings *audio.Findings) {
	t.Helper()
	if findings == nil {
		return
	}
	require.NotEmpty(t, findings.Encoding)
	require.GreaterOrEqual(t, findings.Channels, 1)
	require.LessOrEqual(t, findings.Channels, 8)
	require.GreaterOrEqual(t, findings.DurationSeconds, 0.0)
	require.LessOrEqual(t, findings.DurationSeconds, (30 * 24 * time.Hour).Seconds())
	if findings.Silence != nil {
		require.Len(t, findings.Silence, findings.Channels)
	}
	for _, share := range findings.Silence {
		require.True(t, share >= 0 && share <= 1, share)
	}
	for _, remark := range findings.Remarks(math.MaxInt64) {
		require.LessOrEqual(t, len(remark), 200)
	}
	_, err := json.Marshal(findings)
	require.NoError(t, err)
}

// pieces cuts a content at random.
func pieces(random *rand.Rand, content string) []string {
	var out []string
	for len(content) > 0 {
		n := 1 + random.IntN(min(len(content), 1<<random.IntN(14)))
		out = append(out, content[:n])
		content = content[n:]
	}
	return out
}
