package simulator

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// second is a file of one second, 16,044 bytes.
func second(faults ...Fault) []File { return []File{{Duration: time.Second, Faults: faults}} }

func TestMediaFaultsComeInTurnAndThenAllIsWell(t *testing.T) {
	w := newWorld(t, Config{})
	media := w.mediaURL(w.call(Session{Files: second(
		Fault{Kind: Answer, Status: 503, Times: 2}, Fault{Kind: None}, Fault{Kind: Answer, Status: 429, RetryAfter: "3"}, Fault{Kind: Answer, Status: 403},
	)}))
	var got []int
	for range 7 {
		a := w.get(media)
		got = append(got, a.status)
		if a.status == 429 {
			require.Equal(t, "3", a.header.Get("Retry-After"))
		}
	}
	require.Equal(t, []int{503, 503, 200, 429, 403, 200, 200}, got)
	require.Equal(t, map[FaultKind]int{Answer: 4}, w.Counts().Faults)
}

func TestAFaultMayLastForEver(t *testing.T) {
	w := newWorld(t, Config{})
	media := w.mediaURL(w.call(Session{Files: second(Fault{Kind: Answer, Times: -1})}))
	for range 5 {
		require.Equal(t, 500, w.get(media).status)
	}
}

func TestACutBodyEndsEarlierThanPromised(t *testing.T) {
	w := newWorld(t, Config{})
	media := w.mediaURL(w.call(Session{Files: second(Fault{Kind: Cut, After: 5000}, Fault{Kind: Cut, After: 1 << 40}, Fault{Kind: Cut})}))
	for _, sent := range []int{5000, 16_043, 0} {
		a := w.get(media)
		require.ErrorIs(t, a.err, io.ErrUnexpectedEOF)
		require.Equal(t, 200, a.status)
		require.Equal(t, "16044", a.header.Get("Content-Length"))
		require.Len(t, a.body, sent)
	}
	rest := w.get(media, "Range", "bytes=5000-")
	require.NoError(t, rest.err)
	require.Len(t, rest.body, 11_044)
}

func TestACutAlsoHitsARange(t *testing.T) {
	w := newWorld(t, Config{})
	media := w.mediaURL(w.call(Session{Files: second(Fault{Kind: Cut, After: 10})}))
	a := w.get(media, "Range", "bytes=1000-")
	require.Equal(t, 206, a.status)
	require.ErrorIs(t, a.err, io.ErrUnexpectedEOF)
	require.Len(t, a.body, 10)
}

func TestAResetIsATCPReset(t *testing.T) {
	w := newWorld(t, Config{})
	media := w.mediaURL(w.call(Session{Files: second(Fault{Kind: Reset, After: 100}, Fault{Kind: Reset, After: -1})}))
	a := w.get(media)
	require.Equal(t, 200, a.status)
	require.ErrorIs(t, a.err, syscall.ECONNRESET)
	require.LessOrEqual(t, len(a.body), 100)

	a = w.get(media)
	require.Zero(t, a.status)
	require.ErrorIs(t, a.err, syscall.ECONNRESET)
}

// The other way round of the same: a client that keeps connections must not be fooled by what its transport repeats.
func TestAResetOfAKeptConnectionIsRepeatedByGoButCounted(t *testing.T) {
	w := newWorld(t, Config{})
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	w.client = &http.Client{Transport: transport}
	media := w.mediaURL(w.call(Session{Files: second(Fault{Kind: Reset, After: -1})}))
	require.Equal(t, 200, w.get(media).status)
	require.Equal(t, 2, w.Counts().MediaServed)
}

func TestAnswersWithStatus200ThatAreNoAudio(t *testing.T) {
	w := newWorld(t, Config{})
	media := w.mediaURL(w.call(Session{Files: second(Fault{Kind: HTML}, Fault{Kind: JSON}, Fault{Kind: Empty}, Fault{Kind: JSON, Body: "<x/>", ContentType: "audio/wav"})}))
	page := w.get(media)
	require.Equal(t, 200, page.status)
	require.Equal(t, "text/html; charset=utf-8", page.header.Get("Content-Type"))
	requireError(t, w.get(media), 200, 500, "Internal server error")
	empty := w.get(media)
	require.NoError(t, empty.err)
	require.Equal(t, "0", empty.header.Get("Content-Length"))
	lie := w.get(media)
	require.Equal(t, "audio/wav", lie.header.Get("Content-Type"))
	require.Equal(t, "<x/>", lie.body)
}

func TestABodyOfAnotherLengthThanItsRIFFHeaderSays(t *testing.T) {
	w := newWorld(t, Config{})
	media := w.mediaURL(w.call(Session{Files: second(Fault{Kind: Short}, Fault{Kind: Long}, Fault{Kind: Short, Bytes: 1 << 40})}))
	for _, want := range []int{15_044, 17_044} {
		a := w.get(media)
		require.NoError(t, a.err)
		require.Equal(t, strconv.Itoa(want), a.header.Get("Content-Length"))
		require.Len(t, a.body, want)
		require.EqualValues(t, 16_036, binary.LittleEndian.Uint32([]byte(a.body[4:])), "the header is that of the whole file")
	}
	require.Empty(t, w.get(media).body)
}

func TestRedirects(t *testing.T) {
	w := newWorld(t, Config{})
	media := w.mediaURL(w.call(Session{Files: second(Fault{Kind: Redirect, To: "http://other.example.org/x"}, Fault{Kind: Redirect, Status: 307})}))
	a := w.get(media)
	require.Equal(t, 302, a.status)
	require.Equal(t, "http://other.example.org/x", a.header.Get("Location"))
	a = w.get(media)
	require.Equal(t, 307, a.status)
	require.Equal(t, strings.TrimPrefix(media, w.server.URL), a.header.Get("Location"), "to itself, signature and all")
	require.Equal(t, 200, w.get(w.server.URL+a.header.Get("Location")).status)
}

func TestGzipThatNobodyAskedFor(t *testing.T) {
	w := newWorld(t, Config{})
	media := w.mediaURL(w.call(Session{Files: second(Fault{Kind: Gzip})}))
	a := w.get(media, "Accept-Encoding", "identity", "Range", "bytes=10-")
	require.NoError(t, a.err)
	require.Equal(t, 200, a.status)
	require.Equal(t, "gzip", a.header.Get("Content-Encoding"))
	unzip, err := gzip.NewReader(strings.NewReader(a.body))
	require.NoError(t, err)
	plain, err := io.ReadAll(unzip)
	require.NoError(t, err)
	require.True(t, string(plain) == w.get(media).body)
}

func TestBodiesWithoutContentLength(t *testing.T) {
	for _, kind := range []FaultKind{Chunked, CloseDelimited} {
		t.Run(string(kind), func(t *testing.T) {
			w := newWorld(t, Config{})
			media := w.mediaURL(w.call(Session{Files: second(Fault{Kind: kind}, Fault{Kind: kind, After: 5000})}))
			for _, want := range []int{16_044, 5000} {
				raw := w.rawGet(media)
				head, _, _ := strings.Cut(raw, "\r\n\r\n")
				require.NotContains(t, head, "Content-Length")
				require.Equal(t, kind == Chunked, strings.Contains(head, "Transfer-Encoding: chunked"))
				res, err := http.ReadResponse(bufio.NewReader(strings.NewReader(raw)), nil)
				require.NoError(t, err)
				body, err := io.ReadAll(res.Body)
				require.NoError(t, err, "the end is in good order")
				require.Len(t, body, want)
			}
		})
	}
}

func TestASmallAnswerHasNoContentLengthEither(t *testing.T) {
	for _, kind := range []FaultKind{Chunked, CloseDelimited} {
		w := newWorld(t, Config{})
		id := w.call(Session{Script: []Step{{Status: StatusFailed, Fault: &Fault{Kind: kind}}}})
		raw := w.rawGet(w.recordingsURL("?sessionId="+id), "auth", w.token(nil))
		require.NotContains(t, raw, "Content-Length")
		require.Contains(t, raw, `{"status":"failed","recording":[]}`)
	}
}

// rawGet returns all that the server writes until it closes the connection.
func (w *world) rawGet(target string, headers ...string) string {
	w.t.Helper()
	req := w.request(http.MethodGet, target, headers...)
	req.Close = true
	conn, err := net.Dial("tcp", req.URL.Host)
	require.NoError(w.t, err)
	defer conn.Close()
	require.NoError(w.t, req.Write(conn))
	raw, err := io.ReadAll(conn)
	require.NoError(w.t, err)
	return string(raw)
}

func TestASlowBodyArrivesWhole(t *testing.T) {
	w := newWorld(t, Config{})
	const rate = 160_000
	media := w.mediaURL(w.call(Session{Files: second(Fault{Kind: Slow, BytesPerSecond: rate})}))
	began := time.Now()
	a := w.get(media)
	require.NoError(t, a.err)
	require.Len(t, a.body, 16_044)
	require.Greater(t, time.Since(began), 100*time.Millisecond, "16 kB at 160 kB/s")
}

func TestAStallEndsWhenTheClientGoesAway(t *testing.T) {
	for _, after := range []int64{-1, 0, 1000} {
		w := newWorld(t, Config{})
		media := w.mediaURL(w.call(Session{Files: second(Fault{Kind: Stall, After: after})}))
		ctx, cancel := context.WithCancel(context.Background())
		req := w.request(http.MethodGet, media).WithContext(ctx)
		ended := make(chan answer, 1)
		go func() { ended <- w.send(req) }()
		w.await(func(c Counts) bool { return c.Faults[Stall] == 1 && c.InFlight == 1 })
		cancel()
		require.ErrorIs(t, (<-ended).err, context.Canceled)
		w.await(func(c Counts) bool { return c.InFlight == 0 })
	}
}

func TestAStallSendsWhatComesBefore(t *testing.T) {
	w := newWorld(t, Config{})
	media := w.mediaURL(w.call(Session{Files: second(Fault{Kind: Stall, After: 1000})}))
	res, err := w.client.Do(w.request(http.MethodGet, media))
	require.NoError(t, err)
	defer res.Body.Close()
	require.EqualValues(t, 16_044, res.ContentLength)
	_, err = io.ReadFull(res.Body, make([]byte, 1000))
	require.NoError(t, err)
	require.Equal(t, 1, w.Counts().InFlight)

	require.NoError(t, w.Close())
	_, err = res.Body.Read(make([]byte, 1))
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	w.await(func(c Counts) bool { return c.InFlight == 0 })
}

func TestAStallIsBounded(t *testing.T) {
	w := newWorld(t, Config{StallLimit: 10 * time.Millisecond})
	a := w.get(w.mediaURL(w.call(Session{Files: second(Fault{Kind: Stall})})))
	require.ErrorIs(t, a.err, io.ErrUnexpectedEOF)
}

func TestCloseLetsStalledAndDelayedCallsGo(t *testing.T) {
	w := newWorld(t, Config{})
	stalled := w.call(Session{Script: []Step{{Status: StatusSuccess, Fault: &Fault{Kind: Stall, After: -1}}}})
	delayed := w.call(Session{Script: []Step{{Status: StatusSuccess, Fault: &Fault{Kind: None, Delay: time.Hour}}}})
	slow := w.call(Session{Script: []Step{{Status: StatusSuccess, Fault: &Fault{Kind: Slow, BytesPerSecond: 1}}}})
	answers := make(chan answer, 3)
	for _, id := range []string{stalled, delayed, slow} {
		req := w.request(http.MethodGet, w.recordingsURL("?sessionId="+id), "auth", w.token(nil))
		go func() { answers <- w.send(req) }()
	}
	w.await(func(c Counts) bool { return c.Accepted == 3 })
	require.NoError(t, w.Close())
	require.NoError(t, w.Close(), "closing twice is fine")
	for range 3 {
		require.Error(t, (<-answers).err)
	}
	w.await(func(c Counts) bool { return c.InFlight == 0 })
	require.Equal(t, 503, w.ask(stalled).status)
	require.Equal(t, 1, w.Counts().Refused[ReasonClosed])
}

func TestABreakWorksOverTLSToo(t *testing.T) {
	w := newWorld(t, Config{})
	id := w.call(Session{Files: second(Fault{Kind: Reset, After: 10})})
	server := newTLSServer(t, w.Simulator)
	w.client = server.Client()
	r := w.get(server.URL+"/api/public/bot/"+DefaultBotID+"/v2/recordings?sessionId="+id, "auth", w.token(nil)).recordings(t)
	require.True(t, strings.HasPrefix(r.Recording[0].FileURL, "https://127.0.0.1:"))
	a := w.get(r.Recording[0].FileURL)
	require.Error(t, a.err)
	require.False(t, errors.Is(a.err, context.DeadlineExceeded))
	require.True(t, bytes.HasPrefix(wavHeader(1, 16_000), []byte(a.body)), "at most the first ten bytes came")
}
