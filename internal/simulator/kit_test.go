package simulator

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"
)

// noon is when every test begins.
var noon = time.Date(2026, 3, 5, 12, 0, 0, 0, time.UTC)

// clock is a clock that stands still until it is moved.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) Move(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// world is a simulator on a loopback socket, and a client that trusts nothing to the transport.
type world struct {
	*Simulator
	t      *testing.T
	clock  *clock
	server *httptest.Server
	client *http.Client
}

func newWorld(t *testing.T, config Config) *world {
	t.Helper()
	c := &clock{now: noon}
	config.Now = c.Now
	s, err := New(config)
	require.NoError(t, err)
	server := httptest.NewServer(s)
	// A connection for each request: over one that is used again the transport repeats a GET that was reset, and tests count.
	transport := &http.Transport{DisableCompression: true, DisableKeepAlives: true}
	t.Cleanup(func() {
		require.NoError(t, s.Close())
		transport.CloseIdleConnections()
		server.Close() // hangs if a handler was not let go
	})
	client := &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return &world{s, t, c, server, client}
}

// call adds a session and returns its id; the zero session is one mono file that is ready at once.
func (w *world) call(session Session) string {
	w.t.Helper()
	orString(&session.BotID, DefaultBotID)
	orString(&session.SessionID, NewSessionID(noon.Add(-time.Hour), serials.Add(1)))
	if session.Files == nil {
		session.Files = []File{{Duration: 200 * time.Millisecond}}
	}
	require.NoError(w.t, w.AddSession(session))
	return session.SessionID
}

var serials atomic.Uint64

// answer is what came back, read to the end or to the error.
type answer struct {
	status int
	header http.Header
	body   string
	err    error // of reading the body
}

func (w *world) send(req *http.Request) answer {
	w.t.Helper()
	res, err := w.client.Do(req)
	if err != nil {
		return answer{err: err}
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	return answer{res.StatusCode, res.Header, string(body), err}
}

func (w *world) request(method, target string, headers ...string) *http.Request {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute) // a backstop; no test waits for it
	w.t.Cleanup(cancel)
	req, err := http.NewRequestWithContext(ctx, method, target, nil)
	require.NoError(w.t, err)
	for i := 0; i < len(headers); i += 2 {
		req.Header.Add(headers[i], headers[i+1])
	}
	return req
}

func (w *world) get(target string, headers ...string) answer {
	w.t.Helper()
	return w.send(w.request(http.MethodGet, target, headers...))
}

// recordingsURL is the endpoint's address for the default bot.
func (w *world) recordingsURL(query string) string {
	return w.server.URL + "/api/public/bot/" + DefaultBotID + "/v2/recordings" + query
}

// ask makes a status call with a new token.
func (w *world) ask(sessionID string) answer {
	w.t.Helper()
	return w.get(w.recordingsURL("?sessionId="+url.QueryEscape(sessionID)), "auth", w.token(nil))
}

// askWith makes a status call with this token.
func (w *world) askWith(token string) answer {
	w.t.Helper()
	return w.get(w.recordingsURL("?sessionId=65e7133a3242653c58d70000"), "auth", token)
}

var jtis atomic.Uint64

// token is a complete one that every setting accepts; a nil value in changes takes a claim out.
func (w *world) token(changes jwt.MapClaims) string {
	w.t.Helper()
	now := w.clock.Now()
	claims := jwt.MapClaims{
		"appId": DefaultClientID, "sub": "anything", "iat": now.Unix(), "exp": now.Add(5 * time.Minute).Unix(), "jti": fmt.Sprint("jti-", jtis.Add(1)),
	}
	for k, v := range changes {
		if v == nil {
			delete(claims, k)
			continue
		}
		claims[k] = v
	}
	return sign(w.t, jwt.SigningMethodHS256, claims, []byte(DefaultClientSecret))
}

func sign(t *testing.T, method jwt.SigningMethod, claims jwt.MapClaims, key any) string {
	t.Helper()
	s, err := jwt.NewWithClaims(method, claims).SignedString(key)
	require.NoError(t, err)
	return s
}

type recordings struct {
	Status    *string
	Recording []struct{ FileName, FileURL string }
}

func (a answer) recordings(t *testing.T) recordings {
	t.Helper()
	require.NoError(t, a.err)
	require.Equal(t, http.StatusOK, a.status, a.body)
	var r recordings
	require.NoError(t, json.Unmarshal([]byte(a.body), &r), a.body)
	return r
}

// status is the status that an answer tells.
func (a answer) statusText(t *testing.T) string {
	t.Helper()
	r := a.recordings(t)
	require.NotNil(t, r.Status, a.body)
	return *r.Status
}

// mediaURL asks for the session and returns the URL of its first file.
func (w *world) mediaURL(sessionID string) string {
	w.t.Helper()
	r := w.ask(sessionID).recordings(w.t)
	require.NotEmpty(w.t, r.Recording)
	return r.Recording[0].FileURL
}

// requireError checks the vendor's envelope, byte for byte.
func requireError(t *testing.T, a answer, status, code int, msg string) {
	t.Helper()
	require.NoError(t, a.err)
	require.Equal(t, status, a.status, a.body)
	require.Equal(t, jsonType, a.header.Get("Content-Type"))
	text, err := json.Marshal(msg)
	require.NoError(t, err)
	require.Equal(t, fmt.Sprintf(`{"errors":[{"msg":%s,"code":%d}]}`, text, code), a.body)
}

// await waits for an event, never for time to pass.
func (w *world) await(until func(Counts) bool) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	require.NoError(w.t, w.Await(ctx, until))
}
