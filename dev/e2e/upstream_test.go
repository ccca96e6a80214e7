package e2e_test

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

// upstream is a test's own stand-in of the vendor, behind a server that can
// hold downloads in the middle, that can answer in the stand-in's place, and
// that remembers every credential that passed by.
type upstream struct {
	*simulator.Simulator
	url string

	mu          sync.Mutex
	gate        *gate
	instead     func(http.ResponseWriter, *http.Request) bool
	credentials []string
}

func startUpstream(t *testing.T, config simulator.Config) *upstream {
	t.Helper()
	s, err := simulator.New(config)
	require.NoError(t, err)
	u := &upstream{Simulator: s}
	server := httptest.NewServer(u)
	t.Cleanup(func() {
		require.NoError(t, s.Close())
		server.CloseClientConnections()
		server.Close()
	})
	u.url = server.URL
	return u
}

func (u *upstream) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	isMedia := strings.HasPrefix(r.URL.Path, "/api/getMediaStream/")
	u.mu.Lock()
	gate, instead := u.gate, u.instead
	u.remember(r)
	u.mu.Unlock()
	switch {
	case instead != nil && instead(w, r):
	case isMedia && gate != nil:
		u.Simulator.ServeHTTP(&gatedWriter{ResponseWriter: w, gate: gate, ctx: r.Context()}, r)
	default:
		u.Simulator.ServeHTTP(w, r)
	}
}

// remember notes the credentials of a request: each part of a token by itself,
// and the signature of a media URL. The caller holds u.mu.
func (u *upstream) remember(r *http.Request) {
	parts := strings.Split(r.Header.Get("auth"), ".")
	if len(parts) == 3 {
		parts = parts[1:] // The header is the same for every token.
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

// seen are the credentials that passed by.
func (u *upstream) seen() []string {
	u.mu.Lock()
	defer u.mu.Unlock()
	return slices.Clone(u.credentials)
}

// answerInstead lets answer take over the requests for which it returns true.
func (u *upstream) answerInstead(answer func(http.ResponseWriter, *http.Request) bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.instead = answer
}

// holdDownloads stops every download after so many bytes until the gate is
// opened or the client goes away.
func (u *upstream) holdDownloads(after int64) *gate {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.gate = &gate{after: after, held: make(chan struct{}, 100), opened: make(chan struct{})}
	return u.gate
}

type gate struct {
	after  int64
	held   chan struct{}
	opened chan struct{}
}

// awaitHeld waits until that many downloads are held.
func (g *gate) awaitHeld(ctx context.Context, t *testing.T, downloads int) {
	t.Helper()
	for range downloads {
		select {
		case <-g.held:
		case <-ctx.Done():
			require.FailNow(t, "the download does not get to the gate")
		}
	}
}

func (g *gate) open() { close(g.opened) }

type gatedWriter struct {
	http.ResponseWriter
	gate   *gate
	ctx    context.Context
	sent   int64
	passed bool
}

var errClientGone = errors.New("the client is gone")

func (w *gatedWriter) Write(p []byte) (int, error) {
	if w.passed || w.sent+int64(len(p)) <= w.gate.after {
		n, err := w.ResponseWriter.Write(p)
		w.sent += int64(n)
		return n, err
	}
	w.passed = true
	if err := http.NewResponseController(w.ResponseWriter).Flush(); err != nil {
		return 0, err
	}
	select {
	case <-w.gate.opened: // It was opened before this download came.
	default:
		w.gate.held <- struct{}{}
	}
	select {
	case <-w.gate.opened:
		return w.ResponseWriter.Write(p)
	case <-w.ctx.Done():
		return 0, errClientGone
	}
}

// Unwrap lets http.ResponseController reach the connection.
func (w *gatedWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
