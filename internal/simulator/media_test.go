package simulator

import (
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestAMediaURLLooksLikeTheVendorsSample(t *testing.T) {
	w := newWorld(t, Config{Environment: "UAT", OrgID: "o-ddda92ea-9174-5c0d-8938-4b5f13ab0001"})
	media := w.mediaURL(w.call(Session{SessionID: "65e7133a3242653c58d7aaaa"}))
	require.Regexp(t, `^http://127\.0\.0\.1:\d+/api/getMediaStream/smartassistrecording/UAT/o-ddda92ea-9174-5c0d-8938-4b5f13ab0001/`+
		DefaultBotID+`/2024/05-03-2024/f-[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}\.wav`+
		`\?e=\d{10}&n=\d{10}&s=[A-Za-z0-9]{62}\$\$$`, media)
	require.Contains(t, media, "?e="+strconv.FormatInt(noon.Add(time.Hour).Unix(), 10)+"&")
}

func TestAURLIsGoodForItsLifeAndNoLonger(t *testing.T) {
	w := newWorld(t, Config{URLLifetime: 10 * time.Minute})
	id := w.call(Session{})
	media := w.mediaURL(id)
	require.Equal(t, 200, w.get(media).status)
	w.clock.Move(10*time.Minute - time.Second)
	require.Equal(t, 200, w.get(media).status, "a URL may be used more than once")
	w.clock.Move(time.Second)
	requireError(t, w.get(media), 403, 403, msgMediaRefused)
	require.Equal(t, 1, w.Counts().MediaRefused[ReasonURLExpired])
	require.Equal(t, 200, w.get(w.mediaURL(id)).status, "asking again gives a new one")
	require.Equal(t, 3, w.SessionCounts(DefaultBotID, id).MediaRequests)
}

func TestThePaddingMayBeEscapedAndNothingElse(t *testing.T) {
	w := newWorld(t, Config{})
	id := w.call(Session{Files: []File{{}, {}}})
	listed := w.ask(id).recordings(t).Recording
	media, second := listed[0].FileURL, listed[1].FileURL
	path, query, _ := strings.Cut(media, "?")
	otherPath, _, _ := strings.Cut(second, "?")
	values := strings.Split(query, "&")

	require.Equal(t, 200, w.get(media).status)
	require.Equal(t, 200, w.get(path+"?"+strings.ReplaceAll(query, "$", "%24")).status)
	for name, target := range map[string]string{
		"one dollar escaped":  path + "?" + strings.Replace(query, "$", "%24", 1),
		"padding as =":        path + "?" + strings.ReplaceAll(query, "$", "="),
		"padding as %3D":      path + "?" + strings.ReplaceAll(query, "$", "%3D"),
		"padding dropped":     path + "?" + strings.ReplaceAll(query, "$", ""),
		"escaped twice":       path + "?" + strings.ReplaceAll(query, "$", "%2524"),
		"keys reordered":      path + "?" + values[1] + "&" + values[0] + "&" + values[2],
		"a key added":         media + "&x=1",
		"an ampersand added":  media + "&",
		"a key escaped":       path + "?%65" + query[1:],
		"a digit escaped":     path + "?" + strings.Replace(query, "e=1", "e=%31", 1),
		"expiry put off":      path + "?" + strings.Replace(query, "e=1", "e=2", 1),
		"expiry with a plus":  path + "?" + strings.Replace(query, "e=", "e=+", 1),
		"expiry with a zero":  path + "?" + strings.Replace(query, "e=", "e=0", 1),
		"another file's path": otherPath + "?" + query,
		"path escaped":        strings.Replace(media, "/f-", "/f%2D", 1),
		"path with dots":      strings.Replace(media, "/UAT/", "/UAT/./", 1),
		"no query":            path,
		"no signature":        path + "?" + values[0] + "&" + values[1],
		"empty signature":     path + "?" + values[0] + "&" + values[1] + "&s=",
	} {
		t.Run(name, func(t *testing.T) { requireError(t, w.get(target), 403, 403, msgMediaRefused) })
	}
	require.Equal(t, map[Reason]int{ReasonURL: 19}, w.Counts().MediaRefused)
	require.Equal(t, 2, w.Counts().MediaServed)
}

func TestAURLOfAnotherSimulatorIsRefused(t *testing.T) {
	one, two := newWorld(t, Config{}), newWorld(t, Config{})
	media := one.mediaURL(one.call(Session{SessionID: "65e7133a3242653c58d7aaaa"}))
	two.call(Session{SessionID: "65e7133a3242653c58d7aaaa"})
	require.Equal(t, 403, two.get(strings.Replace(media, one.server.URL, two.server.URL, 1)).status)
}

func TestTheWholeFile(t *testing.T) {
	w := newWorld(t, Config{})
	a := w.get(w.mediaURL(w.call(Session{Files: []File{{}}})))
	require.NoError(t, a.err)
	require.Equal(t, 200, a.status)
	require.Len(t, a.body, 480_044, "half a minute of mono telephone speech")
	require.Equal(t, "480044", a.header.Get("Content-Length"))
	require.Equal(t, "audio/wav", a.header.Get("Content-Type"))
	require.Equal(t, "bytes", a.header.Get("Accept-Ranges"))
	require.Regexp(t, `^"[0-9a-f]{32}"$`, a.header.Get("ETag"))
	require.NotEmpty(t, a.header.Get("Last-Modified"))
}

func TestRanges(t *testing.T) {
	w := newWorld(t, Config{})
	media := w.mediaURL(w.call(Session{Files: []File{{Duration: time.Second}}}))
	whole := w.get(media)
	require.Len(t, whole.body, 16_044)
	for _, c := range []struct {
		name         string
		headers      []string
		status       int
		contentRange string
		body         string
	}{
		{"from an offset", []string{"Range", "bytes=16000-"}, 206, "bytes 16000-16043/16044", whole.body[16_000:]},
		{"over the header's end", []string{"Range", "bytes=40-49"}, 206, "bytes 40-49/16044", whole.body[40:50]},
		{"the last bytes", []string{"Range", "bytes=-4"}, 206, "bytes 16040-16043/16044", whole.body[16_040:]},
		{"beyond the end", []string{"Range", "bytes=16044-"}, 416, "bytes */16044", ""},
		{"if unchanged", []string{"Range", "bytes=16040-", "If-Range", whole.header.Get("ETag")}, 206, "bytes 16040-16043/16044", whole.body[16_040:]},
		{"if changed", []string{"Range", "bytes=16040-", "If-Range", `"other"`}, 200, "", whole.body},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := w.get(media, c.headers...)
			require.NoError(t, a.err)
			require.Equal(t, c.status, a.status)
			require.Equal(t, c.contentRange, a.header.Get("Content-Range"))
			if c.status < 400 {
				require.True(t, a.body == c.body)
			}
		})
	}
	require.Equal(t, "bytes=16000-", w.Calls()[2].Range)
}

func TestRangeCanBeSwitchedOff(t *testing.T) {
	w := newWorld(t, Config{DisableRange: true, DisableETag: true})
	a := w.get(w.mediaURL(w.call(Session{})), "Range", "bytes=100-")
	require.Equal(t, 200, a.status)
	require.Len(t, a.body, 3244)
	for _, name := range []string{"Accept-Ranges", "Content-Range", "ETag", "Last-Modified"} {
		require.NotContains(t, a.header, name)
	}
	require.NotContains(t, newWorldWithoutETag(t).header, "Etag")
}

func newWorldWithoutETag(t *testing.T) answer {
	t.Helper()
	w := newWorld(t, Config{DisableETag: true})
	a := w.get(w.mediaURL(w.call(Session{})), "Range", "bytes=0-9")
	require.Equal(t, 206, a.status)
	require.NotContains(t, a.header, "Last-Modified")
	return a
}

func TestHeadTellsTheSizeAndUsesNoFaultUp(t *testing.T) {
	for _, noRange := range []bool{false, true} {
		w := newWorld(t, Config{DisableRange: noRange})
		media := w.mediaURL(w.call(Session{Files: []File{{Duration: time.Second, Faults: []Fault{{Kind: Answer, Status: 500}}}}}))
		a := w.send(w.request(http.MethodHead, media))
		require.Equal(t, 200, a.status)
		require.Equal(t, "16044", a.header.Get("Content-Length"))
		require.Empty(t, a.body)
		require.Equal(t, 500, w.get(media).status)
	}
}

func TestAFileOfHalfAGigabyteIsNotHeldInMemory(t *testing.T) {
	const size = 500<<20 + 44
	w := newWorld(t, Config{})
	media := w.mediaURL(w.call(Session{Files: []File{{Size: size, Channels: 2, Seed: 7}}}))
	head := w.get(media, "Range", "bytes=0-43")
	require.Equal(t, "bytes 0-43/"+strconv.Itoa(size), head.header.Get("Content-Range"))
	require.Equal(t, string(wavHeader(2, 500<<20)), head.body)

	const loop = loopFrames * 4
	near := w.get(media, "Range", "bytes=1044-2043")
	far := w.get(media, "Range", "bytes="+strconv.Itoa(1044+1000*loop)+"-"+strconv.Itoa(2043+1000*loop))
	require.Equal(t, 206, far.status)
	require.True(t, near.body == far.body, "a thousand turns on, the loop says the same")
	across := w.get(media, "Range", "bytes="+strconv.Itoa(44+loop-8)+"-"+strconv.Itoa(44+loop+7))
	begin := w.get(media, "Range", "bytes=44-51")
	require.True(t, across.body[8:] == begin.body)

	held := 0
	for _, e := range w.sounds.entries {
		held += len(e.bytes)
	}
	require.Equal(t, loop, held)
}

func TestACredentialAtAMediaURLIsRecorded(t *testing.T) {
	w := newWorld(t, Config{})
	media := w.mediaURL(w.call(Session{}))
	require.Equal(t, 200, w.get(media).status)
	require.Zero(t, w.Counts().CredentialsAtMedia)
	require.Equal(t, 200, w.get(media, "auth", w.token(nil)).status)
	require.Equal(t, 200, w.get(media, "Authorization", "Bearer x").status)
	require.Equal(t, 403, w.get(media+"&", "auth", "x").status)
	require.Equal(t, 3, w.Counts().CredentialsAtMedia)
	calls := w.Calls()
	require.False(t, calls[1].Credential)
	require.True(t, calls[2].Credential)
}

func TestRawBytesAreServedAsTheyAre(t *testing.T) {
	w := newWorld(t, Config{})
	id := w.call(Session{Files: []File{{Name: "note.MP3", Raw: []byte("ID3 what ever"), ContentType: "audio/mpeg"}, {Raw: []byte{}}}})
	r := w.ask(id).recordings(t)
	a := w.get(r.Recording[0].FileURL)
	require.Equal(t, "ID3 what ever", a.body)
	require.Equal(t, "audio/mpeg", a.header.Get("Content-Type"))
	require.Contains(t, r.Recording[0].FileURL, ".mp3?")
	require.Empty(t, w.get(r.Recording[1].FileURL).body)
}

func TestNamesMayBeHostileAndURLsStayPlain(t *testing.T) {
	w := newWorld(t, Config{})
	for _, name := range []string{"../../etc/passwd", "a/b\\c.wav", "x.w av", "nul\x00.wav", "ünïcode.wav", ".wav", "..", strings.Repeat("n", 4096), "a.b/c"} {
		id := w.call(Session{Files: []File{{Name: name}}})
		r := w.ask(id).recordings(t)
		require.Equal(t, name, r.Recording[0].FileName)
		require.Regexp(t, `/f-[0-9a-f-]{36}\.wav\?`, r.Recording[0].FileURL)
		require.Equal(t, 200, w.get(r.Recording[0].FileURL).status)
	}
}

func TestReadPartsKeepsTheContractOfReaderAt(t *testing.T) {
	f := waveFile{header: []byte("HEAD"), loop: []byte("abc"), data: 7}
	all := "HEADabcabca"
	for off := range int64(len(all)) {
		for n := range len(all) + 2 {
			p := make([]byte, n)
			got, err := f.ReadAt(p, off)
			want := all[off:min(len(all), int(off)+n)]
			require.Equal(t, want, string(p[:got]))
			require.Equal(t, got < n, err == io.EOF)
		}
	}
	_, err := f.ReadAt(make([]byte, 1), int64(len(all)))
	require.Equal(t, io.EOF, err)
}
