package system

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/internal/simulator"
)

// Upstream is a test's own SmartAssist simulator behind a server that can block
// downloads halfway, can respond in place of the simulator, and records all
// credentials that it receives.
type Upstream struct {
	*simulator.Simulator
	URL string

	mu          sync.Mutex
	barrier     *Barrier
	override    func(http.ResponseWriter, *http.Request) bool
	credentials []string
}

// StartUpstream starts a simulator with the configuration. It ends with the test.
func StartUpstream(t testing.TB, config simulator.Config) *Upstream {
	t.Helper()
	s, err := simulator.New(config)
	require.NoError(t, err)
	u := &Upstream{Simulator: s}
	server := httptest.NewServer(u)
	t.Cleanup(func() {
		require.NoError(t, s.Close())
		server.CloseClientConnections()
		server.Close()
	})
	u.URL = server.URL
	return u
}

func (u *Upstream) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	isMedia := strings.HasPrefix(r.URL.Path, "/api/getMediaStream/")
	u.mu.Lock()
	barrier, override := u.barrier, u.override
	u.recordCredentials(r)
	u.mu.Unlock()
	switch {
	case override != nil && override(w, r):
	case isMedia && barrier != nil:
		u.Simulator.ServeHTTP(&barrierWriter{ResponseWriter: w, barrier: barrier, ctx: r.Context()}, r)
	default:
		u.Simulator.ServeHTTP(w, r)
	}
}

// recordCredentials records the credentials of a request: each part of a token
// separately, and the signature of a media URL. The caller holds u.mu.
func (u *Upstream) recordCredentials(r *http.Request) {
	parts := strings.Split(r.Header.Get("auth"), ".")
	if len(parts) == 3 || len(parts) == 5 {
		parts = parts[1:] // The header is the same for every token, encrypted or not.
	}
	if _, signature, signed := strings.Cut(r.URL.RawQuery, "&s="); signed {
		parts = append(parts, strings.TrimRight(signature, "$"))
	}
	for _, part := range parts {
		if part != "" && !slices.Contains(u.credentials, part) {
			u.credentials = append(u.credentials, part)
		}
	}
}

// SeenCredentials returns the credentials received so far.
func (u *Upstream) SeenCredentials() []string {
	u.mu.Lock()
	defer u.mu.Unlock()
	return slices.Clone(u.credentials)
}

// OverrideResponses sets a function that is asked to respond first. It returns
// false to leave the request to the simulator.
func (u *Upstream) OverrideResponses(override func(http.ResponseWriter, *http.Request) bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.override = override
}

// BlockDownloads blocks every download after so many bytes until the barrier is
// opened or the client disconnects.
func (u *Upstream) BlockDownloads(after int64) *Barrier {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.barrier = &Barrier{after: after, blocked: make(chan struct{}, 100), opened: make(chan struct{})}
	return u.barrier
}

// Barrier holds downloads back until it is opened.
type Barrier struct {
	after   int64         // bytes
	blocked chan struct{} // receives a value per blocked download
	opened  chan struct{}
}

// AwaitBlocked waits until that many downloads are blocked.
func (b *Barrier) AwaitBlocked(ctx context.Context, t *testing.T, downloads int) {
	t.Helper()
	for range downloads {
		select {
		case <-b.blocked:
		case <-ctx.Done():
			require.FailNow(t, "timed out before the download reached the barrier")
		}
	}
}

// Open lets all downloads go on.
func (b *Barrier) Open() { close(b.opened) }

type barrierWriter struct {
	http.ResponseWriter
	barrier *Barrier
	ctx     context.Context
	sent    int64
	reached bool
}

var errClientGone = errors.New("client disconnected")

func (w *barrierWriter) Write(p []byte) (int, error) {
	if w.reached || w.sent+int64(len(p)) <= w.barrier.after {
		n, err := w.ResponseWriter.Write(p)
		w.sent += int64(n)
		return n, err
	}
	w.reached = true
	if err := http.NewResponseController(w.ResponseWriter).Flush(); err != nil {
		return 0, err
	}
	select {
	case <-w.barrier.opened: // Opened before this download: not blocked.
	default:
		w.barrier.blocked <- struct{}{}
	}
	select {
	case <-w.barrier.opened:
		return w.ResponseWriter.Write(p)
	case <-w.ctx.Done():
		return 0, errClientGone
	}
}

// Unwrap lets http.ResponseController reach the connection.
func (w *barrierWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
