package smartassist_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/internal/failure"
	"github.com/callvault/callvault/internal/smartassist"
)

// A token is valid for one request, but Go's HTTP client repeats a GET by itself
// if a reused connection turns out to be dead.
func TestTokenIsNotResentIfTheConnectionDies(t *testing.T) {
	var mu sync.Mutex
	requests := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		if requests++; requests == 2 {
			connection, _, err := w.(http.Hijacker).Hijack()
			if err == nil {
				connection.Close()
			}
			return
		}
		_, _ = w.Write([]byte(`{"status":"call_in_progress"}`))
	}))
	defer server.Close()
	base, err := url.Parse(server.URL)
	require.NoError(t, err)
	client := smartassist.NewClient(smartassist.Config{BaseURL: base})

	_, err = ask(t, client)
	require.NoError(t, err)
	require.Equal(t, failure.Transient, requireFailure(t, client).Kind)
	mu.Lock()
	defer mu.Unlock()
	require.Equal(t, 2, requests)
}
