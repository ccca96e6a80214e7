// Package countingproxy counts the requests of a store's clients, for tests and benchmarks.
package countingproxy

import (
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

// Proxy stands between a worker and a store. It passes everything on as it is, the
// Host too, which the signatures cover.
type Proxy struct {
	// URL is its address, on loopback.
	URL string
	// Put is the bytes of the bodies of PUT requests, as far as they were read.
	Put atomic.Int64

	mu       sync.Mutex
	requests []string
}

// Start starts a proxy for the store at an endpoint. It stops when the test ends.
func Start(t testing.TB, endpoint string) *Proxy {
	t.Helper()
	target, err := url.Parse(endpoint)
	require.NoError(t, err)
	p := &Proxy{}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.DisableCompression = true
	server := httptest.NewServer(&httputil.ReverseProxy{
		Transport: transport,
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(target)
			r.Out.Host = r.In.Host
			p.count(r.Out)
		},
		ErrorLog: log.New(io.Discard, "", 0), // A killed worker is no fault of the proxy.
	})
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
		transport.CloseIdleConnections()
	})
	p.URL = server.URL
	return p
}

func (p *Proxy) count(r *http.Request) {
	if r.Method == http.MethodPut && r.Body != nil {
		r.Body = &countedBody{r.Body, &p.Put}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.requests = append(p.requests, operation(r))
}

// Taken returns the requests since the last call, and forgets them.
func (p *Proxy) Taken() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	requests := p.requests
	p.requests = nil
	return requests
}

// operation names a request as its price list does: COPY and LIST for what HTTP calls PUT
// and GET.
func operation(r *http.Request) string {
	query := r.URL.Query()
	_, key, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	switch {
	case r.Method == http.MethodPut && r.Header.Get("X-Amz-Copy-Source") != "":
		return "COPY"
	case r.Method == http.MethodGet && (key == "" && !query.Has("location") || query.Has("uploadId")):
		return "LIST"
	}
	return r.Method
}

// IsExpensive reports whether S3 bills an operation as one of the expensive class. A DELETE
// costs nothing.
func IsExpensive(operation string) bool {
	switch operation {
	case http.MethodPut, http.MethodPost, "COPY", "LIST":
		return true
	}
	return false
}

// countedBody counts what is read of a body.
type countedBody struct {
	io.ReadCloser
	bytes *atomic.Int64
}

func (c *countedBody) Read(p []byte) (int, error) {
	n, err := c.ReadCloser.Read(p)
	c.bytes.Add(int64(n))
	return n, err
}
