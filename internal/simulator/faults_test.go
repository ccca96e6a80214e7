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

// oneSecond returns a file of one second, 16,044 bytes.
func oneSecond(faults ...Fault) []File { return []File{{Duration: time.Second, Faults: faults}} }

func TestMediaFaultsApplyInOrderThenStop(t *testing.T) {
	h := newHarness(t, Config{})
	media := h.mediaURL(h.addSession(Session{Files: oneSecond(
		Fault{Kind: Respond, Status: 503, Times: 2}, Fault{Kind: None}, Fault{Kind: Respond, Status: 429, RetryAfter: "3"}, Fault{Kind: Respond, Status: 403},
	)}))
	var got []int
	for range 7 {
		resp := h.get(media)
		got = append(got, resp.status)
		if resp.status == 429 {
			require.Equal(t, "3", resp.header.Get("Retry-After"))
		}
	}
	require.Equal(t, []int{503, 503, 200, 429, 403, 200, 200}, got)
	require.Equal(t, map[FaultKind]int{Respond: 4}, h.Counts().Faults)
}

func TestFaultWithNegativeTimesNeverEnds(t *testing.T) {
	h := newHarness(t, Config{})
	media := h.mediaURL(h.addSession(Session{Files: oneSecond(Fault{Kind: Respond, Times: -1})}))
	for range 5 {
		require.Equal(t, 500, h.get(media).status)
	}
}

func TestCutEndsTheBodyBeforeContentLength(t *testing.T) {
	h := newHarness(t, Config{})
	media := h.mediaURL(h.addSession(Session{Files: oneSecond(Fault{Kind: Cut, After: 5000}, Fault{Kind: Cut, After: 1 << 40}, Fault{Kind: Cut})}))
	for _, sent := range []int{5000, 16_043, 0} {
		resp := h.get(media)
		require.ErrorIs(t, resp.err, io.ErrUnexpectedEOF)
		require.Equal(t, 200, resp.status)
		require.Equal(t, "16044", resp.header.Get("Content-Length"))
		require.Len(t, resp.body, sent)
	}
	rest := h.get(media, "Range", "bytes=5000-")
	require.NoError(t, rest.err)
	require.Len(t, rest.body, 11_044)
}

func TestCutAppliesToARangeRequest(t *testing.T) {
	h := newHarness(t, Config{})
	media := h.mediaURL(h.addSession(Session{Files: oneSecond(Fault{Kind: Cut, After: 10})}))
	resp := h.get(media, "Range", "bytes=1000-")
	require.Equal(t, 206, resp.status)
	require.ErrorIs(t, resp.err, io.ErrUnexpectedEOF)
	require.Len(t, resp.body, 10)
}

func TestResetSendsATCPReset(t *testing.T) {
	h := newHarness(t, Config{})
	media := h.mediaURL(h.addSession(Session{Files: oneSecond(Fault{Kind: Reset, After: 100}, Fault{Kind: Reset, After: -1})}))
	resp := h.get(media)
	require.Equal(t, 200, resp.status)
	require.ErrorIs(t, resp.err, syscall.ECONNRESET)
	require.LessOrEqual(t, len(resp.body), 100)

	resp = h.get(media)
	require.Zero(t, resp.status)
	require.ErrorIs(t, resp.err, syscall.ECONNRESET)
}

// A client that reuses connections sees no reset, because its transport retries; the counts show it.
func TestResetOnAReusedConnectionIsRetriedAndCounted(t *testing.T) {
	h := newHarness(t, Config{})
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	h.client = &http.Client{Transport: transport}
	media := h.mediaURL(h.addSession(Session{Files: oneSecond(Fault{Kind: Reset, After: -1})}))
	require.Equal(t, 200, h.get(media).status)
	require.Equal(t, 2, h.Counts().MediaServed)
}

func TestStatus200WithoutAudio(t *testing.T) {
	h := newHarness(t, Config{})
	media := h.mediaURL(h.addSession(Session{Files: oneSecond(Fault{Kind: HTML}, Fault{Kind: JSON}, Fault{Kind: Empty}, Fault{Kind: JSON, Body: "<x/>", ContentType: "audio/wav"})}))
	page := h.get(media)
	require.Equal(t, 200, page.status)
	require.Equal(t, "text/html; charset=utf-8", page.header.Get("Content-Type"))
	requireError(t, h.get(media), 200, 500, "Internal server error")
	empty := h.get(media)
	require.NoError(t, empty.err)
	require.Equal(t, "0", empty.header.Get("Content-Length"))
	mistyped := h.get(media)
	require.Equal(t, "audio/wav", mistyped.header.Get("Content-Type"))
	require.Equal(t, "<x/>", mistyped.body)
}

func TestBodyLengthDiffersFromTheRIFFHeader(t *testing.T) {
	h := newHarness(t, Config{})
	media := h.mediaURL(h.addSession(Session{Files: oneSecond(Fault{Kind: Short}, Fault{Kind: Long}, Fault{Kind: Short, Bytes: 1 << 40})}))
	for _, want := range []int{15_044, 17_044} {
		resp := h.get(media)
		require.NoError(t, resp.err)
		require.Equal(t, strconv.Itoa(want), resp.header.Get("Content-Length"))
		require.Len(t, resp.body, want)
		require.EqualValues(t, 16_036, binary.LittleEndian.Uint32([]byte(resp.body[4:])), "the header is unchanged")
	}
	require.Empty(t, h.get(media).body)
}

func TestRedirects(t *testing.T) {
	h := newHarness(t, Config{})
	media := h.mediaURL(h.addSession(Session{Files: oneSecond(Fault{Kind: Redirect, To: "http://other.example.org/x"}, Fault{Kind: Redirect, Status: 307})}))
	resp := h.get(media)
	require.Equal(t, 302, resp.status)
	require.Equal(t, "http://other.example.org/x", resp.header.Get("Location"))
	resp = h.get(media)
	require.Equal(t, 307, resp.status)
	require.Equal(t, strings.TrimPrefix(media, h.server.URL), resp.header.Get("Location"), "to itself, with the signature")
	require.Equal(t, 200, h.get(h.server.URL+resp.header.Get("Location")).status)
}

func TestGzipIsSentUnrequested(t *testing.T) {
	h := newHarness(t, Config{})
	media := h.mediaURL(h.addSession(Session{Files: oneSecond(Fault{Kind: Gzip})}))
	resp := h.get(media, "Accept-Encoding", "identity", "Range", "bytes=10-")
	require.NoError(t, resp.err)
	require.Equal(t, 200, resp.status)
	require.Equal(t, "gzip", resp.header.Get("Content-Encoding"))
	unzip, err := gzip.NewReader(strings.NewReader(resp.body))
	require.NoError(t, err)
	plain, err := io.ReadAll(unzip)
	require.NoError(t, err)
	require.True(t, string(plain) == h.get(media).body)
}

func TestBodiesWithoutContentLength(t *testing.T) {
	for _, kind := range []FaultKind{Chunked, CloseDelimited} {
		t.Run(string(kind), func(t *testing.T) {
			h := newHarness(t, Config{})
			media := h.mediaURL(h.addSession(Session{Files: oneSecond(Fault{Kind: kind}, Fault{Kind: kind, After: 5000})}))
			for _, want := range []int{16_044, 5000} {
				raw := h.rawGet(media)
				head, _, _ := strings.Cut(raw, "\r\n\r\n")
				require.NotContains(t, head, "Content-Length")
				require.Equal(t, kind == Chunked, strings.Contains(head, "Transfer-Encoding: chunked"))
				res, err := http.ReadResponse(bufio.NewReader(strings.NewReader(raw)), nil)
				require.NoError(t, err)
				body, err := io.ReadAll(res.Body)
				require.NoError(t, err, "the body ends without an error")
				require.Len(t, body, want)
			}
		})
	}
}

func TestSmallBodyWithoutContentLength(t *testing.T) {
	for _, kind := range []FaultKind{Chunked, CloseDelimited} {
		h := newHarness(t, Config{})
		id := h.addSession(Session{Script: []Step{{Status: StatusFailed, Fault: &Fault{Kind: kind}}}})
		raw := h.rawGet(h.recordingsURL("?sessionId="+id), "auth", h.token(nil))
		require.NotContains(t, raw, "Content-Length")
		require.Contains(t, raw, `{"status":"failed","recording":[]}`)
	}
}

// rawGet returns everything that the server writes until it closes the connection.
func (h *harness) rawGet(target string, headers ...string) string {
	h.t.Helper()
	req := h.request(http.MethodGet, target, headers...)
	req.Close = true
	conn, err := net.Dial("tcp", req.URL.Host)
	require.NoError(h.t, err)
	defer conn.Close()
	require.NoError(h.t, req.Write(conn))
	raw, err := io.ReadAll(conn)
	require.NoError(h.t, err)
	return string(raw)
}

func TestSlowBodyArrivesComplete(t *testing.T) {
	h := newHarness(t, Config{})
	const rate = 160_000
	media := h.mediaURL(h.addSession(Session{Files: oneSecond(Fault{Kind: Slow, BytesPerSecond: rate})}))
	began := time.Now()
	resp := h.get(media)
	require.NoError(t, resp.err)
	require.Len(t, resp.body, 16_044)
	require.Greater(t, time.Since(began), 100*time.Millisecond, "16 kB at 160 kB/s")
}

func TestStallEndsWhenTheClientDisconnects(t *testing.T) {
	for _, after := range []int64{-1, 0, 1000} {
		h := newHarness(t, Config{})
		media := h.mediaURL(h.addSession(Session{Files: oneSecond(Fault{Kind: Stall, After: after})}))
		ctx, cancel := context.WithCancel(context.Background())
		req := h.request(http.MethodGet, media).WithContext(ctx)
		ended := make(chan response, 1)
		go func() { ended <- h.send(req) }()
		h.await(func(c Counts) bool { return c.Faults[Stall] == 1 && c.InFlight == 1 })
		cancel()
		require.ErrorIs(t, (<-ended).err, context.Canceled)
		h.await(func(c Counts) bool { return c.InFlight == 0 })
	}
}

func TestStallSendsTheBytesBeforeIt(t *testing.T) {
	h := newHarness(t, Config{})
	media := h.mediaURL(h.addSession(Session{Files: oneSecond(Fault{Kind: Stall, After: 1000})}))
	res, err := h.client.Do(h.request(http.MethodGet, media))
	require.NoError(t, err)
	defer res.Body.Close()
	require.EqualValues(t, 16_044, res.ContentLength)
	_, err = io.ReadFull(res.Body, make([]byte, 1000))
	require.NoError(t, err)
	require.Equal(t, 1, h.Counts().InFlight)

	require.NoError(t, h.Close())
	_, err = res.Body.Read(make([]byte, 1))
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	h.await(func(c Counts) bool { return c.InFlight == 0 })
}

func TestStallLimitEndsAStall(t *testing.T) {
	h := newHarness(t, Config{StallLimit: 10 * time.Millisecond})
	resp := h.get(h.mediaURL(h.addSession(Session{Files: oneSecond(Fault{Kind: Stall})})))
	require.ErrorIs(t, resp.err, io.ErrUnexpectedEOF)
}

func TestCloseEndsBlockedRequests(t *testing.T) {
	h := newHarness(t, Config{})
	stalled := h.addSession(Session{Script: []Step{{Status: StatusSuccess, Fault: &Fault{Kind: Stall, After: -1}}}})
	delayed := h.addSession(Session{Script: []Step{{Status: StatusSuccess, Fault: &Fault{Kind: None, Delay: time.Hour}}}})
	slow := h.addSession(Session{Script: []Step{{Status: StatusSuccess, Fault: &Fault{Kind: Slow, BytesPerSecond: 1}}}})
	responses := make(chan response, 3)
	for _, id := range []string{stalled, delayed, slow} {
		req := h.request(http.MethodGet, h.recordingsURL("?sessionId="+id), "auth", h.token(nil))
		go func() { responses <- h.send(req) }()
	}
	h.await(func(c Counts) bool { return c.Accepted == 3 })
	require.NoError(t, h.Close())
	require.NoError(t, h.Close(), "Close may be called twice")
	for range 3 {
		require.Error(t, (<-responses).err)
	}
	h.await(func(c Counts) bool { return c.InFlight == 0 })
	require.Equal(t, 503, h.getStatus(stalled).status)
	require.Equal(t, 1, h.Counts().Refused[ReasonClosed])
}

func TestResetWorksOverTLS(t *testing.T) {
	h := newHarness(t, Config{})
	id := h.addSession(Session{Files: oneSecond(Fault{Kind: Reset, After: 10})})
	server := newTLSServer(t, h.Simulator)
	h.client = server.Client()
	r := h.get(server.URL+"/api/public/bot/"+DefaultBotID+"/v2/recordings?sessionId="+id, "auth", h.token(nil)).recordings(t)
	require.True(t, strings.HasPrefix(r.Recording[0].FileURL, "https://127.0.0.1:"))
	resp := h.get(r.Recording[0].FileURL)
	require.Error(t, resp.err)
	require.False(t, errors.Is(resp.err, context.DeadlineExceeded))
	require.True(t, bytes.HasPrefix(wavHeader(1, 16_000), []byte(resp.body)), "at most the first ten bytes arrived")
}
