package worker_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"

	"github.com/callvault/callvault/internal/worker"
)

// TestMain sets a proxy that nobody answers at, before net/http reads it once.
func TestMain(m *testing.M) {
	os.Setenv("HTTP_PROXY", "http://127.0.0.1:1")
	os.Exit(m.Run())
}

// temporal is a client whose server is well or not.
type temporal struct {
	client.Client
	down atomic.Bool
}

func (c *temporal) CheckHealth(context.Context, *client.CheckHealthRequest) (*client.CheckHealthResponse, error) {
	if c.down.Load() {
		return nil, errors.New("canary: dial tcp 10.0.0.1:7233: connection refused")
	}
	return &client.CheckHealthResponse{}, nil
}

// freeAddress is one that nobody listens at.
func freeAddress(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	return listener.Addr().String()
}

func get(t *testing.T, method, url string) (int, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	require.NoError(t, err)
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return response.StatusCode, string(body)
}

func TestAWorkerIsReadyOnceItServesAndTemporalAnswers(t *testing.T) {
	server := new(temporal)
	health := worker.NewHealth(server)
	address := freeAddress(t)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	require.NoError(t, health.Serve(ctx, address))

	status, body := get(t, http.MethodGet, "http://"+address+"/readyz")
	require.Equal(t, http.StatusServiceUnavailable, status)
	require.Equal(t, "starting\n", body)
	require.ErrorContains(t, worker.AskReady(ctx, address), "not ready: 503")
	status, body = get(t, http.MethodGet, "http://"+address+"/healthz")
	require.Equal(t, http.StatusOK, status, "it lives, though it is not ready")
	require.Equal(t, "ok\n", body)

	health.Ready()
	status, body = get(t, http.MethodGet, "http://"+address+"/readyz")
	require.Equal(t, http.StatusOK, status)
	require.Equal(t, "ready\n", body)
	require.NoError(t, worker.AskReady(ctx, address))

	server.down.Store(true)
	status, body = get(t, http.MethodGet, "http://"+address+"/readyz")
	require.Equal(t, http.StatusServiceUnavailable, status)
	require.Equal(t, "Temporal does not answer\n", body, "and no more of the network than that")
	require.Error(t, worker.AskReady(ctx, address))
	server.down.Store(false)
	require.NoError(t, worker.AskReady(ctx, address), "it recovers by itself")
}

func TestHealthAnswersNothingElse(t *testing.T) {
	address := freeAddress(t)
	require.NoError(t, worker.NewHealth(new(temporal)).Serve(t.Context(), address))
	status, _ := get(t, http.MethodPost, "http://"+address+"/healthz")
	require.Equal(t, http.StatusMethodNotAllowed, status)
	status, _ = get(t, http.MethodGet, "http://"+address+"/")
	require.Equal(t, http.StatusNotFound, status)
}

func TestABusyOrUnusableHealthAddressIsNamed(t *testing.T) {
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer busy.Close()
	for _, address := range []string{busy.Addr().String(), "nonsense", "127.0.0.1:99999"} {
		err := worker.NewHealth(new(temporal)).Serve(t.Context(), address)
		require.ErrorContains(t, err, "CALLVAULT_HEALTH_ADDRESS: ")
		require.ErrorContains(t, err, "give another address")
	}
}

func TestNobodyThereIsNotReady(t *testing.T) {
	require.Error(t, worker.AskReady(t.Context(), freeAddress(t)))
	require.Error(t, worker.AskReady(t.Context(), "no address at all"))
}

func TestAWorkerThatListensEverywhereIsAskedOnThisMachine(t *testing.T) {
	health := worker.NewHealth(new(temporal))
	health.Ready()
	_, port, err := net.SplitHostPort(freeAddress(t))
	require.NoError(t, err)
	require.NoError(t, health.Serve(t.Context(), ":"+port))
	// TestMain has set a proxy that nobody answers at.
	require.NoError(t, worker.AskReady(t.Context(), ":"+port))
	require.NoError(t, worker.AskReady(t.Context(), "0.0.0.0:"+port))
}
