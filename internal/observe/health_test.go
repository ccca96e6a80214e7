package observe_test

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
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"

	"github.com/callvault/callvault/internal/observe"
)

// TestMain sets a proxy that does not exist, before net/http reads it once.
func TestMain(m *testing.M) {
	os.Setenv("HTTP_PROXY", "http://127.0.0.1:1")
	os.Exit(m.Run())
}

// temporal is a client whose server is up or down, with or without callvault's
// search attributes.
type temporal struct {
	client.Client
	down, bare atomic.Bool
}

func (c *temporal) CountWorkflow(context.Context, *workflowservice.CountWorkflowExecutionsRequest) (*workflowservice.CountWorkflowExecutionsResponse, error) {
	if c.bare.Load() {
		return nil, serviceerror.NewInvalidArgument("invalid query: CallvaultBot is not a valid search attribute")
	}
	return &workflowservice.CountWorkflowExecutionsResponse{}, nil
}

func (c *temporal) CheckHealth(context.Context, *client.CheckHealthRequest) (*client.CheckHealthResponse, error) {
	if c.down.Load() {
		return nil, errors.New("canary: dial tcp 10.0.0.1:7233: connection refused")
	}
	return &client.CheckHealthResponse{}, nil
}

// freeAddress returns an address without a listener.
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

func TestReadinessFollowsTheWorkerAndTemporal(t *testing.T) {
	server := new(temporal)
	health := observe.NewHealth(server, "default")
	address := freeAddress(t)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	require.NoError(t, observe.Serve(ctx, address, health))

	status, body := get(t, http.MethodGet, "http://"+address+"/readyz")
	require.Equal(t, http.StatusServiceUnavailable, status)
	require.Equal(t, "starting\n", body)
	require.ErrorContains(t, observe.AskReady(ctx, address), "not ready: 503")
	status, body = get(t, http.MethodGet, "http://"+address+"/healthz")
	require.Equal(t, http.StatusOK, status, "it is alive, though not ready")
	require.Equal(t, "ok\n", body)

	health.Ready()
	status, body = get(t, http.MethodGet, "http://"+address+"/readyz")
	require.Equal(t, http.StatusOK, status)
	require.Equal(t, "ready\n", body)
	require.NoError(t, observe.AskReady(ctx, address))

	server.down.Store(true)
	status, body = get(t, http.MethodGet, "http://"+address+"/readyz")
	require.Equal(t, http.StatusServiceUnavailable, status)
	require.Equal(t, "Temporal does not respond\n", body, "and no more of the network than that")
	require.Error(t, observe.AskReady(ctx, address))
	server.down.Store(false)
	require.NoError(t, observe.AskReady(ctx, address), "it recovers by itself")

	server.bare.Store(true)
	require.ErrorContains(t, observe.AskReady(ctx, address), "lacks callvault's search attributes: run ")
	server.bare.Store(false)
	require.NoError(t, observe.AskReady(ctx, address))
}

func TestOtherPathsAndMethodsAreRefused(t *testing.T) {
	address := freeAddress(t)
	require.NoError(t, observe.Serve(t.Context(), address, observe.NewHealth(new(temporal), "default")))
	status, _ := get(t, http.MethodPost, "http://"+address+"/healthz")
	require.Equal(t, http.StatusMethodNotAllowed, status)
	status, _ = get(t, http.MethodGet, "http://"+address+"/")
	require.Equal(t, http.StatusNotFound, status)
}

func TestUnusableHealthAddressIsNamed(t *testing.T) {
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer busy.Close()
	for _, address := range []string{busy.Addr().String(), "nonsense", "127.0.0.1:99999"} {
		err := observe.Serve(t.Context(), address, observe.NewHealth(new(temporal), "default"))
		require.ErrorContains(t, err, "CALLVAULT_HEALTH_ADDRESS: ")
		require.ErrorContains(t, err, "give another address")
	}
}

func TestNoListenerIsNotReady(t *testing.T) {
	require.Error(t, observe.AskReady(t.Context(), freeAddress(t)))
	require.Error(t, observe.AskReady(t.Context(), "no address at all"))
}

func TestWildcardAddressIsAskedLocally(t *testing.T) {
	health := observe.NewHealth(new(temporal), "default")
	health.Ready()
	_, port, err := net.SplitHostPort(freeAddress(t))
	require.NoError(t, err)
	require.NoError(t, observe.Serve(t.Context(), ":"+port, health))
	// TestMain has set a proxy that does not exist.
	require.NoError(t, observe.AskReady(t.Context(), ":"+port))
	require.NoError(t, observe.AskReady(t.Context(), "0.0.0.0:"+port))
}
