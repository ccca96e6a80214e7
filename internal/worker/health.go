package worker

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"go.temporal.io/sdk/client"
)

const healthTimeout = 3 * time.Second

// Health answers /healthz (the process lives) and /readyz (the queues are
// served and Temporal answers).
type Health struct {
	client client.Client
	ready  atomic.Bool
}

// NewHealth returns a Health that is not ready yet.
func NewHealth(c client.Client) *Health { return &Health{client: c} }

// Ready says that the queues are served.
func (h *Health) Ready() { h.ready.Store(true) }

// Serve answers at address until ctx ends.
func (h *Health) Serve(ctx context.Context, address string) error {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if err != nil {
		return fmt.Errorf("CALLVAULT_HEALTH_ADDRESS: %w: give another address, or none to do without", err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.HandleFunc("GET /readyz", h.readyz)
	server := &http.Server{Handler: mux, ReadHeaderTimeout: healthTimeout, WriteTimeout: 2 * healthTimeout}
	context.AfterFunc(ctx, func() { server.Close() })
	go func() { _ = server.Serve(listener) }() // It ends with ctx, by Close.
	return nil
}

func (h *Health) readyz(w http.ResponseWriter, request *http.Request) {
	ctx, cancel := context.WithTimeout(request.Context(), healthTimeout)
	defer cancel()
	if !h.ready.Load() {
		http.Error(w, "starting", http.StatusServiceUnavailable)
		return
	}
	if _, err := h.client.CheckHealth(ctx, &client.CheckHealthRequest{}); err != nil {
		http.Error(w, "Temporal does not answer", http.StatusServiceUnavailable)
		return
	}
	fmt.Fprintln(w, "ready")
}

// AskReady asks a worker on this machine whether it is ready.
func AskReady(ctx context.Context, address string) error {
	ctx, cancel := context.WithTimeout(ctx, 2*healthTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/readyz", nil)
	if err != nil {
		return err
	}
	// This machine is asked without a proxy, also by an address such as ":8080".
	direct := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := direct.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return errors.New("the worker is not ready: " + response.Status)
	}
	return nil
}
