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

func TestMediaURLMatchesTheVendorSample(t *testing.T) {
	h := newHarness(t, Config{Environment: "UAT", OrgID: "o-ddda92ea-9174-5c0d-8938-4b5f13ab0001"})
	media := h.mediaURL(h.addSession(Session{SessionID: "65e7133a3242653c58d7aaaa"}))
	require.Regexp(t, `^http://127\.0\.0\.1:\d+/api/getMediaStream/smartassistrecording/UAT/o-ddda92ea-9174-5c0d-8938-4b5f13ab0001/`+
		DefaultBotID+`/2024/05-03-2024/f-[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}\.wav`+
		`\?e=\d{10}&n=\d{10}&s=[A-Za-z0-9]{62}\$\$$`, media)
	require.Contains(t, media, "?e="+strconv.FormatInt(noon.Add(time.Hour).Unix(), 10)+"&")
}

func TestMediaURLExpiresAfterItsLifetime(t *testing.T) {
	h := newHarness(t, Config{URLLifetime: 10 * time.Minute})
	id := h.addSession(Session{})
	media := h.mediaURL(id)
	require.Equal(t, 200, h.get(media).status)
	h.clock.Advance(10*time.Minute - time.Second)
	require.Equal(t, 200, h.get(media).status, "a URL may be used more than once")
	h.clock.Advance(time.Second)
	requireError(t, h.get(media), 403, 403, msgMediaRefused)
	require.Equal(t, 1, h.Counts().MediaRefused[ReasonURLExpired])
	require.Equal(t, 200, h.get(h.mediaURL(id)).status, "another status call returns a new URL")
	require.Equal(t, 3, h.SessionCounts(DefaultBotID, id).MediaRequests)
}

func TestRefusedURLStaysRefusedBeforeItExpires(t *testing.T) {
	h := newHarness(t, Config{URLLifetime: 2 * time.Hour})
	id := h.addSession(Session{Script: []Step{{Status: StatusSuccess, Calls: 1, URLsRefused: true}, {Status: StatusSuccess}}, Files: oneSecond()})
	refused, works := h.mediaURL(id), h.mediaURL(id)
	require.Contains(t, refused, "?e="+strconv.FormatInt(noon.Add(2*time.Hour).Unix(), 10)+"&", "its expiry is in the future")
	for range 3 {
		requireError(t, h.get(refused), 403, 403, msgMediaRefused)
		h.clock.Advance(30 * time.Minute)
	}
	require.Equal(t, map[Reason]int{ReasonURL: 3}, h.Counts().MediaRefused)
	require.Equal(t, 200, h.get(works).status)
}

func TestMediaStaysRefusedOrDeleted(t *testing.T) {
	h := newHarness(t, Config{})
	for status, msg := range map[int]string{403: msgMediaRefused, 404: "Not Found", 410: "Gone"} {
		id := h.addSession(Session{Files: oneSecond(Fault{Kind: Respond, Status: status, Times: -1})})
		for range 3 {
			requireError(t, h.get(h.mediaURL(id)), status, status, msg)
		}
	}
}

func TestOnlyThePaddingOfAMediaURLMayBeEscaped(t *testing.T) {
	h := newHarness(t, Config{})
	id := h.addSession(Session{Files: []File{{}, {}}})
	listed := h.getStatus(id).recordings(t).Recording
	media, second := listed[0].FileURL, listed[1].FileURL
	path, query, _ := strings.Cut(media, "?")
	otherPath, _, _ := strings.Cut(second, "?")
	values := strings.Split(query, "&")

	require.Equal(t, 200, h.get(media).status)
	require.Equal(t, 200, h.get(path+"?"+strings.ReplaceAll(query, "$", "%24")).status)
	for name, target := range map[string]string{
		"one dollar escaped":  path + "?" + strings.Replace(query, "$", "%24", 1),
		"padding as =":        path + "?" + strings.ReplaceAll(query, "$", "="),
		"padding as %3D":      path + "?" + strings.ReplaceAll(query, "$", "%3D"),
		"padding dropped":     path + "?" + strings.ReplaceAll(query, "$", ""),
		"escaped twice":       path + "?" + strings.ReplaceAll(query, "$", "%2524"),
		"keys reordered":      path + "?" + values[1] + "&" + values[0] + "&" + values[2],
		"key added":           media + "&x=1",
		"ampersand added":     media + "&",
		"key escaped":         path + "?%65" + query[1:],
		"digit escaped":       path + "?" + strings.Replace(query, "e=1", "e=%31", 1),
		"expiry extended":     path + "?" + strings.Replace(query, "e=1", "e=2", 1),
		"expiry with a plus":  path + "?" + strings.Replace(query, "e=", "e=+", 1),
		"expiry with a zero":  path + "?" + strings.Replace(query, "e=", "e=0", 1),
		"another file's path": otherPath + "?" + query,
		"path escaped":        strings.Replace(media, "/f-", "/f%2D", 1),
		"path with dots":      strings.Replace(media, "/UAT/", "/UAT/./", 1),
		"no query":            path,
		"no signature":        path + "?" + values[0] + "&" + values[1],
		"empty signature":     path + "?" + values[0] + "&" + values[1] + "&s=",
	} {
		t.Run(name, func(t *testing.T) { requireError(t, h.get(target), 403, 403, msgMediaRefused) })
	}
	require.Equal(t, map[Reason]int{ReasonURL: 19}, h.Counts().MediaRefused)
	require.Equal(t, 2, h.Counts().MediaServed)
}

func TestMediaURLOfAnotherSimulatorIsRefused(t *testing.T) {
	one, two := newHarness(t, Config{}), newHarness(t, Config{})
	media := one.mediaURL(one.addSession(Session{SessionID: "65e7133a3242653c58d7aaaa"}))
	two.addSession(Session{SessionID: "65e7133a3242653c58d7aaaa"})
	require.Equal(t, 403, two.get(strings.Replace(media, one.server.URL, two.server.URL, 1)).status)
}

func TestWholeFileResponse(t *testing.T) {
	h := newHarness(t, Config{})
	resp := h.get(h.mediaURL(h.addSession(Session{Files: []File{{}}})))
	require.NoError(t, resp.err)
	require.Equal(t, 200, resp.status)
	require.Len(t, resp.body, 480_044, "30 s of mono telephone speech")
	require.Equal(t, "480044", resp.header.Get("Content-Length"))
	require.Equal(t, "audio/wav", resp.header.Get("Content-Type"))
	require.Equal(t, "bytes", resp.header.Get("Accept-Ranges"))
	require.Regexp(t, `^"[0-9a-f]{32}"$`, resp.header.Get("ETag"))
	require.NotEmpty(t, resp.header.Get("Last-Modified"))
}

func TestRangeRequests(t *testing.T) {
	h := newHarness(t, Config{})
	media := h.mediaURL(h.addSession(Session{Files: []File{{Duration: time.Second}}}))
	whole := h.get(media)
	require.Len(t, whole.body, 16_044)
	for _, c := range []struct {
		name         string
		headers      []string
		status       int
		contentRange string
		body         string
	}{
		{"from an offset", []string{"Range", "bytes=16000-"}, 206, "bytes 16000-16043/16044", whole.body[16_000:]},
		{"across the header's end", []string{"Range", "bytes=40-49"}, 206, "bytes 40-49/16044", whole.body[40:50]},
		{"the last bytes", []string{"Range", "bytes=-4"}, 206, "bytes 16040-16043/16044", whole.body[16_040:]},
		{"beyond the end", []string{"Range", "bytes=16044-"}, 416, "bytes */16044", ""},
		{"If-Range matches", []string{"Range", "bytes=16040-", "If-Range", whole.header.Get("ETag")}, 206, "bytes 16040-16043/16044", whole.body[16_040:]},
		{"If-Range differs", []string{"Range", "bytes=16040-", "If-Range", `"other"`}, 200, "", whole.body},
	} {
		t.Run(c.name, func(t *testing.T) {
			resp := h.get(media, c.headers...)
			require.NoError(t, resp.err)
			require.Equal(t, c.status, resp.status)
			require.Equal(t, c.contentRange, resp.header.Get("Content-Range"))
			if c.status < 400 {
				require.True(t, resp.body == c.body)
			}
		})
	}
	require.Equal(t, "bytes=16000-", h.Calls()[2].Range)
}

func TestRangeAndETagCanBeSwitchedOff(t *testing.T) {
	h := newHarness(t, Config{DisableRange: true, DisableETag: true})
	resp := h.get(h.mediaURL(h.addSession(Session{})), "Range", "bytes=100-")
	require.Equal(t, 200, resp.status)
	require.Len(t, resp.body, 3244)
	for _, name := range []string{"Accept-Ranges", "Content-Range", "ETag", "Last-Modified"} {
		require.NotContains(t, resp.header, name)
	}
	require.NotContains(t, getWithoutETag(t).header, "Etag")
}

func getWithoutETag(t *testing.T) response {
	t.Helper()
	h := newHarness(t, Config{DisableETag: true})
	resp := h.get(h.mediaURL(h.addSession(Session{})), "Range", "bytes=0-9")
	require.Equal(t, 206, resp.status)
	require.NotContains(t, resp.header, "Last-Modified")
	return resp
}

func TestHeadReturnsTheSizeAndConsumesNoFault(t *testing.T) {
	for _, noRange := range []bool{false, true} {
		h := newHarness(t, Config{DisableRange: noRange})
		media := h.mediaURL(h.addSession(Session{Files: []File{{Duration: time.Second, Faults: []Fault{{Kind: Respond, Status: 500}}}}}))
		resp := h.send(h.request(http.MethodHead, media))
		require.Equal(t, 200, resp.status)
		require.Equal(t, "16044", resp.header.Get("Content-Length"))
		require.Empty(t, resp.body)
		require.Equal(t, 500, h.get(media).status)
	}
}

func TestLargeFileIsNotHeldInMemory(t *testing.T) {
	const size = 500<<20 + 44
	h := newHarness(t, Config{})
	media := h.mediaURL(h.addSession(Session{Files: []File{{Size: size, Channels: 2, Seed: 7}}}))
	head := h.get(media, "Range", "bytes=0-43")
	require.Equal(t, "bytes 0-43/"+strconv.Itoa(size), head.header.Get("Content-Range"))
	require.Equal(t, string(wavHeader(2, 500<<20)), head.body)

	const loop = loopFrames * 4
	near := h.get(media, "Range", "bytes=1044-2043")
	far := h.get(media, "Range", "bytes="+strconv.Itoa(1044+1000*loop)+"-"+strconv.Itoa(2043+1000*loop))
	require.Equal(t, 206, far.status)
	require.True(t, near.body == far.body, "the audio repeats after 1000 loops")
	across := h.get(media, "Range", "bytes="+strconv.Itoa(44+loop-8)+"-"+strconv.Itoa(44+loop+7))
	begin := h.get(media, "Range", "bytes=44-51")
	require.True(t, across.body[8:] == begin.body)

	held := 0
	for _, e := range h.sounds.entries {
		held += len(e.bytes)
	}
	require.Equal(t, loop, held)
}

func TestCredentialInAMediaRequestIsRecorded(t *testing.T) {
	h := newHarness(t, Config{})
	media := h.mediaURL(h.addSession(Session{}))
	require.Equal(t, 200, h.get(media).status)
	require.Zero(t, h.Counts().CredentialsAtMedia)
	require.Equal(t, 200, h.get(media, "auth", h.token(nil)).status)
	require.Equal(t, 200, h.get(media, "Authorization", "Bearer x").status)
	require.Equal(t, 403, h.get(media+"&", "auth", "x").status)
	require.Equal(t, 3, h.Counts().CredentialsAtMedia)
	calls := h.Calls()
	require.False(t, calls[1].Credential)
	require.True(t, calls[2].Credential)
}

func TestRawBytesAreServedUnchanged(t *testing.T) {
	h := newHarness(t, Config{})
	id := h.addSession(Session{Files: []File{{Name: "note.MP3", Raw: []byte("ID3 what ever"), ContentType: "audio/mpeg"}, {Raw: []byte{}}}})
	r := h.getStatus(id).recordings(t)
	resp := h.get(r.Recording[0].FileURL)
	require.Equal(t, "ID3 what ever", resp.body)
	require.Equal(t, "audio/mpeg", resp.header.Get("Content-Type"))
	require.Contains(t, r.Recording[0].FileURL, ".mp3?")
	require.Empty(t, h.get(r.Recording[1].FileURL).body)
}

func TestHostileFileNamesDoNotChangeTheURL(t *testing.T) {
	h := newHarness(t, Config{})
	for _, name := range []string{"../../etc/passwd", "a/b\\c.wav", "x.w av", "nul\x00.wav", "ünïcode.wav", ".wav", "..", strings.Repeat("n", 4096), "a.b/c"} {
		id := h.addSession(Session{Files: []File{{Name: name}}})
		r := h.getStatus(id).recordings(t)
		require.Equal(t, name, r.Recording[0].FileName)
		require.Regexp(t, `/f-[0-9a-f-]{36}\.wav\?`, r.Recording[0].FileURL)
		require.Equal(t, 200, h.get(r.Recording[0].FileURL).status)
	}
}

func TestReadPartsFollowsTheReaderAtContract(t *testing.T) {
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
