package temporalserver

import (
	"context"
	"fmt"
	"net/http"
	"time"

	uiserver "github.com/temporalio/ui-server/v2/server"
	uiconfig "github.com/temporalio/ui-server/v2/server/config"
	uioptions "github.com/temporalio/ui-server/v2/server/server_options"

	"github.com/callvault/callvault/dev/internal/ports"
)

// uiPoll is the interval between checks whether the UI responds. It normally
// starts within a few milliseconds.
const uiPoll = 10 * time.Millisecond

// startUI serves the Web UI and returns its URL when it responds.
//
// The UI server opens its port itself and ends the process if it cannot, so the
// port stays reserved until just before that.
func startUI(ctx context.Context, frontend, namespace string, port int) (*uiserver.Server, string, error) {
	reserved, err := ports.Reserve(port)
	if err != nil {
		return nil, "", fmt.Errorf("temporal web ui: %w", err)
	}
	ui := uiserver.NewServer(uioptions.WithConfigProvider(&uiconfig.Config{
		Host:                ports.Loopback,
		Port:                reserved.Port(),
		TemporalGRPCAddress: frontend,
		DefaultNamespace:    namespace,
		EnableUI:            true,
		// The page is served over plain HTTP.
		CORS: uiconfig.CORS{CookieInsecure: true},
		// No output on stdout, and no requests to other machines.
		HideLogs:           true,
		DisableNewsFetch:   true,
		NotifyOnNewVersion: false,
	}))
	reserved.Release()
	go func() { _ = ui.Start() }()

	url := "http://" + reserved.Address()
	if err := awaitUI(ctx, url+"/healthz"); err != nil {
		ui.Stop()
		return nil, "", err
	}
	return ui, url, nil
}

func awaitUI(ctx context.Context, url string) error {
	tick := time.NewTicker(uiPoll)
	defer tick.Stop()
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return fmt.Errorf("temporal web ui: %w", err)
		}
		// No keep-alive: the UI's Stop would wait for an open connection.
		req.Close = true
		resp, err := http.DefaultClient.Do(req)
		if err == nil {
			_ = resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return nil
			}
			err = fmt.Errorf("status %s", resp.Status)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("temporal web ui: %s does not respond: %w", url, err)
		case <-tick.C:
		}
	}
}
