package observe

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
)

// Page is something that a worker shows over HTTP.
type Page interface{ Register(mux *http.ServeMux) }

// Serve serves pages at address until ctx ends. All that a worker shows over
// HTTP shares this one mux.
func Serve(ctx context.Context, address string, pages ...Page) error {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if err != nil {
		return fmt.Errorf("CALLVAULT_HEALTH_ADDRESS: %w: give another address, or none to do without", err)
	}
	mux := http.NewServeMux()
	for _, page := range pages {
		page.Register(mux)
	}
	server := &http.Server{Handler: mux, ReadHeaderTimeout: checkTimeout, WriteTimeout: 2 * checkTimeout}
	context.AfterFunc(ctx, func() { server.Close() })
	go func() { _ = server.Serve(listener) }() // It ends with ctx, by Close.
	return nil
}

// AskReady asks a worker on this machine whether it is ready. Its error holds
// the reason why it is not.
func AskReady(ctx context.Context, address string) error {
	ctx, cancel := context.WithTimeout(ctx, 2*checkTimeout)
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
		reason, _ := io.ReadAll(io.LimitReader(response.Body, 1<<10))
		return fmt.Errorf("the worker is not ready: %s: %s", response.Status, strings.TrimSpace(string(reason)))
	}
	return nil
}
