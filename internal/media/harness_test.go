package media_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/internal/media"
	"github.com/callvault/callvault/internal/secret"
	"github.com/callvault/callvault/internal/simulator"
	"github.com/callvault/callvault/internal/smartassist"
	"github.com/callvault/callvault/workflows"
)

const (
	botID     = simulator.DefaultBotID
	sessionID = "65e7133a3242653c58d7aaaa"
)

// TestMain unsets the proxy variables, which net/http reads only once: the tests
// run without a proxy, except the one for which this process was started.
func TestMain(m *testing.M) {
	if os.Getenv(throughProxy) != "" {
		os.Exit(m.Run())
	}
	for _, name := range []string{"HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY"} {
		os.Unsetenv(name)
		os.Unsetenv(strings.ToLower(name))
	}
	os.Exit(m.Run())
}

// vendor is a simulator on a loopback socket and a Fetcher for it.
type vendor struct {
	*simulator.Simulator
	url     *url.URL
	fetcher *media.Fetcher
}

func newVendor(t *testing.T) *vendor {
	t.Helper()
	upstream, err := simulator.New(simulator.Config{CallsPerMinute: simulator.Unlimited, CallsPerHour: simulator.Unlimited})
	require.NoError(t, err)
	server := httptest.NewUnstartedServer(upstream)
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.Start()
	t.Cleanup(func() {
		require.NoError(t, upstream.Close())
		server.Close()
	})
	address, err := url.Parse(server.URL)
	require.NoError(t, err)
	return &vendor{upstream, address, media.NewFetcher(media.NewHostPolicy(address, nil))}
}

// fileURL adds a session of one file and returns the file's URL.
func (v *vendor) fileURL(t *testing.T, file simulator.File) string {
	t.Helper()
	require.NoError(t, v.AddSession(simulator.Session{BotID: botID, SessionID: sessionID, Files: []simulator.File{file}}))
	return v.askURL(t)
}

func (v *vendor) askURL(t *testing.T) string {
	t.Helper()
	token, _, err := smartassist.Credentials{ClientID: simulator.DefaultClientID, Key: secret.Value(simulator.DefaultClientSecret)}.Mint(botID, time.Now())
	require.NoError(t, err)
	resp, err := smartassist.NewClient(smartassist.Config{BaseURL: v.url}).FetchRecordings(t.Context(), token, workflows.Session{BotID: botID, SessionID: sessionID}, "")
	require.NoError(t, err)
	return resp.Files[0].URL
}

// original returns the file as a plain HTTP client receives it.
func (v *vendor) original(t *testing.T, file simulator.File) []byte {
	t.Helper()
	file.Faults = nil
	response, err := http.Get(v.fileURL(t, file))
	require.NoError(t, err)
	defer response.Body.Close()
	require.Equal(t, http.StatusOK, response.StatusCode)
	content, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return content
}

// download is the result of one: the bytes returned, and the error that ended it.
type download struct {
	stream  *media.Stream
	content []byte
	err     error
}

// fetch downloads rawURL to its end or its error, and cancels it if it stalls.
func fetch(t *testing.T, fetcher *media.Fetcher, rawURL string, stall time.Duration) download {
	t.Helper()
	before, cancel := context.WithTimeout(t.Context(), time.Minute) // No test is expected to reach it.
	defer cancel()
	var stream *media.Stream
	opened := make(chan *media.Stream, 1)
	ctx, stop := media.Watch(before, stall, func() media.Moved {
		select {
		case stream = <-opened:
		default:
		}
		if stream == nil {
			return media.Moved{}
		}
		return media.Moved{Bytes: stream.BytesRead(), Over: stream.Whole()}
	})
	defer stop()
	got, err := fetcher.Open(ctx, rawURL)
	if err != nil {
		require.Nil(t, got)
		requireNoCredential(t, err, rawURL)
		return download{err: err}
	}
	defer got.Close()
	opened <- got
	var content bytes.Buffer
	_, err = io.Copy(&content, got)
	if err != nil {
		requireNoCredential(t, err, rawURL)
		require.False(t, got.Whole())
	}
	require.EqualValues(t, 0, min(0, got.BytesRead()-int64(content.Len())), "no byte is returned that was not counted")
	return download{got, content.Bytes(), err}
}

// requireNoCredential requires that err contains no more of rawURL than the host.
func requireNoCredential(t *testing.T, err error, rawURL string) {
	t.Helper()
	text := err.Error()
	require.NotContains(t, text, "?")
	require.NotContains(t, text, "getMediaStream")
	require.NotContains(t, text, "canary")
	if parsed, parseError := url.Parse(rawURL); parseError == nil && parsed.RawQuery != "" {
		require.NotContains(t, text, parsed.RawQuery)
	}
	require.LessOrEqual(t, len(text), 400)
}

func sha(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:])
}

// requireNoLeak waits until no goroutine of the package under test is left.
func requireNoLeak(t *testing.T) {
	t.Helper()
	stacks := make([]byte, 4<<20)
	require.Eventually(t, func() bool {
		running := string(stacks[:runtime.Stack(stacks, true)])
		return !strings.Contains(running, "internal/media.Watch") && !strings.Contains(running, "internal/media.(*")
	}, 10*time.Second, 5*time.Millisecond, "a goroutine is still running")
}

// wav returns a WAV file of size bytes with a correct header.
func wav(size int) []byte {
	content := bytes.Repeat([]byte{0x5a, 1, 2, 3}, size/4+1)[:size]
	copy(content, "RIFF\x00\x00\x00\x00WAVEfmt ")
	for i := range 4 {
		content[4+i] = byte((size - 8) >> (8 * i))
	}
	return content
}

// local starts a media server on a loopback socket, and returns its URL and a
// Fetcher for it.
func local(t *testing.T, handler http.HandlerFunc) (string, *media.Fetcher) {
	t.Helper()
	server := httptest.NewUnstartedServer(handler)
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.Start()
	t.Cleanup(server.Close)
	address, err := url.Parse(server.URL)
	require.NoError(t, err)
	return server.URL, media.NewFetcher(media.NewHostPolicy(address, nil))
}

// secure starts a media server with TLS and HTTP/2 on a loopback socket.
func secure(t *testing.T, handler http.HandlerFunc) (*httptest.Server, *x509.CertPool) {
	t.Helper()
	server := httptest.NewUnstartedServer(handler)
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.EnableHTTP2 = true
	server.StartTLS()
	t.Cleanup(server.Close)
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	return server, roots
}

// raw starts a media server that sends these responses as they are, one for each
// connection, and closes it; the last one is repeated.
func raw(t *testing.T, responses ...string) (string, *media.Fetcher) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { listener.Close() })
	go func() {
		for i := 0; ; i++ {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			request, err := http.ReadRequest(bufio.NewReader(connection))
			if err == nil && request.Method == http.MethodGet {
				_, _ = io.WriteString(connection, responses[min(i, len(responses)-1)])
			}
			connection.Close()
		}
	}()
	address := &url.URL{Scheme: "http", Host: listener.Addr().String()}
	return address.String(), media.NewFetcher(media.NewHostPolicy(address, nil))
}
