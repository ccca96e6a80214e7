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

// noon is the time at which every test begins.
var noon = time.Date(2026, 3, 5, 12, 0, 0, 0, time.UTC)

// clock is a fake clock that moves only with Advance.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// harness is a simulator on a loopback socket, and a client that does not retry, follow redirects or decompress.
type harness struct {
	*Simulator
	t      *testing.T
	clock  *clock
	server *httptest.Server
	client *http.Client
}

func newHarness(t *testing.T, config Config) *harness {
	t.Helper()
	c := &clock{now: noon}
	config.Now = c.Now
	s, err := New(config)
	require.NoError(t, err)
	server := httptest.NewServer(s)
	// One connection per request: on a reused one the transport would retry a GET after a reset, which changes the counts.
	transport := &http.Transport{DisableCompression: true, DisableKeepAlives: true}
	t.Cleanup(func() {
		require.NoError(t, s.Close())
		transport.CloseIdleConnections()
		server.Close() // blocks until every handler has returned
	})
	client := &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return &harness{s, t, c, server, client}
}

// addSession adds a session and returns its id; the zero session is one mono file that is ready at once.
func (h *harness) addSession(session Session) string {
	h.t.Helper()
	defaultString(&session.BotID, DefaultBotID)
	defaultString(&session.SessionID, NewSessionID(noon.Add(-time.Hour), serials.Add(1)))
	if session.Files == nil {
		session.Files = []File{{Duration: 200 * time.Millisecond}}
	}
	require.NoError(h.t, h.AddSession(session))
	return session.SessionID
}

var serials atomic.Uint64

// response is an HTTP response whose body was read to the end or to an error.
type response struct {
	status int
	header http.Header
	body   string
	err    error // of reading the body
}

func (h *harness) send(req *http.Request) response {
	h.t.Helper()
	res, err := h.client.Do(req)
	if err != nil {
		return response{err: err}
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	return response{res.StatusCode, res.Header, string(body), err}
}

func (h *harness) request(method, target string, headers ...string) *http.Request {
	h.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute) // only a safety net; no test waits for it
	h.t.Cleanup(cancel)
	req, err := http.NewRequestWithContext(ctx, method, target, nil)
	require.NoError(h.t, err)
	for i := 0; i < len(headers); i += 2 {
		req.Header.Add(headers[i], headers[i+1])
	}
	return req
}

func (h *harness) get(target string, headers ...string) response {
	h.t.Helper()
	return h.send(h.request(http.MethodGet, target, headers...))
}

// recordingsURL returns the URL of the endpoint for the default bot.
func (h *harness) recordingsURL(query string) string {
	return h.server.URL + "/api/public/bot/" + DefaultBotID + "/v2/recordings" + query
}

// getStatus makes a status call with a new token.
func (h *harness) getStatus(sessionID string) response {
	h.t.Helper()
	return h.get(h.recordingsURL("?sessionId="+url.QueryEscape(sessionID)), "auth", h.token(nil))
}

// getStatusWith makes a status call with this token.
func (h *harness) getStatusWith(token string) response {
	h.t.Helper()
	return h.get(h.recordingsURL("?sessionId=65e7133a3242653c58d70000"), "auth", token)
}

var jtis atomic.Uint64

// token returns a complete token that every setting accepts; a nil value in changes removes the claim.
func (h *harness) token(changes jwt.MapClaims) string {
	h.t.Helper()
	now := h.clock.Now()
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
	return sign(h.t, jwt.SigningMethodHS256, claims, []byte(DefaultClientSecret))
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

func (resp response) recordings(t *testing.T) recordings {
	t.Helper()
	require.NoError(t, resp.err)
	require.Equal(t, http.StatusOK, resp.status, resp.body)
	var r recordings
	require.NoError(t, json.Unmarshal([]byte(resp.body), &r), resp.body)
	return r
}

// recordingStatus returns the recording status in the response.
func (resp response) recordingStatus(t *testing.T) string {
	t.Helper()
	r := resp.recordings(t)
	require.NotNil(t, r.Status, resp.body)
	return *r.Status
}

// mediaURL makes a status call and returns the URL of the session's first file.
func (h *harness) mediaURL(sessionID string) string {
	h.t.Helper()
	r := h.getStatus(sessionID).recordings(h.t)
	require.NotEmpty(h.t, r.Recording)
	return r.Recording[0].FileURL
}

// requireError checks the vendor's error envelope byte for byte.
func requireError(t *testing.T, resp response, status, code int, msg string) {
	t.Helper()
	require.NoError(t, resp.err)
	require.Equal(t, status, resp.status, resp.body)
	require.Equal(t, jsonType, resp.header.Get("Content-Type"))
	text, err := json.Marshal(msg)
	require.NoError(t, err)
	require.Equal(t, fmt.Sprintf(`{"errors":[{"msg":%s,"code":%d}]}`, text, code), resp.body)
}

// await waits for an event, not for a time.
func (h *harness) await(until func(Counts) bool) {
	h.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	require.NoError(h.t, h.Await(ctx, until))
}
