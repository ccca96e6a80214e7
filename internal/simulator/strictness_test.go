package simulator

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// This client follows the vendor's page only and uses nothing from this package or a JWT library: it sends the request of
// the page's curl example and downloads from the returned URL.
func TestIndependentClientGetsItsRecording(t *testing.T) {
	h := newHarness(t, Config{ClientID: "cs-1", ClientSecret: "s3cret", EnforceJTI: true, CallsPerMinute: 60})
	id := h.addSession(Session{Script: []Step{{Status: "media_in_progress", Calls: 1}, {Status: "success"}}, Files: oneSecond()})
	b64 := base64.RawURLEncoding.EncodeToString
	get := func(jti string) response {
		signed := b64([]byte(`{"typ":"JWT","alg":"HS256"}`)) + "." +
			b64(fmt.Appendf(nil, `{"sub":"1234","appId":"cs-1","jti":%q,"exp":%d}`, jti, noon.Add(time.Minute).Unix()))
		mac := hmac.New(sha256.New, []byte("s3cret"))
		mac.Write([]byte(signed))
		return h.get(h.recordingsURL("?sessionId="+id), "AUTH", signed+"."+b64(mac.Sum(nil)), "Content-Type", "application/json")
	}
	require.Equal(t, `{"status":"media_in_progress","recording":[]}`, get("one").body)
	body := get("two").body
	_, media, _ := strings.Cut(body, `"fileUrl":"`)
	media = strings.TrimSuffix(media, `"}]}`)
	resp := h.get(media)
	require.Equal(t, 200, resp.status)
	require.Equal(t, "RIFF", resp.body[:4])
}

func TestResponsesDoNotRevealTheSimulator(t *testing.T) {
	h := newHarness(t, Config{})
	id := h.addSession(Session{Files: oneSecond(Fault{Kind: Respond, Status: 500})})
	media := h.mediaURL(id)
	for _, resp := range []response{h.getStatus(id), h.getStatusWith(""), h.get(media), h.get(media), h.get(media + "x"), h.get(h.server.URL + "/x")} {
		all := strings.ToLower(fmt.Sprint(resp.header, resp.body[:min(len(resp.body), 2000)]))
		for _, word := range []string{"simulat", "fake", "mock", "callvault", "httptest"} {
			require.NotContains(t, all, word)
		}
	}
}

func TestResponsesDoNotContainTheSecret(t *testing.T) {
	h := newHarness(t, Config{ClientSecret: "canary-secret", ClientID: "cs-canary"})
	for _, token := range []string{"", "x", h.token(nil)} {
		require.NotContains(t, h.getStatusWith(token).body, "canary")
	}
}

// A hand-written request gets the response that the HTTP standard requires.
func TestRawHTTPRequests(t *testing.T) {
	h := newHarness(t, Config{})
	host := strings.TrimPrefix(h.server.URL, "http://")
	path := "/api/public/bot/" + DefaultBotID + "/v2/recordings?sessionId=65e7133a3242653c58d70000"
	for name, c := range map[string]struct{ request, want string }{
		"lower-case header":    {"GET " + path + " HTTP/1.1\r\nHost: h\r\nauth: " + h.token(nil) + "\r\nConnection: close\r\n\r\n", "HTTP/1.1 200 OK"},
		"upper-case header":    {"GET " + path + " HTTP/1.1\r\nHost: h\r\nAUTH: " + h.token(nil) + "\r\nConnection: close\r\n\r\n", "HTTP/1.1 200 OK"},
		"HTTP/1.0":             {"GET " + path + " HTTP/1.0\r\nauth: " + h.token(nil) + "\r\n\r\n", "HTTP/1.0 200 OK"},
		"no host":              {"GET " + path + " HTTP/1.1\r\n\r\n", "HTTP/1.1 400 Bad Request"},
		"token in two headers": {"GET " + path + " HTTP/1.1\r\nHost: h\r\nauth: a\r\nauth: b\r\nConnection: close\r\n\r\n", "HTTP/1.1 401 Unauthorized"},
	} {
		t.Run(name, func(t *testing.T) {
			conn, err := net.Dial("tcp", host)
			require.NoError(t, err)
			defer conn.Close()
			_, err = conn.Write([]byte(c.request))
			require.NoError(t, err)
			reply := make([]byte, len(c.want))
			_, err = conn.Read(reply)
			require.NoError(t, err)
			require.Equal(t, c.want, string(reply))
		})
	}
}

func TestSimulatorWorksWithAnyHTTPServer(t *testing.T) {
	h := newHarness(t, Config{})
	id := h.addSession(Session{})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	server := &http.Server{Handler: h.Simulator, ReadHeaderTimeout: time.Minute}
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close() })
	base := "http://" + listener.Addr().String()
	resp := h.get(base+"/api/public/bot/"+DefaultBotID+"/v2/recordings?sessionId="+id, "auth", h.token(nil))
	require.True(t, strings.HasPrefix(resp.recordings(t).Recording[0].FileURL, base+"/"))
}

func newTLSServer(t *testing.T, handler http.Handler) *httptest.Server {
	t.Helper()
	server := httptest.NewTLSServer(handler)
	t.Cleanup(server.Close)
	return server
}
