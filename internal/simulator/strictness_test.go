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

// A client that was written from the vendor's page alone, with nothing from this package or from a JWT library: it asks as
// the page's curl line does and follows what it is given.
func TestAStrangersClientGetsItsRecording(t *testing.T) {
	w := newWorld(t, Config{ClientID: "cs-1", ClientSecret: "s3cret", EnforceJTI: true, CallsPerMinute: 60})
	id := w.call(Session{Script: []Step{{Status: "media_in_progress", Calls: 1}, {Status: "success"}}, Files: second()})
	b64 := base64.RawURLEncoding.EncodeToString
	ask := func(jti string) answer {
		signed := b64([]byte(`{"typ":"JWT","alg":"HS256"}`)) + "." +
			b64(fmt.Appendf(nil, `{"sub":"1234","appId":"cs-1","jti":%q,"exp":%d}`, jti, noon.Add(time.Minute).Unix()))
		mac := hmac.New(sha256.New, []byte("s3cret"))
		mac.Write([]byte(signed))
		return w.get(w.recordingsURL("?sessionId="+id), "AUTH", signed+"."+b64(mac.Sum(nil)), "Content-Type", "application/json")
	}
	require.Equal(t, `{"status":"media_in_progress","recording":[]}`, ask("one").body)
	body := ask("two").body
	_, media, _ := strings.Cut(body, `"fileUrl":"`)
	media = strings.TrimSuffix(media, `"}]}`)
	a := w.get(media)
	require.Equal(t, 200, a.status)
	require.Equal(t, "RIFF", a.body[:4])
}

func TestNothingInAnAnswerSaysThatThisIsAStandIn(t *testing.T) {
	w := newWorld(t, Config{})
	id := w.call(Session{Files: second(Fault{Kind: Answer, Status: 500})})
	media := w.mediaURL(id)
	for _, a := range []answer{w.ask(id), w.askWith(""), w.get(media), w.get(media), w.get(media + "x"), w.get(w.server.URL + "/x")} {
		all := strings.ToLower(fmt.Sprint(a.header, a.body[:min(len(a.body), 2000)]))
		for _, word := range []string{"simulat", "fake", "mock", "callvault", "httptest"} {
			require.NotContains(t, all, word)
		}
	}
}

func TestAnswersTellNothingOfTheSecret(t *testing.T) {
	w := newWorld(t, Config{ClientSecret: "canary-secret", ClientID: "cs-canary"})
	for _, token := range []string{"", "x", w.token(nil)} {
		require.NotContains(t, w.askWith(token).body, "canary")
	}
}

// Whoever writes HTTP by hand gets what HTTP says.
func TestBytesOnTheWire(t *testing.T) {
	w := newWorld(t, Config{})
	host := strings.TrimPrefix(w.server.URL, "http://")
	path := "/api/public/bot/" + DefaultBotID + "/v2/recordings?sessionId=65e7133a3242653c58d70000"
	for name, c := range map[string]struct{ request, says string }{
		"lower-case header":    {"GET " + path + " HTTP/1.1\r\nHost: h\r\nauth: " + w.token(nil) + "\r\nConnection: close\r\n\r\n", "HTTP/1.1 200 OK"},
		"upper-case header":    {"GET " + path + " HTTP/1.1\r\nHost: h\r\nAUTH: " + w.token(nil) + "\r\nConnection: close\r\n\r\n", "HTTP/1.1 200 OK"},
		"HTTP/1.0":             {"GET " + path + " HTTP/1.0\r\nauth: " + w.token(nil) + "\r\n\r\n", "HTTP/1.0 200 OK"},
		"no host":              {"GET " + path + " HTTP/1.1\r\n\r\n", "HTTP/1.1 400 Bad Request"},
		"token in two headers": {"GET " + path + " HTTP/1.1\r\nHost: h\r\nauth: a\r\nauth: b\r\nConnection: close\r\n\r\n", "HTTP/1.1 401 Unauthorized"},
	} {
		t.Run(name, func(t *testing.T) {
			conn, err := net.Dial("tcp", host)
			require.NoError(t, err)
			defer conn.Close()
			_, err = conn.Write([]byte(c.request))
			require.NoError(t, err)
			reply := make([]byte, len(c.says))
			_, err = conn.Read(reply)
			require.NoError(t, err)
			require.Equal(t, c.says, string(reply))
		})
	}
}

func TestItWorksBehindAPlainHTTPServerOnAnyPort(t *testing.T) {
	w := newWorld(t, Config{})
	id := w.call(Session{})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	server := &http.Server{Handler: w.Simulator, ReadHeaderTimeout: time.Minute}
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close() })
	base := "http://" + listener.Addr().String()
	a := w.get(base+"/api/public/bot/"+DefaultBotID+"/v2/recordings?sessionId="+id, "auth", w.token(nil))
	require.True(t, strings.HasPrefix(a.recordings(t).Recording[0].FileURL, base+"/"))
}

func newTLSServer(t *testing.T, handler http.Handler) *httptest.Server {
	t.Helper()
	server := httptest.NewTLSServer(handler)
	t.Cleanup(server.Close)
	return server
}
