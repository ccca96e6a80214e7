// Package observe is what a worker shows of itself over HTTP.
package observe

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync/atomic"
	"time"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"

	"github.com/callvault/callvault/internal/program"
	"github.com/callvault/callvault/internal/searchattr"
)

// checkTimeout bounds all checks of one request.
const checkTimeout = 3 * time.Second

// Health serves /healthz (the process is alive) and /readyz (the queues are
// served, Temporal responds and the namespace has the search attributes).
type Health struct {
	client    client.Client
	namespace string
	ready     atomic.Bool
}

// NewHealth returns a Health that is not ready yet.
func NewHealth(c client.Client, namespace string) *Health {
	return &Health{client: c, namespace: namespace}
}

// Ready says that the queues are served.
func (h *Health) Ready() { h.ready.Store(true) }

// Register adds the two paths to mux.
func (h *Health) Register(mux *http.ServeMux) {
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, request *http.Request) {
		if problem := h.problem(request.Context()); problem != "" {
			http.Error(w, problem, http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(w, "ready")
	})
}

// problem returns why the worker is not ready, or "". It tells no more of the
// network than that: anyone who reaches the address can read it.
func (h *Health) problem(ctx context.Context) string {
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	if !h.ready.Load() {
		return "starting"
	}
	var denied *serviceerror.PermissionDenied
	var unknown *serviceerror.Unimplemented
	if _, err := h.client.CheckHealth(ctx, &client.CheckHealthRequest{}); err != nil && !errors.As(err, &denied) && !errors.As(err, &unknown) {
		return "Temporal does not respond"
	}
	var missing *serviceerror.InvalidArgument
	if errors.As(searchattr.Check(ctx, h.client, h.namespace), &missing) {
		return fmt.Sprintf("the namespace lacks callvault's search attributes: run %q", program.Name("starter")+" setup")
	}
	return ""
}
